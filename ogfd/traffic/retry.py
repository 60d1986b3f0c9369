"""
The one retry loop that every provider call runs in.

    token -> attempt under its timeout -> ok
      ^            | exception
      |         classify -> bug, SourceChanged, NotPublished, Parked: out as they are
      |            |
      |       refresh once if expired; park if the server wants a long wait;
      +---- sleep max(full jitter, server's wait) unless attempts or time ran out
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, NoReturn, TypeVar

import anyio

from ogfd.plugin import (
    ErrorClass,
    Fault,
    NotPublished,
    OgfdError,
    Parked,
    SourceChanged,
    SourceError,
)
from ogfd.traffic.backoff import RetrySettings, asked_seconds
from ogfd.traffic.bucket import TokenBucket, WaitTooLong
from ogfd.traffic.classify import single_error
from ogfd.traffic.failure import fail
from ogfd.traffic.observe import BUG, CANCELLED, OK, Guarded, Observer, Unobserved, debug
from ogfd.traffic.wording import describe

T = TypeVar("T")

Classifier = Callable[[Exception], Fault | None]
"""Returns what is known of an exception; None for a bug."""

_SIGNALS: Final[dict[type[OgfdError], str]] = {
    SourceChanged: "source_changed",
    NotPublished: "not_published",
    Parked: "parked",
}


@dataclass(slots=True, kw_only=True)
class Attempt:
    """
    One attempt, as the code that makes it sees it.

    Attributes:
        number: 1 for the first.
        sent: whether the provider may have seen the request. Set it to False at the start and to
            True before the first byte goes out, if that can be known.
        progressed: set it to True if part of the work is done and will not be done again; the
            attempts are then counted anew.
    """

    number: int
    sent: bool = True
    progressed: bool = False


@dataclass(slots=True, kw_only=True)
class _Call(Generic[T]):
    operation: str
    work: Callable[[Attempt], Awaitable[T]]
    bucket: TokenBucket
    group: str
    timeout: float
    idempotent: bool
    refresh: Callable[[], Awaitable[None]] | None
    deadline: float
    attempt: Attempt = field(default_factory=lambda: Attempt(number=0))
    failures: int = 0
    refreshed: bool = False
    refresh_due: bool = False
    waited: float = 0.0
    last: Exception | None = None
    last_class: ErrorClass = ErrorClass.TRANSIENT

    @property
    def repeatable(self) -> bool:
        return self.idempotent or not self.attempt.sent


class Policy:
    """
    Runs provider calls: takes the token, tries, classifies, waits, tries again or gives up.

    Args:
        classifier: knows what an exception means.
        settings: how often and how long to try.
        observer: is told of every attempt.
        log: gets one debug line per attempt.
        now: the time in UTC, for ``Parked.next_due``.
        monotonic: a clock in seconds, the one of the buckets.
        rng: returns a float in [0, 1), for the jitter.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        now: Callable[[], datetime],
        log: logging.LoggerAdapter[Any],
        settings: RetrySettings | None = None,
        observer: Observer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,  # noqa: S311 - jitter is no secret
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._classifier = classifier
        self._settings = settings or RetrySettings()
        self._observer = Guarded(observer or Unobserved(), log)
        self._log = log
        self._now = now
        self._monotonic = monotonic
        self._rng = rng
        self._sleep = sleep

    async def run(
        self,
        operation: str,
        work: Callable[[Attempt], Awaitable[T]],
        *,
        bucket: TokenBucket,
        timeout: timedelta | None,
        group: str = "",
        idempotent: bool = True,
        refresh: Callable[[], Awaitable[None]] | None = None,
        bounded: bool = True,
    ) -> T:
        """
        Run *work* until it succeeds or there is no point in trying again.

        May be cancelled at any time.

        Args:
            operation: name for metrics and errors.
            work: makes one attempt; an error of it that already went through a policy (its
                ``attempts`` is not 0) is not tried again.
            bucket: where each attempt takes a token.
            timeout: of one attempt; None if *work* watches over itself.
            group: of the operation, for the observer.
            idempotent: whether *work* may be repeated after the provider saw it.
            refresh: renews the credentials; awaited at most once, when they have run out, and
                followed by one more attempt.
            bounded: whether the settings' deadline holds for the whole call.

        Raises:
            SourceError: the last attempt's error, by class, with the exception as its cause.
            Parked: if the server or the bucket wants a wait longer than the settings allow.
            Exception: as it is, if *work* raised `SourceChanged`, `NotPublished`, `Parked` or
                what is no provider's error but a bug.
        """
        call = _Call(
            operation=operation,
            work=work,
            bucket=bucket,
            group=group,
            timeout=math.inf if timeout is None else timeout.total_seconds(),
            idempotent=idempotent,
            refresh=refresh,
            deadline=self._monotonic() + self._settings.deadline.total_seconds()
            if bounded
            else math.inf,
        )
        while True:
            call.waited = await self._take_token(call)
            call.attempt = Attempt(number=call.attempt.number + 1)
            started = self._monotonic()
            try:
                answer = await self._try(call)
            except Exception as raised:  # noqa: BLE001 - the border at which errors are judged
                exc = single_error(raised)
                seconds = self._monotonic() - started
            except BaseException:
                self._tell(call, CANCELLED, None, self._monotonic() - started)
                raise
            else:
                self._tell(call, OK, None, self._monotonic() - started)
                bucket.succeeded()
                self._tell_rate(call)
                return answer
            await self._recover(call, exc, seconds)

    async def _take_token(self, call: _Call[T]) -> float:
        started = self._monotonic()
        try:
            with anyio.move_on_after(call.deadline - started) as scope:
                await call.bucket.acquire(
                    within=self._remaining(call), longest_block=self._settings.longest_wait_seconds
                )
        except WaitTooLong as refused:
            self._park(call, refused.seconds, "the next free request")
        if scope.cancelled_caught:
            self._park(call, call.bucket.wait_seconds(), "the next free request")
        return self._monotonic() - started

    async def _try(self, call: _Call[T]) -> T:
        seconds = max(0.0, min(call.timeout, call.deadline - self._monotonic()))
        with anyio.move_on_after(seconds):
            if call.refresh_due and call.refresh is not None:
                call.refresh_due = False
                await call.refresh()
            return await call.work(call.attempt)
        raise TimeoutError(f"no answer within {seconds:g} s")

    async def _recover(self, call: _Call[T], exc: Exception, seconds: float) -> None:
        """Wait for the next attempt, or raise if there shall be none."""
        for kind, result in _SIGNALS.items():
            if isinstance(exc, kind):
                self._tell(call, result, None, seconds)
                raise exc
        fault = None if _foreign(exc) else self._classifier(exc)
        if fault is None:
            self._tell(call, BUG, None, seconds, exc)
            raise exc
        self._tell(call, fault.error_class.value, fault, seconds, exc)
        call.failures = 1 if call.attempt.progressed else call.failures + 1
        call.last, call.last_class = exc, fault.error_class
        if isinstance(exc, SourceError) and exc.attempts:
            exc.operation = exc.operation or call.operation
            raise exc
        self._feed_back(call, fault)
        wait = self._wait(call, fault)
        if wait is None:
            fail(call.operation, call.attempt.number, exc, fault)
        if wait > self._settings.longest_wait_seconds:
            self._park(call, wait, "the server's wait")
        self._observer.retry(call.operation, error_class=fault.error_class, wait_seconds=wait)
        await self._sleep(wait)

    def _feed_back(self, call: _Call[T], fault: Fault) -> None:
        if fault.throttled:
            call.bucket.throttled()
        if fault.retry_after is not None and (fault.throttled or self._settings.attempts(fault)):
            call.bucket.block_until(self._monotonic() + asked_seconds(fault))
        self._tell_rate(call)

    def _wait(self, call: _Call[T], fault: Fault) -> float | None:
        """Return the seconds to the next attempt; None if there shall be none."""
        if self._may_refresh(call, fault):
            call.refreshed = call.refresh_due = True
            call.failures -= 1
            return 0.0
        allowed = self._settings.attempts(fault)
        asked = asked_seconds(fault)
        if allowed and asked > self._settings.longest_wait_seconds:
            return asked
        if not call.repeatable or call.failures >= allowed:
            return None
        wait = max(asked, self._settings.pause_seconds(call.failures, self._rng))
        return wait if wait < self._remaining(call) else None

    def _may_refresh(self, call: _Call[T], fault: Fault) -> bool:
        return (
            fault.expired
            and fault.error_class in (ErrorClass.AUTH, ErrorClass.TRANSIENT)
            and call.refresh is not None
            and not call.refreshed
            and call.repeatable
        )

    def _remaining(self, call: _Call[T]) -> float:
        """Return the seconds left, also by the deadline of whoever waits for this call."""
        others = anyio.current_effective_deadline() - anyio.current_time()
        return min(call.deadline - self._monotonic(), others)

    def _park(self, call: _Call[T], seconds: float, what: str) -> NoReturn:
        raise Parked(
            f"{call.operation}: {what} is {seconds:.0f} s away",
            next_due=self._now() + timedelta(seconds=seconds),
            error_class=call.last_class,
        ) from call.last

    def _tell(
        self,
        call: _Call[T],
        result: str,
        fault: Fault | None,
        seconds: float,
        exc: Exception | None = None,
    ) -> None:
        self._observer.attempt(
            call.operation,
            result=result,
            error_class=fault.error_class if fault else None,
            seconds=seconds,
            wait_seconds=call.waited,
        )
        debug(
            self._log,
            "provider attempt",
            operation=call.operation,
            attempt=call.attempt.number,
            result=result,
            code=fault.code if fault else None,
            status=fault.status if fault else None,
            error=describe(exc) if exc else None,
            seconds=round(seconds, 6),
            wait_seconds=round(call.waited, 6),
        )

    def _tell_rate(self, call: _Call[T]) -> None:
        self._observer.rate(call.group, per_second=call.bucket.rate)


def _foreign(exc: Exception) -> bool:
    """Tell whether an error of ours that is no provider's error came up from within."""
    return isinstance(exc, OgfdError) and not isinstance(exc, SourceError)
