"""Who decides what a failure means, how often it is tried again and after which wait."""

from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from mocking import HOST, NOW
from yarl import URL

from ogfd.plugin import (
    BadRequestError,
    ErrorClass,
    FatalError,
    Fault,
    NotFoundError,
    Parked,
    TransientError,
    UnknownError,
)
from ogfd.traffic import RetrySettings


async def test_the_operators_table_comes_last_and_decides(ask: Any, mocked: Any) -> None:
    """By status, or by the provider's code, which goes before the status."""
    mocked.get(f"{HOST}/x", status=500, repeat=True)
    table: dict[str, ErrorClass] = {"500": ErrorClass.FATAL}
    with pytest.raises(FatalError) as raised:
        await ask(settings={"overrides": table})
    assert 1 == raised.value.attempts

    def classify(_: Any) -> Any:
        return Fault(error_class=ErrorClass.TRANSIENT, code="QuotaGone")

    table = {"500": ErrorClass.FATAL, "QuotaGone": ErrorClass.BAD_REQUEST}
    with pytest.raises(BadRequestError) as raised:
        await ask(settings={"overrides": table, "classify": classify})
    assert ("QuotaGone", 500, 1) == (raised.value.code, raised.value.status, raised.value.attempts)


async def test_the_connectors_table_goes_before_the_status(ask: Any, mocked: Any) -> None:
    """It sees body and headers; what it does not know is left to the status."""

    def classify(exc: Any) -> Any:
        code = exc.response.json()["error"]["code"]
        kinds = {"NoSuchExport": ErrorClass.NOT_FOUND, "Busy": ErrorClass.TRANSIENT}
        return Fault(error_class=kinds[code], code=code) if code in kinds else None

    for code, kind, requests in (
        ("NoSuchExport", NotFoundError, 1),
        ("Busy", TransientError, 4),
        ("Whatever", BadRequestError, 1),
    ):
        mocked.clear()
        mocked.get(f"{HOST}/x", status=400, payload={"error": {"code": code}}, repeat=True)
        with pytest.raises(kind) as raised:
            await ask(settings={"classify": classify})
        assert requests == raised.value.attempts


