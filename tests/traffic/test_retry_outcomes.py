"""What a call under the policy ends with, and what is told about it."""

import logging
from datetime import timedelta
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
    Response,
    SinkError,
    SourceChanged,
    TransientError,
    UnknownError,
)
from ogfd.traffic.renewal import Renewal

VIRTUAL_TIME = True


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
