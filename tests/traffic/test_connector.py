"""What a connector gets: limits by group, SDK calls, and the promised signatures."""

import functools
import inspect
import threading
from datetime import timedelta
from typing import Any

import anyio
import pytest

from ogfd.plugin import AuthError, Context, ErrorClass, Fault, Limit, TransientError
from ogfd.runs.doors import ConnectorContext
from ogfd.testing import FakeContext
from ogfd.traffic import LaneKey, Lanes, TrafficSettings


def settings(**fields: Any) -> Any:
    return TrafficSettings(connector="c", provider="aws", principal="123", **fields)


@pytest.mark.parametrize("kind", [ConnectorContext, FakeContext])
@pytest.mark.parametrize(
    "name",
    [
        "request",
        "call",
        "download",
        "content",
        "on_expired",
        "signed_in",
        "pages",
        "progress",
        "now",
    ],
)
def test_the_signatures_are_those_of_the_contract(kind: Any, name: Any) -> None:
    """The daemon's and the test kit's stand in for the Context."""

    def promised(of: Any) -> list[Any]:
        parameters = inspect.signature(getattr(of, name)).parameters.values()
        return [(each.name, each.kind, each.default) for each in parameters]

    assert promised(Context) == promised(kind)


@pytest.mark.parametrize(
    ("fields", "group", "limit"),
    [
        ({}, "", Limit(rate=5, burst=20)),
        ({"rate": 9.0}, "", Limit(rate=9, burst=20)),
        ({"limits": {"": Limit(rate=3, burst=60)}}, "", Limit(rate=3, burst=60)),
        (
            {"limits": {"": Limit(rate=3, burst=60)}, "rate": 9.0, "burst": 2.0},
            "",
            Limit(rate=9, burst=2),
        ),
        ({"limits": {"s3": Limit(rate=50, burst=50)}}, "s3", Limit(rate=50, burst=50)),
        (
            {"limits": {"s3": Limit(rate=50, burst=50)}, "rate": 10.0},
            "s3",
            Limit(rate=10, burst=50),
        ),
        ({"limits": {"q": Limit(rate=0.1, burst=4)}, "rate": 10.0}, "q", Limit(rate=0.1, burst=4)),
    ],
)
def test_the_operators_rate_is_a_ceiling(fields: Any, group: Any, limit: Any) -> None:
    """It sets the general limit and never loosens a tighter one of an API."""
    assert (limit,) == settings(**fields).limits_of(group)


async def test_the_group_of_an_operation_picks_the_bucket(make_traffic: Any) -> None:
    """What has no own limit shares one; connectors with the same principal share all."""
    lanes = Lanes(anyio.current_time)
    limits = {"s3": Limit(rate=50, burst=50), "": Limit(rate=20, burst=20)}

    async def nothing() -> Any:
        return None

    for _ in range(2):
        fields = {"lanes": lanes, "limits": limits, "rate": None, "burst": None}
        async with make_traffic(**fields) as traffic:
            for operation in ("s3:Get", "s3:List", "ce:Get", "plain"):
                await traffic.call(operation, nothing)

    for group in ("s3", ""):
        [bucket] = lanes.buckets(LaneKey("p", "1", group))
        assert 4 == bucket.statistics().granted


async def test_call_runs_coroutine_functions_in_the_loop(make_traffic: Any) -> None:
    """With their arguments."""
    seen = []

    async def sdk(a: Any, *, b: Any) -> Any:
        seen.append(threading.current_thread())
        return a + b

    async with make_traffic() as traffic:
        assert 3 == await traffic.call("s3:Get", sdk, 1, b=2)
    assert [threading.current_thread()] == seen


async def test_call_runs_sync_functions_in_threads(make_traffic: Any) -> None:
    """The loop is never blocked by an SDK."""

    def sdk(a: Any, *, b: Any) -> Any:
        return a + b, threading.current_thread()

    async with make_traffic() as traffic:
        total, thread = await traffic.call("s3:Get", sdk, 1, b=2)
    assert 3 == total
    assert thread is not threading.current_thread()