@pytest.mark.parametrize(
    ("settings", "status", "requests"),
    [
        (RetrySettings(retries=0), 503, 1),
        (RetrySettings(retries=4), 503, 5),
        (RetrySettings(retries=4), 500, 3),
        (RetrySettings(retries=0), 418, 1),
        (RetrySettings(unknown_retries=0), 418, 1),
    ],
)
async def test_the_number_of_retries_is_set_per_class(
    ask: Any, mocked: Any, settings: Any, status: int, requests: int
) -> None:
    """The operator's `retries` is a ceiling for every class."""
    mocked.get(f"{HOST}/x", status=status, repeat=True)
    with pytest.raises((TransientError, UnknownError)) as raised:
        await ask(settings={"retry": settings})

    assert requests == raised.value.attempts


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "7.25"}, 7.25),
        ({"Retry-After": "Thu, 01 Oct 2026 00:00:09 GMT"}, 9.0),
        (
            {
                "Date": "Thu, 01 Oct 2026 11:00:00 GMT",
                "Retry-After": "Thu, 01 Oct 2026 11:00:08 GMT",
            },
            8.0,
        ),
        ({"Retry-After": "Wed, 30 Sep 2026 00:00:00 GMT"}, 1.0),
        ({"retry-after-ms": "6500"}, 6.5),
        ({"x-ms-retry-after-ms": "6500"}, 6.5),
        ({"x-amz-retry-after": "6500"}, 6.5),
        ({"x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "5"}, 5.0),
        ({"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "6", "Retry-After": "5"}, 6.0),
        ({"x-ms-ratelimit-remaining-subscription-reads": "50"}, 1.0),
        ({"Retry-After": "60"}, 60.0),
        ({"Retry-After": "0.5"}, 1.0),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "soon"}, 1.0),
        ({"Retry-After": "-3"}, 1.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_servers_wait_wins_where_it_is_longer_than_ours(
    ask: Any, mocked: Any, slept: Any, status: int, headers: Any, seconds: float
) -> None:
    """In every form; what cannot be read, or has passed, leaves our own second."""
    mocked.get(f"{HOST}/x", status=status, headers=headers)
    mocked.get(f"{HOST}/x", payload={})
    await ask()

    assert [pytest.approx(seconds)] == slept


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_wait_of_more_than_a_minute_parks_at_once(
    ask: Any, mocked: Any, slept: Any, status: int
) -> None:
    """With the time at which to go on; nobody sleeps meanwhile, and nobody asks again."""
    mocked.get(f"{HOST}/x", status=status, headers={"Retry-After": "61"}, repeat=True)
    with pytest.raises(Parked) as raised:
        await ask()

    assert NOW + timedelta(seconds=61) == raised.value.next_due
    assert ErrorClass.TRANSIENT is raised.value.error_class
    assert 1 == len(mocked.requests["GET", URL(f"{HOST}/x")])
    assert [] == slept


async def test_a_block_holds_for_the_next_request_too(make: Any, mocked: Any) -> None:
    """Its bucket knows what the server asked for: it is parked without being sent."""
    mocked.get(f"{HOST}/x", status=429, headers={"Retry-After": "3600"})
    async with make() as traffic:
        with pytest.raises(Parked):
            await traffic.request("GET", f"{HOST}/x", operation="api:Get")
        with pytest.raises(Parked) as raised:
            await traffic.request("GET", f"{HOST}/y", operation="api:List")

    assert timedelta(minutes=59) < raised.value.next_due - NOW <= timedelta(hours=1)
    assert 1 == len(mocked.requests)


async def test_a_wait_in_an_answer_that_is_final_is_none(ask: Any, mocked: Any) -> None:
    """A 404 stays one, however long the server would have us wait."""
    mocked.get(f"{HOST}/x", status=404, headers={"Retry-After": "3600"})
    with pytest.raises(NotFoundError):
        await ask()


async def test_no_retry_is_begun_that_could_not_end_in_time(
    ask: Any, mocked: Any, slept: Any
) -> None:
    """A call has a deadline, by which its waits must be over."""
    mocked.get(f"{HOST}/x", status=503, headers={"Retry-After": "20"}, repeat=True)
    with pytest.raises(TransientError) as raised:
        await ask(settings={"retry": RetrySettings(deadline=timedelta(seconds=50))})

    assert [20.0, 20.0] == slept
    assert 3 == raised.value.attempts


@pytest.mark.parametrize("failure", ["status", "disconnect"])
@pytest.mark.parametrize(
    ("method", "idempotent", "requests"),
    [
        ("GET", None, 4),
        ("HEAD", None, 4),
        ("OPTIONS", None, 4),
        ("PUT", None, 4),
        ("DELETE", None, 4),
        ("POST", None, 1),
        ("PATCH", None, 1),
        ("POST", True, 4),
        ("GET", False, 1),
    ],
)
async def test_what_was_sent_is_repeated_only_if_that_does_no_harm(
    ask: Any, mocked: Any, method: str, idempotent: Any, requests: int, failure: str
) -> None:
    """By the method, unless the connector knows better."""
    outcome: dict[str, Any] = {"status": 503}
    if failure == "disconnect":
        outcome = {"exception": aiohttp.ServerDisconnectedError()}
    mocked.add(f"{HOST}/x", method=method, repeat=True, **outcome)
    with pytest.raises(TransientError) as raised:
        await ask(method, idempotent=idempotent)

    assert requests == raised.value.attempts


async def test_what_was_never_sent_may_be_repeated(ask: Any, mocked: Any) -> None:
    """No connection, no harm: a POST too."""
    mocked.post(f"{HOST}/x", exception=aiohttp.ConnectionTimeoutError(), repeat=True)
    with pytest.raises(TransientError) as raised:
        await ask("POST", json={})

    assert 4 == raised.value.attempts
