"""The breakers that one call has to pass, and what its end tells each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ogfd.plugin import ErrorClass, Fault
from ogfd.traffic.limits.breaker import Breaker, BreakerOpen, Lent, Ticket

AnyTicket = Ticket | Lent


class Verdict(Enum):
    """What the end of a call says of one breaker's concern."""

    FINE = auto()
    BROKEN = auto()
    UNKNOWN = auto()


class Stopped(Exception):  # noqa: N818 - a refusal, not a failure
    """
    A breaker lets the call not pass for longer than it is ready to wait.

    Attributes:
        seconds: until the next probe may go.
        error_class: of the failures that opened the breaker.
        reason: of what the latest call failed.
    """

    def __init__(self, seconds: float, error_class: ErrorClass, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.error_class = error_class
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """
    The breakers that one call has to pass.

    Attributes:
        outage: of all calls under one key.
        credential: of all calls with the same credentials; None if there are none to refuse.
        permission: of the operation on what it is about.
    """

    outage: Breaker
    credential: Breaker | None = None
    permission: Breaker | None = None

    async def ready(self, longest: float = math.inf, *, held: Sequence[AnyTicket] = ()) -> None:
        """
        Wait until a call may pass. May be cancelled.

        Args:
            longest: do not wait for a breaker that stays open for longer, in seconds.
            held: probes that the caller is already: their breakers are passed.

        Raises:
            Stopped: if a breaker stays open for more than *longest* seconds.
        """
        for breaker, error_class in (
            (self.credential, ErrorClass.AUTH),
            (self.permission, ErrorClass.AUTH),
            (self.outage, ErrorClass.TRANSIENT),
        ):
            if breaker is None or _probe(breaker, held) is not None:
                continue
            try:
                await breaker.ready(longest)
            except BreakerOpen as exc:
                raise Stopped(exc.seconds, error_class, breaker.reason) from None

    def enter(self, *, held: Sequence[AnyTicket] = ()) -> Passage | None:
        """Pass all breakers, those of *held* by that; None if one lets nobody pass now."""
        tickets: list[AnyTicket | None] = []
        for breaker in (self.outage, self.credential, self.permission):
            if breaker is None:
                tickets.append(None)
                continue
            ticket = _probe(breaker, held) or breaker.enter()
            if ticket is None:
                for each in tickets:
                    if each is not None and each not in held:
                        each.abandoned()
                return None
            tickets.append(ticket)
        return Passage(*tickets)


class Passage:
    """One call on its way through the gate; tell it once how the call ended."""

    __slots__ = ("_credential", "_outage", "_permission")

    def __init__(
        self, outage: AnyTicket | None, credential: AnyTicket | None, permission: AnyTicket | None
    ) -> None:
        self._outage = outage
        self._credential = credential
        self._permission = permission

    @property
    def probes(self) -> list[Ticket]:
        """The probes that the call is; it must tell their end, or nobody else may pass."""
        tickets = (self._outage, self._credential, self._permission)
        return [each for each in tickets if isinstance(each, Ticket) and each.is_probe]

    def served(self) -> None:
        """Say that the provider has begun to do it: a probe need not go on to its end."""
        for ticket in self.probes:
            ticket.succeeded()

    def answered(self) -> None:
        """Say that the provider did what it was asked for."""
        for ticket in (self._outage, self._credential, self._permission):
            _tell(ticket, Verdict.FINE)

    def failed(self, fault: Fault, reason: str) -> None:
        """Say that the call failed, and of what; *reason* must hold no secrets."""
        _tell(self._outage, outage(fault), reason)
        _tell(self._credential, credential(fault), reason)
        _tell(self._permission, permission(fault), reason)


def outage(fault: Fault) -> Verdict:
    """Tell whether the provider works: who throttles, or refuses, does."""
    match fault.error_class:
        case ErrorClass.TRANSIENT if fault.throttled:
            return Verdict.UNKNOWN
        case ErrorClass.TRANSIENT | ErrorClass.UNKNOWN:
            return Verdict.BROKEN
        case ErrorClass.FATAL:
            return Verdict.UNKNOWN
        case _:
            return Verdict.FINE


def credential(fault: Fault) -> Verdict:
    """Tell whether the credentials are good."""
    if fault.unauthenticated and fault.error_class is ErrorClass.AUTH:
        return Verdict.BROKEN
    return _fine_if_served(fault)


def permission(fault: Fault) -> Verdict:
    """Tell whether the operation is permitted."""
    if fault.error_class is ErrorClass.AUTH:
        return Verdict.UNKNOWN if fault.unauthenticated else Verdict.BROKEN
    return _fine_if_served(fault)


def _fine_if_served(fault: Fault) -> Verdict:
    served = fault.error_class in (ErrorClass.NOT_FOUND, ErrorClass.BAD_REQUEST)
    return Verdict.FINE if served else Verdict.UNKNOWN


def _probe(breaker: Breaker, held: Sequence[AnyTicket]) -> AnyTicket | None:
    return next((ticket for ticket in held if ticket.probes(breaker)), None)


def _tell(ticket: AnyTicket | None, verdict: Verdict, reason: str = "") -> None:
    if ticket is None:
        return
    match verdict:
        case Verdict.FINE:
            ticket.succeeded()
        case Verdict.BROKEN:
            ticket.failed(reason)
        case Verdict.UNKNOWN:
            ticket.abandoned()
