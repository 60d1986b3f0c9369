"""How often and how long to try: numbers and rules, without a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from ogfd.plugin import ErrorClass, Fault
from ogfd.plugin.waits import LONGEST

LONGEST_SECONDS: Final = LONGEST.total_seconds()
"""A longer wait is taken as this, whoever wants it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """
    How often and how long to try.

    Attributes:
        retries: attempts after the first for a transient error.
        unknown_retries: the same for an unknown error.
        attempts_on_500: attempts at most if the server answers 500, which is often no accident.
        first_backoff: the longest pause before the first retry; doubles with each.
        longest_backoff: the longest pause that we choose ourselves.
        longest_wait: a longer wait that the server or a bucket wants parks the slice.
        deadline: of a whole call with its waits.
    """

    retries: int = 3
    unknown_retries: int = 1
    attempts_on_500: int = 3
    first_backoff: timedelta = timedelta(seconds=1)
    longest_backoff: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(seconds=60)
    deadline: timedelta = timedelta(minutes=10)

    @property
    def longest_wait_seconds(self) -> float:
        """The longest wait that is slept through, in seconds."""
        return self.longest_wait.total_seconds()

    def attempts(self, fault: Fault) -> int:
        """Return how many attempts in a row may fail this way; 0 if it is never tried again."""
        match fault.error_class:
            case ErrorClass.TRANSIENT:
                allowed = self.retries + 1
            case ErrorClass.UNKNOWN:
                allowed = min(self.unknown_retries, self.retries) + 1
            case _:
                return 0
        if fault.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return min(allowed, self.attempts_on_500)
        return allowed

    def pause_seconds(self, failures: int, rng: Callable[[], float]) -> float:
        """Return a full-jitter pause after that many failures in a row, at least 1."""
        ceiling = self.first_backoff.total_seconds() * 2.0 ** (min(failures, 64) - 1)
        return rng() * min(self.longest_backoff.total_seconds(), ceiling)


def asked_seconds(fault: Fault) -> float:
    """Return the wait that the server asked for, at most `LONGEST_SECONDS`; 0 if it did not."""
    if fault.retry_after is None:
        return 0.0
    return min(max(0.0, fault.retry_after.total_seconds()), LONGEST_SECONDS)
