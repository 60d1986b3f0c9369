"""What a call under the policy ends with, and what is told about it."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from ogfd.plugin import (
    AuthError,
    ErrorClass,
    FatalError,
    Fault,
    HttpError,
    NotPublished,
    Parked,
    Response,
    SinkError,
    SourceChanged,
    TransientError,
    UnknownError,
)
from ogfd.traffic import TokenBucket
from ogfd.traffic.renewal import Renewal

VIRTUAL_TIME = True

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def answer(status: Any, seconds: Any = None, body: Any = b"") -> Any:
    response = Response(status=status, headers={}, body=body, url="https://h/x")
    wait = None if seconds is None else timedelta(seconds=seconds)
    return HttpError(f"GET https://h/x answered {status}", response=response, retry_after=wait)


async def test_expired_credentials_are_refreshed_once(world: Any) -> None:
    """One forced refresh, one more attempt at once; it costs none of the retries."""
    refreshed = []

    async def refresh() -> Any:
        refreshed.append(anyio.current_time() - world.start)

    assert "rows" == await world.run(
        answer(503), answer(401), "rows", renewal=Renewal(refresh, anyio.current_time)
    )
    assert [0, 1, 1] == world.starts
    assert [1] == refreshed


async def test_a_refresh_costs_none_of_the_retries(world: Any) -> None:
    """Four transient attempts remain after it."""

    async def refresh() -> None:
        pass

    with pytest.raises(TransientError) as raised:
        await world.run(answer(401), answer(503), renewal=Renewal(refresh, anyio.current_time))

    assert 5 == raised.value.attempts


async def test_credentials_that_stay_expired_are_an_auth_error(world: Any) -> None:
    """No second refresh: an account must not be locked out."""
    refreshed = []

    async def refresh() -> Any:
        refreshed.append(1)

    with pytest.raises(AuthError) as raised:
        await world.run(answer(401), renewal=Renewal(refresh, anyio.current_time))

    assert [1] == refreshed
    assert 2 == raised.value.attempts


async def test_a_code_that_says_expired_is_refreshed_too(world: Any) -> None:
    """S3 answers 400 ExpiredToken."""
    refreshed = []

    async def refresh() -> Any:
        refreshed.append(1)

    told = Fault(error_class=ErrorClass.AUTH, code="ExpiredToken", expired=True)
    policy = world.policy(connector=lambda exc: told)
    with pytest.raises(AuthError) as raised:
        await world.run(answer(400), policy=policy, renewal=Renewal(refresh, anyio.current_time))

    assert [1] == refreshed
    assert ("ExpiredToken", 400) == (raised.value.code, raised.value.status)


async def test_a_failed_refresh_is_the_error_of_the_call(world: Any) -> None:
    """It is classified like anything else."""

    async def refresh() -> Any:
        raise FatalError("no token endpoint")

    with pytest.raises(FatalError, match="no token endpoint"):
        await world.run(answer(401), renewal=Renewal(refresh, anyio.current_time))


async def test_a_refresh_that_breaks_off_is_made_again(world: Any) -> None:
    """The next attempt would else go with the credentials that ran out, and count as refused."""
    refreshed = []

    async def refresh() -> None:
        refreshed.append(anyio.current_time() - world.start)
        if len(refreshed) < 3:
            raise ConnectionResetError

    renewal = Renewal(refresh, anyio.current_time)
    assert "rows" == await world.run(answer(401), "rows", "rows", "rows", renewal=renewal)
    assert [0, 1, 3] == refreshed
    assert [0, 3] == world.starts


async def test_a_refresh_that_hangs_ends_even_in_a_call_without_a_limit(world: Any) -> None:
    """A download has none, and all who share its credentials wait with it."""
    renewal = Renewal(anyio.sleep_forever, anyio.current_time)
    with pytest.raises(TransientError):
        await world.run(
            answer(401),
            policy=world.policy(retries=0),
            timeout=None,
            bounded=False,
            renewal=renewal,
        )

    assert 600 == anyio.current_time() - world.start


async def test_a_table_that_is_broken_is_a_bug_and_hides_nothing(world: Any) -> None:
    """What it was to judge is the cause."""
    failure = answer(503)
    with pytest.raises(KeyError) as raised:
        await world.run(failure, policy=world.policy(connector=lambda exc: {}[exc]))

    assert raised.value.__cause__ is failure
    assert ["bug"] == world.recorder.results


@pytest.mark.parametrize(
    "wait", [timedelta.max, timedelta(days=400), timedelta(days=1, microseconds=1)]
)
async def test_a_wait_of_years_is_taken_for_a_day(world: Any, wait: timedelta) -> None:
    """A connector's table may misread a header; nothing is silenced until a restart for that."""
    told = Fault(error_class=ErrorClass.TRANSIENT, retry_after=wait)
    with pytest.raises(Parked) as parked:
        await world.run(answer(503), policy=world.policy(connector=lambda _: told))

    assert "2026-10-02T00:00:00+00:00" == parked.value.next_due.isoformat()
    assert 86_400 == world.bucket.blocked_seconds


