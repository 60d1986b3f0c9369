"""Paid requests over real sockets and the real purse."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anyio
import pytest

from ogfd.plugin import Parked, Price
from ogfd.state import Spending, StateStore

NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
PRICES = {"ce:Get": Price(usd=Decimal("0.01"), monthly_budget_usd=Decimal("0.05"))}


def http(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d Reason" % status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.fixture
async def purse(tmp_path: Any) -> Any:
    store = await StateStore.open(tmp_path / "state.db")
    yield Spending(store)
    await store.close()


@pytest.fixture
def on_disk(tmp_path: Any) -> Any:
    """Returns how many requests another process sees on record."""

    def read() -> int:
        with closing(sqlite3.connect(tmp_path / "state.db")) as db:
            return int(db.execute("SELECT total(requests) FROM spending").fetchone()[0])

    return read


async def test_what_the_server_sees_is_on_record_already(
    make_traffic: Any, raw_server: Any, purse: Any, on_disk: Any
) -> None:
    """Committed, for whoever opens the file at that moment; each attempt of each kind of call."""
    seen: list[int] = []

    def answering(answer: bytes, *, whole: bool = True) -> Any:
        async def answered(_: Any, writer: Any) -> None:
            seen.append(await anyio.to_thread.run_sync(on_disk))
            writer.write(answer)
            await writer.drain()
            if not whole:
                writer.close()

        return answered

    async def sdk() -> None:
        seen.append(await anyio.to_thread.run_sync(on_disk))

    half = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 10\r\n\r\n01234'
    rest = http(206, b"56789", b'ETag: "1"', b"Content-Range: bytes 5-9/10")
    answers = [http(503), http(200, b"{}"), half, rest]
    scripted = [answering(each, whole=each is not half) for each in answers]
    async with (
        raw_server(*scripted) as server,
        make_traffic(purse=purse, prices=PRICES, allowed_origins=[server.url]) as traffic,
    ):
        await traffic.request("GET", server.url, operation="ce:Get")
        file = await traffic.download("ce:Get", traffic.content(server.url), size=10)
        await traffic.call("ce:Get", sdk)
        assert b"0123456789" == file.read_bytes()

    assert [1, 2, 3, 4, 5] == seen


@pytest.mark.parametrize("waiting", [1, 40])
async def test_calls_at_the_same_time_never_overspend(
    make_traffic: Any, purse: Any, recorder: Any, waiting: int
) -> None:
    """Two runs of a connector, however many tasks: as many requests as the budget pays."""
    made: list[str] = []

    async def sdk() -> None:
        made.append("sent")
        await anyio.lowlevel.checkpoint()

    async def ask(traffic: Any) -> None:
        try:
            await traffic.call("ce:Get", sdk)
        except Parked:
            made.append("parked")

    async with (
        make_traffic(purse=purse, prices=PRICES) as one,
        make_traffic(purse=purse, prices=PRICES) as other,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(waiting):
            tasks.start_soon(ask, one)
            tasks.start_soon(ask, other)

    sent = min(5, 2 * waiting)
    assert (sent, 2 * waiting - sent) == (made.count("sent"), made.count("parked"))
    assert [("ce:Get", Decimal("0.01"))] * sent == recorder.fees


async def test_the_next_month_has_a_budget_of_its_own(make_traffic: Any, purse: Any) -> None:
    """Also for a run that goes on over midnight; what the old one spent stays on record."""
    times = [NOVEMBER]

    async def sdk() -> None:
        """Do nothing."""

    async with make_traffic(purse=purse, prices=PRICES, now=lambda: times[-1]) as traffic:
        for _ in range(5):
            await traffic.call("ce:Get", sdk)
        with pytest.raises(Parked) as raised:
            await traffic.call("ce:Get", sdk)
        times.append(raised.value.next_due)
        await traffic.call("ce:Get", sdk)

    assert [5] == [each.requests for each in await purse.of("c", "2026-11")]
    assert [1] == [each.requests for each in await purse.of("c", "2026-12")]


async def test_a_listing_stops_at_the_page_that_it_cannot_pay(
    make_traffic: Any, purse: Any
) -> None:
    """What it has read is not taken for all there is."""
    pages: list[int] = []

    async def sdk(number: int) -> str:
        pages.append(number)
        return f"token-{number}"

    async def fetch(token: Any) -> Any:
        return await traffic.call("ce:Get", sdk, 0 if token is None else int(token[6:]) + 1)

    async with make_traffic(purse=purse, prices=PRICES) as traffic:
        with pytest.raises(Parked, match="would exceed its budget"):
            async for _ in traffic.pages(fetch, next_token=str):
                pass

    assert [0, 1, 2, 3, 4] == pages
