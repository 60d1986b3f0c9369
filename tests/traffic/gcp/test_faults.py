"""Faults on the way to BigQuery, in its answers and of its logins, under the real policy."""

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from google.auth.exceptions import InvalidOperation, RefreshError
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.faults import Rule
from proxying import Proxy
from traffic.gcp.matrix import ALWAYS, COST
from traffic.gcp.running import WINDOW, Bench, read

from ogfd.plugin import (
    AuthError,
    FatalError,
    Parked,
    SourceError,
    TransientError,
)
from ogfd.testing import Collected

TABLE = "bigquery:GetTable"
LOGIN = "login:GetToken"


@pytest.fixture(autouse=True)
def _healed(bigquery: BigQueryServer) -> Iterator[None]:
    """Begin without faults, and leave none."""
    bigquery.heal()
    bigquery.forget_requests()
    yield
    bigquery.heal()


def spoilt(action: Any, operation: str, **options: Any) -> Any:
    key = "*" if operation == "GetTable" else COST
    rule = Rule(action=action, operation=operation, key=key, **options)
    return pytest.param(rule, id=f"{operation}-{action}-{rule.status}{'-short' * rule.hide_length}")


@pytest.mark.parametrize(
    "rule",
    [
        spoilt("truncate", "InsertJob", hide_length=True),
        spoilt("reset", "GetJob"),
        spoilt("html", "GetJob"),
        spoilt("truncate", "GetJob"),
        spoilt("status", "GetJob", status=404, code="notFound"),
        spoilt("truncate", "GetQueryResults"),
        spoilt("truncate", "GetQueryResults", hide_length=True),
        spoilt("html", "GetQueryResults"),
        spoilt("status", "GetQueryResults", status=401, code="authError"),
        spoilt("status", "GetQueryResults", status=200, body='{"jobComplete": false}'),
        spoilt("status", "GetTable", status=401, code="authError"),
        spoilt("reset", "GetTable"),
    ],
)
async def test_one_fault_is_made_good_within_the_run(
    bench: Bench, truth: Decimal, rule: Rule
) -> None:
    """Rows are whole, and no job is made, or paid for, twice."""
    bench.bigquery.inject(rule)
    rows = await bench.read()

    assert truth == sum(row["billed_cost"] for row in rows)
    assert 1 == len(set(bench.jobs()))
    assert 2 == bench.bigquery.count(rule.operation, rule.key)


async def test_a_quota_that_is_used_up_keeps_all_others_from_asking(bench: Bench) -> None:
    """One request finds it out."""
    rule = Rule(action="status", operation="InsertJob", key=COST, status=403, code="quotaExceeded")
    bench.bigquery.inject(rule)
    ended, _ = await bench.end()
    asked = bench.bigquery.count()

    assert "parked 3600 s" == ended
    with pytest.raises(Parked):
        await bench.stream.partitions(WINDOW)
    assert asked == bench.bigquery.count()


async def again(bench: Bench, opened: Any) -> tuple[list[Any], int]:
    """Read the slice once more, in another run; return its rows, and how many jobs were wanted."""
    async with opened() as (stream, ctx):
        await stream.partitions(WINDOW)
        later = Bench(bench.bigquery, stream, ctx, bench.partition, reads=bench.reads - 1)
        return await later.read(), len(set(later.jobs()))


async def test_an_expired_result_is_made_anew(bench: Bench, opened: Any, truth: Decimal) -> None:
    """BigQuery knows a job for half a year, but has its rows for a day."""
    await bench.read()
    gone = Rule(action="status", operation="GetQueryResults", key=COST, status=404, code="notFound")
    bench.bigquery.inject(gone)
    rows, jobs = await again(bench, opened)

    assert truth == sum(row["billed_cost"] for row in rows)
    assert 2 == jobs


async def test_a_result_that_expires_between_two_pages_fails_and_is_made_anew(
    bench: Bench, opened: Any, truth: Decimal
) -> None:
    """What was read of it counts for nothing."""
    bench.bigquery.inject(
        Rule(action="status", operation="GetQueryResults", key=COST, status=404, code="notFound",
             first=2, times=2),
        Rule(action="pages", operation="GetQueryResults", key=COST, results=1, times=ALWAYS),
    )  # fmt: skip
    ended, exc = await bench.end()
    rows, jobs = await again(bench, opened)

    assert "failed" == ended
    assert isinstance(exc, TransientError)
    assert "were gone after 1" in str(exc)
    assert truth == sum(row["billed_cost"] for row in rows)
    assert 2 == jobs


async def test_tokens_that_run_out_are_renewed_once_for_all(opened: Any, bigquery: Any) -> None:
    """In the middle of a run: another is fetched, and the rows are whole."""
    async with opened(tokens="exchange") as (stream, _):
        [partition] = await stream.partitions(WINDOW)
        bigquery.revoke_tokens()
        outs = [Collected() for _ in range(4)]
        async with anyio.create_task_group() as tasks:
            for out in outs:
                tasks.start_soon(stream.read, partition, out)

    assert 1 == len({len(out.rows()) for out in outs})
    assert 2 == bigquery.count("Token")