async def test_a_bucket_that_is_empty_for_ages_parks_for_a_day(world: Any) -> None:
    """Dates have an end."""
    world.bucket = TokenBucket(1e-13, 1, anyio.current_time)
    world.bucket.try_acquire()
    with pytest.raises(Parked) as parked:
        await world.run("rows")

    assert "2026-10-02T00:00:00+00:00" == parked.value.next_due.isoformat()


@pytest.mark.parametrize(
    ("others", "decides"),
    [
        ([TransientError("a", attempts=4), TransientError("b", attempts=4)], 0),
        ([TransientError("a", attempts=4), Parked("b", next_due=NOW)], 1),
        ([Parked("a", next_due=NOW), SourceChanged("b")], 1),
        ([ConnectionResetError(), AuthError("b", attempts=1)], 1),
    ],
    ids=str,
)
async def test_of_several_errors_one_that_was_judged_decides(
    world: Any, others: Any, decides: int
) -> None:
    """Calls in a task group have gone through the policy: nothing is tried again, no wait lost."""
    with pytest.raises(type(others[decides])) as raised:
        await world.run(ExceptionGroup("tasks", others))

    assert raised.value is others[decides]
    assert 1 == len(world.starts)


@pytest.mark.parametrize(
    ("signal", "result"),
    [
        (SourceChanged("moved"), "source_changed"),
        (NotPublished("not yet"), "not_published"),
        (TypeError("bug"), "bug"),
        (SinkError("no sink here"), "bug"),
    ],
    ids=str,
)
async def test_signals_and_bugs_pass_as_they_are(world: Any, signal: Any, result: Any) -> None:
    """They are no provider errors: nothing is tried again and nothing is wrapped."""
    with pytest.raises(type(signal)) as raised:
        await world.run(signal)

    assert raised.value is signal
    assert [result] == world.recorder.results


async def test_a_signal_out_of_a_task_group_passes_without_the_group(world: Any) -> None:
    """A plugin's task group wraps it."""
    signal = SourceChanged("moved")
    with pytest.raises(SourceChanged) as raised:
        await world.run(ExceptionGroup("tasks", [signal]))

    assert raised.value is signal


async def test_an_error_that_went_through_a_policy_is_not_tried_again(world: Any) -> None:
    """A call within a call would multiply the attempts."""

    async def outer(attempt: Any) -> Any:
        return await world.run(answer(503))

    with pytest.raises(TransientError) as raised:
        await world.policy().run("outer", outer, lane=world.lane(), timeout=None)

    assert 4 == len(world.starts)
    assert ("s3:Get", 4) == (raised.value.operation, raised.value.attempts)


async def test_progress_starts_the_count_anew(world: Any) -> None:
    """A long download may break more often than a short one, if it gets on in between."""
    numbers = []

    async def work(attempt: Any) -> Any:
        numbers.append(attempt.number)
        attempt.progressed = attempt.number <= 6
        raise ConnectionResetError

    with pytest.raises(TransientError) as raised:
        await world.policy().run("o", work, lane=world.lane(), timeout=None)

    assert 9 == len(numbers) == raised.value.attempts


async def test_cancellation_passes_and_is_counted(world: Any) -> None:
    """It is neither an error nor a success."""
    with anyio.move_on_after(1) as scope:
        await world.run(20)

    assert scope.cancelled_caught
    assert ["cancelled"] == world.recorder.results


async def test_messages_hold_no_query_and_no_user(world: Any) -> None:
    """Presigned URLs are secrets."""
    exc = Exception('could not reach "https://u:pw@h/o?X-Amz-Signature=abc"\nagain')
    with pytest.raises(UnknownError) as raised:
        await world.run(exc, policy=world.policy(retries=0))

    assert 's3:Get: Exception: could not reach "https://h/o" again' == str(raised.value)


async def test_the_connectors_words_and_hint_reach_the_operator(world: Any) -> None:
    """Message, code and hint of the fault stand in the error."""
    told = Fault(
        error_class=ErrorClass.AUTH, code="AccessDenied", message="denied", hint="Grant it"
    )
    with pytest.raises(AuthError) as raised:
        await world.run(answer(403), policy=world.policy(connector=lambda _: told))

    assert "s3:Get: denied (Grant it)" == str(raised.value)
    assert "AccessDenied" == raised.value.code


async def test_each_attempt_is_logged_once_at_debug(world: Any, caplog: Any) -> None:
    """With operation, number, result, code, wait, and what the adapter adds."""
    with caplog.at_level(logging.DEBUG, "tests.traffic"):
        await world.run(answer(503), "rows")

    assert [(1, "transient", 503), (2, "ok", None)] == [
        (record.attempt, record.result, record.status) for record in caplog.records
    ]
    assert {"provider attempt"} == {record.getMessage() for record in caplog.records}
    assert {("c", "s3:Get")} == {(record.connector, record.operation) for record in caplog.records}


async def test_an_observer_that_fails_fails_no_call(
    world: Any, caplog: Any, monkeypatch: Any
) -> None:
    """It is logged at the border."""
    monkeypatch.setattr(world.recorder, "attempt", lambda *args, **facts: 1 / 0)

    assert "rows" == await world.run("rows")
    assert "an observer failed" in caplog.text
