"""
The one retry loop that every provider call runs in.

    breakers -> tokens -> fee -> attempt under its timeout -> ok
      ^                             | exception
      |                          classify -> bug, SourceChanged, NotPublished, Parked: out as they are
      |                             |
      |       refresh once if expired; park if the server wants a long wait;
      +---- sleep max(full jitter, server's wait) unless attempts or time ran out
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

import anyio
import anyio.lowlevel

from ogfd.plugin import (
    ErrorClass,
    Fault,
    NotPublished,
    OgfdError,
    Parked,
    SourceChanged,
    SourceError,
)
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.backoff import LONGEST_SECONDS, RetrySettings, asked_seconds
from ogfd.traffic.faults.classify import single_error
from ogfd.traffic.faults.failure import fail
from ogfd.traffic.faults.wording import clean, describe
from ogfd.traffic.fees import Fees
from ogfd.traffic.limits.breaker import Lent, Ticket
from ogfd.traffic.limits.bucket import WaitTooLong, acquire, give_back
from ogfd.traffic.limits.gate import Gate, Passage, Stopped
from ogfd.traffic.limits.lanes import Lane
from ogfd.traffic.observe import BUG, CANCELLED, OK, Guarded, Observer, Unobserved, debug
from ogfd.traffic.renewal import Renewal

T = TypeVar("T")

Classifier = Callable[[Exception], Fault | None]
"""Returns what is known of an exception; None for a bug."""

_SIGNALS: Final[dict[type[OgfdError], str]] = {
    SourceChanged: "source_changed",
    NotPublished: "not_published",
    Parked: "parked",
}

_around: ContextVar[tuple[Lent, ...]] = ContextVar("probes of the calls around", default=())


@dataclass(slots=True, kw_only=True)
class _Call(Generic[T]):
    operation: str
    work: Callable[[Attempt], Awaitable[T]]
    lane: Lane
    gate: Gate
    timeout: float
    idempotent: bool
    renewal: Renewal | None
    deadline: float
    attempt: Attempt = field(default_factory=lambda: Attempt(number=0))
    began: float = 0.0
    credentials_as_of: float = 0.0
    failures: int = 0
    refreshed: bool = False
    refresh_due: bool = False
    probes: list[Ticket] = field(default_factory=list)
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
        fees: charges attempts that cost money; None if none does.
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
        fees: Fees | None = None,
        observer: Observer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,  # noqa: S311 - jitter is no secret
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._classifier = classifier
        self._settings = settings or RetrySettings()
        self._fees = fees
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
        lane: Lane,
        timeout: timedelta | None,
        gate: Gate | None = None,
        idempotent: bool = True,
        renewal: Renewal | None = None,
        bounded: bool = True,
    ) -> T:
        """
        Run *work* until it succeeds or there is no point in trying again.

        May be cancelled at any time.

        Args:
            operation: name for metrics and errors.
            work: makes one attempt; may itself run something under the policy. An error of it
                that already went through a policy (its ``attempts`` is not 0) is not tried again.
            lane: where each attempt takes its tokens.
            timeout: of one attempt; None if *work* watches over itself.
            gate: the breakers to pass; None for that of the lane alone.
            idempotent: whether *work* may be repeated after the provider saw it.
            renewal: renews the credentials, once without progress in between, when they have run
                out; one more attempt follows.
            bounded: whether the settings' deadline holds for the whole call.

        Raises:
            SourceError: the last attempt's error, by class, with the exception as its cause.
            Parked: if the server, a bucket or a breaker wants a wait longer than the settings
                allow, or the month's budget is spent.
            Exception: as it is, if *work* raised `SourceChanged`, `NotPublished`, `Parked` or
                what is no provider's error but a bug.
        """
        call = _Call(
            operation=operation,
            work=work,
            lane=lane,
            gate=gate or Gate(outage=lane.breaker),
            timeout=math.inf if timeout is None else timeout.total_seconds(),
            idempotent=idempotent,
            renewal=renewal,
            deadline=self._monotonic() + self._settings.deadline.total_seconds()
            if bounded
            else math.inf,
        )
        try:
            return await self._attempts(call)
        finally:
            for probe in call.probes:  # whose end nobody told: no other would ever pass
                probe.abandoned()

    async def _attempts(self, call: _Call[T]) -> T:
        while True:
            passage = await self._admitted(call)
            call.probes = passage.probes
            await self._charge(call)
            call.attempt = Attempt(number=call.attempt.number + 1, served=passage.served)
            call.began = self._monotonic()
            try:
                answer = await self._try(call)
            except Exception as raised:  # noqa: BLE001 - the border at which errors are judged
                exc = single_error(raised)
            except BaseException:
                self._tell(call, CANCELLED, None)
                raise
            else:
                passage.answered()
                call.lane.succeeded()
                self._tell(call, OK, None)
                return answer
            await self._sleep(self._recovery(call, passage, exc))

    async def _admitted(self, call: _Call[T]) -> Passage:
        """Pass the breakers and take the tokens, in whatever order they let the call go."""
        started = self._monotonic()
        held: Sequence[Ticket | Lent] = [*call.probes, *_around.get()]
        with anyio.move_on_after(call.deadline - started):
            while True:
                await self._ready(call, held)
                await self._take_tokens(call)
                passage = call.gate.enter(held=held)
                if passage is not None:
                    call.waited = self._monotonic() - started
                    return passage
                give_back(call.lane.buckets)  # a breaker opened while we stood in the queue
        waited = self._monotonic() - started
        seconds = max(call.lane.wait_seconds(), self._settings.longest_wait_seconds)
        raise self._parked(call, seconds, f"waited {waited:.0f} s to be let go") from call.last

    async def _ready(self, call: _Call[T], held: Sequence[Ticket | Lent]) -> None:
        await anyio.lowlevel.checkpoint_if_cancelled()  # a refusal would hide that
        longest = min(self._settings.longest_wait_seconds, self._remaining(call))
        try:
            await call.gate.ready(longest, held=held)
        except Stopped as stopped:
            call.last_class = stopped.error_class
            why = f"not asked for another {stopped.seconds:.0f} s, after {stopped.reason}"
            raise self._parked(call, stopped.seconds, why) from call.last

    async def _take_tokens(self, call: _Call[T]) -> None:
        try:
            await acquire(
                call.lane.buckets,
                within=self._remaining(call),
                longest_block=self._settings.longest_wait_seconds,
            )
        except WaitTooLong as refused:
            why = f"the next free request is {refused.seconds:.0f} s away"
            raise self._parked(call, refused.seconds, why) from call.last

    async def _charge(self, call: _Call[T]) -> None:
        """Have it on record what the attempt costs, before anything of it is sent."""
        if self._fees is None:
            return
        try:
            usd = await self._fees.charge(call.operation)
        except BaseException:
            give_back(call.lane.buckets)
            raise
        if usd is not None:
            self._observer.paid(call.operation, usd=usd)

    async def _try(self, call: _Call[T]) -> T:
        seconds = max(0.0, min(call.timeout, call.deadline - self._monotonic()))
        # A call within the attempt would wait for the end of this one's probe for ever.
        around = _around.set((*_around.get(), *map(Lent, call.probes)))
        try:
            with anyio.move_on_after(seconds):
                await self._refreshed(call)
                return await call.work(call.attempt)
        finally:
            _around.reset(around)
        raise TimeoutError(f"no answer within {seconds:g} s")

    async def _refreshed(self, call: _Call[T]) -> None:
        if call.refresh_due and call.renewal is not None:
            # Also where the call itself takes its time: all who need the credentials wait.
            with anyio.fail_after(self._settings.deadline.total_seconds()):
                await call.renewal.renew(call.credentials_as_of)
            call.refresh_due = False
        call.credentials_as_of = self._monotonic()

    def _recovery(self, call: _Call[T], passage: Passage, exc: Exception) -> float:
        """Return the seconds to wait for the next attempt, or raise if there shall be none."""
        for kind, result in _SIGNALS.items():
            if isinstance(exc, kind):
                if kind is not Parked:  # which may have been raised without asking
                    passage.answered()
                self._tell(call, result, None)
                raise exc
        fault = self._judged(call, exc)
        self._tell(call, fault.error_class.value, fault, exc)
        if call.attempt.progressed:
            call.failures, call.refreshed = 0, False
        call.failures += 1
        call.last, call.last_class = exc, fault.error_class
        if isinstance(exc, SourceError) and exc.attempts:  # who made those has told the breakers
            exc.operation = exc.operation or call.operation
            raise exc
        self._feed_back(call, fault)
        if self._may_refresh(call, fault):
            # Refused are credentials once that has not helped; until then nobody else probes them.
            call.refreshed = call.refresh_due = True
            call.failures -= 1
            self._observer.retry(call.operation, error_class=fault.error_class, wait_seconds=0.0)
            return 0.0
        said = clean(fault.message) if fault.message else describe(exc)
        if call.attempt.progressed:
            passage.answered()
        else:
            passage.failed(fault, said)
        wait = self._wait(call, fault)
        if wait is None:
            fail(call.operation, call.attempt.number, exc, fault)
        if wait > self._settings.longest_wait_seconds:
            why = f"the server wants to be left alone for {wait:.0f} s: {said}"
            raise self._parked(call, wait, why, fault.hint) from exc
        self._observer.retry(call.operation, error_class=fault.error_class, wait_seconds=wait)
        return wait

    def _judged(self, call: _Call[T], exc: Exception) -> Fault:
        """Return what *exc* means; raise it if it is a bug, or what a table made of it if that is."""
        try:
            fault = None if _foreign(exc) else self._classifier(exc)
        except Exception as bug:
            self._tell(call, BUG, None, exc)
            raise bug from exc
        if fault is None:
            self._tell(call, BUG, None, exc)
            raise exc
        return fault

    def _feed_back(self, call: _Call[T], fault: Fault) -> None:
        if fault.throttled:
            call.lane.throttled()
        if fault.retry_after is not None and (fault.throttled or self._settings.attempts(fault)):
            call.lane.block_until(self._monotonic() + asked_seconds(fault))

    def _wait(self, call: _Call[T], fault: Fault) -> float | None:
        """Return the seconds to the next attempt; None if there shall be none."""
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
            and call.renewal is not None
            and not call.renewal.is_around
            and not call.refreshed
            and call.repeatable
        )

    def _remaining(self, call: _Call[T]) -> float:
        """Return the seconds left, also by the deadline of whoever waits for this call."""
        others = anyio.current_effective_deadline() - anyio.current_time()
        return min(call.deadline - self._monotonic(), others)

    def _parked(self, call: _Call[T], seconds: float, why: str, hint: str | None = None) -> Parked:
        return Parked(
            f"{call.operation}: {why}",
            next_due=self._now() + timedelta(seconds=min(seconds, LONGEST_SECONDS)),
            error_class=call.last_class,
            hint=hint,
        )

    def _tell(
        self, call: _Call[T], result: str, fault: Fault | None, exc: Exception | None = None
    ) -> None:
        seconds = self._monotonic() - call.began
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


def _foreign(exc: Exception) -> bool:
    """Tell whether an error of ours that is no provider's error came up from within."""
    return isinstance(exc, OgfdError) and not isinstance(exc, SourceError)