async def test_a_token_that_is_refused_for_ever_is_an_error_of_credentials(
    opened: Any, bigquery: Any
) -> None:
    """After one renewal, not after many."""
    bigquery.inject(
        Rule(action="status", operation="GetTable", status=401, code="authError", times=ALWAYS)
    )
    async with opened(tokens="exchange") as (stream, _):
        with pytest.raises(AuthError):
            await read(stream)

    assert 2 == bigquery.count("GetTable")
    assert 2 == bigquery.count("Token")


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_off_by_an_hour_is_hinted_at(
    opened: Any, monkeypatch: Any, hours: int
) -> None:
    """Tokens that this machine signs are then too old, or of the future."""
    off = timedelta(hours=hours)
    monkeypatch.setattr(
        "google.auth._helpers.utcnow", lambda: datetime.now(UTC).replace(tzinfo=None) + off
    )
    async with opened() as (stream, ctx):
        with pytest.raises(AuthError, match="the clock of this machine"):
            await stream.partitions(WINDOW)

    assert ["auth", "auth"] == ctx.results(TABLE)


@pytest.fixture
def _of_google(bigquery: BigQueryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an address is encrypted, all are; this one is not asked, as the key signs by itself."""
    key = json.loads(bigquery.credentials_json())
    monkeypatch.setenv("OGFD_TEST_KEY", json.dumps(key | {"token_uri": "https://login.test"}))


async def fails(opened: Any, kind: type[Exception], **keys: Any) -> tuple[Any, str]:
    """Fail to list; return what was tried, and what is told."""
    async with opened(**keys) as (stream, ctx):
        with pytest.raises(kind) as caught:
            await stream.partitions(WINDOW)
    return ctx, str(caught.value)


@pytest.mark.usefixtures("_of_google")
@pytest.mark.parametrize("expired", [False, True])
async def test_a_certificate_that_cannot_be_trusted_is_fatal(
    opened: Any, raw_server: Any, tmp_path: Path, monkeypatch: Any, expired: bool
) -> None:
    """Nothing is sent, nothing tried again."""
    ca, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    until = datetime(2021, 1, 1, tzinfo=UTC) if expired else None
    ca.issue_cert("127.0.0.1", not_after=until).configure_cert(tls)
    if expired:
        ca.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    async with raw_server(b"", ssl=tls) as server:
        ctx, told = await fails(opened, FatalError, endpoint=server.url)

    assert ["fatal"] == ctx.results(TABLE)
    assert ("certificate has expired" if expired else "unable to get local issuer") in told
    assert "ca_file of [daemon]" in told
    assert not server.requests


@pytest.mark.usefixtures("_of_google")
async def test_a_proxy_that_wants_another_login_is_a_matter_of_credentials(
    opened: Any, monkeypatch: Any
) -> None:
    """It refuses to connect, which the library reports like a broken connection."""
    with Proxy(trustme.CA(), {}, login="ogfd:sesame") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url_for("ogfd:other"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        ctx, told = await fails(opened, AuthError, endpoint="https://bigquery.test")

    assert ["auth"] == ctx.results(TABLE)
    assert "407" in told
    assert "proxy of [daemon]" in told
    assert "ogfd:other" not in told


@pytest.mark.usefixtures("_of_google")
async def test_a_way_that_is_closed_is_tried_again(opened: Any, monkeypatch: Any) -> None:
    """Nobody listens, no name, a handshake that breaks: not for ten minutes, as the library would."""

    async def hang_up(_: Any, writer: Any) -> None:
        writer.close()

    def nameless(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    ctx, _ = await fails(opened, TransientError, endpoint="http://127.0.0.1:9")
    assert ["transient"] * 4 == ctx.results(TABLE)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        ctx, _ = await fails(opened, TransientError, endpoint=f"https://{host}:{port}")
    assert ["transient"] * 4 == ctx.results(TABLE)
    monkeypatch.setattr(socket, "getaddrinfo", nameless)
    ctx, _ = await fails(opened, TransientError, endpoint="http://bigquery.test")
    assert ["transient"] * 4 == ctx.results(TABLE)


@pytest.mark.parametrize(
    ("answer", "kind", "tried", "told"),
    [
        ({"status": 503}, TransientError, 4, "503"),
        ({"status": 429, "retry_after": "600"}, Parked, 1, "600 s"),
        ({"status": 400, "code": "invalid_grant"}, AuthError, 1, "check the credentials"),
        ({"status": 401, "code": "invalid_client"}, AuthError, 1, "check the credentials"),
        ({"status": 403, "body": ""}, AuthError, 1, "RefreshError"),
    ],
    ids=lambda value: str(value.get("status")) if isinstance(value, dict) else "",
)
async def test_a_login_is_judged_by_its_answer(
    opened: Any, bigquery: Any, answer: Any, kind: Any, tried: int, told: str
) -> None:
    """The library would try some of them three times by itself."""
    bigquery.inject(Rule(action="status", operation="Token", times=ALWAYS, **answer))
    ctx, said = await fails(opened, kind, tokens="exchange")

    assert tried == len(ctx.results(LOGIN)) == bigquery.count("Token")
    assert told in said
    assert 0 == bigquery.count("GetTable")


@pytest.mark.parametrize(
    ("error", "kind", "tried"),
    [
        (RefreshError("x", retryable=True), TransientError, 4),
        (RefreshError("x"), AuthError, 1),
        (InvalidOperation("x"), AuthError, 1),
    ],
    ids=repr,
)
async def test_what_the_library_of_logins_says_is_known(
    opened: Any, monkeypatch: Any, error: Exception, kind: type[SourceError], tried: int
) -> None:
    """Without an answer; what no login service of ours can be made to bring about."""

    def refused(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("ogfd_gcp.tokens.load", refused)
    ctx, _ = await fails(opened, kind)

    assert tried == len(ctx.results(LOGIN))


async def test_a_machine_without_credentials_is_told_what_to_set(
    opened: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """Once."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    ctx, told = await fails(opened, AuthError, credentials=None)

    assert ["auth"] == ctx.results(LOGIN)
    assert "file:/etc/ogfd/gcp.json" in told
