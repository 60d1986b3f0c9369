"""A month's budget for paid requests in the real composition: it holds whoever wants a run."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from making import batch_of, row

from ogfd.daemon import open_app
from ogfd.plugin import Money, Partition, Period, Price
from ogfd.runs import RunOutcome, RunRequest, Trigger
from ogfd.runs.due import dues
from ogfd.slices import Outcome

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
PAGE, LIST = "diary:Page", "diary:List"


@dataclass
class PaidDiary:
    """Three pages a month, and a listing; what each costs is for the test to say."""

    budgets: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    time: datetime = NOW
    name: str = "cost"

    def prices(self, _config):
        return {
            operation: Price(usd=Decimal("0.01"), monthly_budget_usd=Decimal(budget))
            for operation, budget in self.budgets.items()
        }

    @asynccontextmanager
    async def open(self, _config, ctx):
        self.ctx = ctx
        yield {"cost": self}

    async def partitions(self, _window):
        await self.ctx.call(LIST, self.asked.append, "list")
        return [
            Partition(
                key=month,
                period=Period.month(month),
                version="v1",
                requests=3,
                price=Money(amount=Decimal("0.03"), currency="USD"),
            )
            for month in ("2026-09", "2026-10")
        ]

    async def read(self, partition, out):
        for page in range(3):
            await self.ctx.call(PAGE, self.asked.append, f"{partition.key} {page}")
        await out.write(batch_of([row(billing_period=partition.key)]))


@pytest.fixture
def meter(monkeypatch):
    made = PaidDiary()
    monkeypatch.setattr("ogfd.daemon.utc_now", lambda: made.time)
    return made


@pytest.fixture
def site(bound, meter):
    """Opens the daemon's parts over what is on disk, as each new process does."""
    connector = bound.connectors["d"]
    spec = replace(connector.spec, open=meter.open, prices=meter.prices)
    settings = replace(bound.settings, connectors={"d": connector.table})
    paid = replace(bound, settings=settings, connectors={"d": replace(connector, spec=spec)})
    return lambda: open_app(paid)


async def ran(app, trigger=Trigger.SCHEDULE, **options):
    request = RunRequest(connector="d", trigger=trigger, **options)
    return await app.runner.run(request, lambda event: None)


def outcomes(result):
    return {each.slice.split("/")[-1]: each.outcome for each in result.slices}


async def test_a_read_that_cannot_be_paid_waits_for_the_next_month(site, meter):
    """In the middle of its pages: nothing of it is kept, what was read before it is."""
    meter.budgets = {PAGE: "0.05"}
    async with site() as app:
        result = await ran(app)

        assert [
            "list",
            *(f"2026-10 {n}" for n in range(3)),
            "2026-09 0",
            "2026-09 1",
        ] == meter.asked
        assert {"2026-10": Outcome.COMMITTED, "2026-09": Outcome.FAILED} == outcomes(result)
        [failed] = [each for each in result.slices if each.outcome is Outcome.FAILED]
        assert ("bad_request", DECEMBER) == (failed.error_class, failed.next_due)
        assert "0.05 USD are spent on 5 requests" in failed.reason
        assert RunOutcome.PARTIAL is result.outcome


@pytest.mark.parametrize("trigger", [Trigger.CLI, Trigger.API])
@pytest.mark.parametrize("force", [False, True])
async def test_nobody_gets_past_the_budget(site, meter, trigger, force):
    """An operator's run tries, and sends nothing; nor does a new process forget."""
    meter.budgets = {PAGE: "0.05"}
    async with site() as app:
        await ran(app)
    meter.asked.clear()
    async with site() as app:
        await ran(app)
        result = await ran(app, trigger, force=force)

    assert ["list", "list"] == meter.asked
    assert Outcome.FAILED is outcomes(result)["2026-09"]
    assert DECEMBER in {each.next_due for each in result.slices}


async def test_a_raised_budget_counts_from_the_next_run_that_is_asked_for(site, meter):
    """Until then the slice is left alone."""
    meter.budgets = {PAGE: "0.05"}
    async with site() as app:
        await ran(app)
    meter.budgets = {PAGE: "0.08"}
    async with site() as app:
        assert Outcome.FAILED is outcomes(await ran(app))["2026-09"]
        assert Outcome.COMMITTED is outcomes(await ran(app, Trigger.CLI))["2026-09"]

    assert 5 + 3 == len(meter.asked) - meter.asked.count("list")


async def test_the_next_month_reads_what_was_left(site, meter):
    """At its first instant, and not before."""
    meter.budgets = {PAGE: "0.05"}
    async with site() as app:
        await ran(app)
        state = app.runner.state
        assert {"cost": DECEMBER} == dues(
            await state.streams("d"), (await state.slices("d")).values()
        )
        meter.time = DECEMBER - timedelta(seconds=1)
        assert Outcome.FAILED is outcomes(await ran(app))["2026-09"]
        meter.time = DECEMBER
        assert Outcome.COMMITTED is outcomes(await ran(app, Trigger.RETRY))["2026-09"]


async def test_a_listing_that_cannot_be_paid_waits_too(site, meter):
    """The stream is parked; whoever asks lists it, and sends nothing either."""
    meter.budgets = {LIST: "0.01"}
    async with site() as app:
        await ran(app)
        meter.asked.clear()
        for trigger in (Trigger.SCHEDULE, Trigger.SCHEDULE, Trigger.CLI):
            result = await ran(app, trigger)
            [error] = result.errors
            assert ("bad_request", DECEMBER) == (error.error_class, error.next_due)
        assert {"cost": DECEMBER} == dues(await app.runner.state.streams("d"), [])

    assert [] == meter.asked


async def test_what_was_paid_is_shown(site, meter):
    """By the status, which knows it from the state store, and by the metrics of this process."""
    meter.budgets = {PAGE: "0.05", LIST: "1"}
    async with site() as app:
        await ran(app)
    async with site() as app:
        await ran(app)
        document = await app.operations.call("status", {}, lambda event: None)
        exposed = app.metrics.exposition("")[0].decode()

    [connector] = document["connectors"]
    assert [
        {"operation": LIST, "month": "2026-11", "requests": 2, "usd": "0.02"},
        {"operation": PAGE, "month": "2026-11", "requests": 5, "usd": "0.05"},
    ] == connector["spending"]
    for name, count, usd in ((LIST, 1.0, 0.01), (PAGE, 0.0, 0.0)):
        labels = f'{{connector="d",operation="{name}",provider="diary"}}'
        assert f"ogfd_paid_requests_total{labels} {count}\n" in exposed
        assert f"ogfd_paid_requests_usd_total{labels} {usd}\n" in exposed


async def test_a_plan_tells_what_a_sync_would_pay(site, meter):
    """Of the slices that it would read."""
    meter.budgets = {PAGE: "0.05"}
    async with site() as app:
        before = await app.operations.call("plan", {}, lambda event: None)
        await ran(app)
        after = await app.operations.call("plan", {}, lambda event: None)

    assert (6, [{"amount": "0.06", "currency": "USD"}]) == (
        before["total"]["paid_requests"],
        before["total"]["prices"],
    )
    assert (3, [{"amount": "0.03", "currency": "USD"}]) == (
        after["total"]["paid_requests"],
        after["total"]["prices"],
    )