async def test_call_awaits_what_a_sync_function_returns(make_traffic: Any) -> None:
    """Client methods of aiobotocore are such functions, and so may be a wrapper."""

    async def sdk() -> Any:
        return threading.current_thread()

    def later(func: Any) -> Any:
        return func()

    async with make_traffic() as traffic:
        assert threading.current_thread() is await traffic.call(
            "s3:Get", functools.partial(later, sdk)
        )


async def test_call_retries_by_the_connectors_table(make_traffic: Any, recorder: Any) -> None:
    """The SDK's exceptions mean what the connector says."""
    table = {"SlowDown": ErrorClass.TRANSIENT}
    failures = [LookupError("SlowDown"), LookupError("SlowDown")]

    def classify(exc: Any) -> Any:
        return Fault(error_class=table[exc.args[0]], code=exc.args[0], throttled=True)

    def sdk() -> Any:
        if failures:
            raise failures.pop()
        return "rows"

    async with make_traffic(classify=classify) as traffic:
        assert "rows" == await traffic.call("s3:Get", sdk)
    assert ["transient", "transient", "ok"] == recorder.results


async def test_call_that_is_not_idempotent_is_made_once(make_traffic: Any, recorder: Any) -> None:
    """It may have been done."""

    async def sdk() -> Any:
        raise ConnectionResetError

    async with make_traffic() as traffic:
        with pytest.raises(TransientError):
            await traffic.call("s3:Put", sdk, idempotent=False)
    assert ["transient"] == recorder.results


async def test_call_with_expired_credentials_is_made_again_after_a_refresh(
    make_traffic: Any,
) -> None:
    """Once."""
    told = Fault(error_class=ErrorClass.AUTH, code="ExpiredToken", expired=True)
    seen = []

    async def refresh() -> Any:
        seen.append("refresh")

    async def sdk() -> Any:
        seen.append("call")
        raise PermissionError

    async with make_traffic(classify=lambda _: told, refresh=refresh) as traffic:
        with pytest.raises(AuthError):
            await traffic.call("s3:Get", sdk)
    assert ["call", "refresh", "call"] == seen


async def test_a_thread_that_hangs_times_out_and_keeps_its_place(make_traffic: Any) -> None:
    """Threads stay bounded: the next call waits until the SDK gives up, or times out itself."""
    release, names = threading.Event(), []

    def hang() -> Any:
        names.append(threading.current_thread().name)
        release.wait(5)

    moment = timedelta(milliseconds=50)
    async with make_traffic(threads=1) as traffic:
        with pytest.raises(TransientError, match=r"no answer within 0\.05 s"):
            await traffic.call("s3:Get", hang, timeout=moment, idempotent=False)
        with pytest.raises(TransientError):
            await traffic.call("s3:Get", hang, timeout=moment, idempotent=False)
        assert 1 == len(names)
        release.set()
        await traffic.call("s3:Get", hang)
    assert 2 == len(names)
    assert 1 == len(set(names))


async def test_the_end_of_an_iterator_in_a_thread_is_a_bug(make_traffic: Any) -> None:
    """``next`` without a default; no future takes a StopIteration, and the call would hang."""
    async with make_traffic() as traffic:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await traffic.call("s3:Get", next, iter(()))


async def test_a_run_leaves_nothing_of_what_it_was_not_denied(make_traffic: Any) -> None:
    """What a connector asks for may have another name in each run."""
    lanes = Lanes(anyio.current_time)

    async def nothing() -> None:
        return None

    async with make_traffic(lanes=lanes) as traffic:
        await traffic.call("s3:Get", nothing, scope="bucket")
        assert 1 == len(lanes.denials("c"))

    assert [] == lanes.denials("c")


async def test_a_bug_in_a_thread_propagates(make_traffic: Any, recorder: Any) -> None:
    """It is not tried again."""
    async with make_traffic() as traffic:
        with pytest.raises(ZeroDivisionError):
            await traffic.call("s3:Get", lambda: 1 / 0)
    assert ["bug"] == recorder.results


async def test_closing_twice_is_fine(make_traffic: Any) -> None:
    """And closing what was never used."""
    traffic = make_traffic()
    await traffic.aclose()
    await traffic.aclose()
