"""
The errors of the plugin contract, sorted by what the caller does next.

    OgfdError
    +-- SourceError            a provider call failed; its class decides about a retry
    |   +-- TransientError     worth another try (Throttled: after the wait the server asked for)
    |   +-- AuthError          credentials or permission; an operator must act
    |   +-- BadRequestError    this request will never succeed
    |   +-- NotFoundError      nothing there
    |   +-- FatalError         the answer cannot be trusted or used
    |   +-- UnknownError       nobody has classified this yet
    +-- SourceChanged          the source moved on while it was read; start the slice again
    +-- NotPublished           the provider has not published this partition yet
    +-- Parked                 the server wants a long wait; try the slice again at `next_due`
    +-- SinkError              a sink could not answer or commit; nothing was changed
        +-- OverlapError       another slice already counts for what this package claims
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar


class ErrorClass(StrEnum):
    """What is to be done about a failed provider call."""

    TRANSIENT = "transient"
    AUTH = "auth"
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    FATAL = "fatal"
    UNKNOWN = "unknown"


class OgfdError(Exception):
    """
    Base of every error that ogfd and its plugins raise on purpose.

    Args:
        message: what failed, on what; no secrets.
        hint: what the operator can do about it, as a sentence.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} ({self.hint})" if self.hint else message


class SourceError(OgfdError):
    """
    A provider call failed. Raise the subclass whose name is the class of the error.

    Attributes:
        error_class: decides about retries, the outcome of the slice and the exit code.
        operation: the operation that failed, as passed to ``ctx.request`` or ``ctx.call``.
        code: the provider's own error code, if it sent one.
        status: the HTTP status, if there was an answer.
        attempts: how many attempts were made; 0 if the error was raised outside of the policy.
    """

    error_class: ClassVar[ErrorClass] = ErrorClass.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        operation: str | None = None,
        code: str | None = None,
        status: int | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation
        self.code = code
        self.status = status
        self.attempts = attempts


class TransientError(SourceError):
    """The same call may well succeed later."""

    error_class = ErrorClass.TRANSIENT


class Throttled(TransientError):  # noqa: N818 - named for the state it reports
    """
    The provider asked for fewer requests.

    Attributes:
        retry_after: the wait the server asked for, if it did.
    """

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class AuthError(SourceError):
    """Credentials are wrong or expired, or a permission is missing."""

    error_class = ErrorClass.AUTH


class BadRequestError(SourceError):
    """The request is wrong and will stay wrong."""

    error_class = ErrorClass.BAD_REQUEST


class NotFoundError(SourceError):
    """What was asked for does not exist."""

    error_class = ErrorClass.NOT_FOUND


class FatalError(SourceError):
    """The answer breaks a rule that no retry can mend, such as a missing column."""

    error_class = ErrorClass.FATAL


class UnknownError(SourceError):
    """An error that no table knows."""

    error_class = ErrorClass.UNKNOWN


class SourceChanged(OgfdError):  # noqa: N818 - not a failure: the slice starts again
    """The source no longer holds the version that is being read. The slice starts again."""


class NotPublished(OgfdError):  # noqa: N818 - not a failure: the outcome is `pending`
    """The provider has not published this partition yet. The outcome is ``pending``."""


class Parked(OgfdError):  # noqa: N818 - not a failure: the slice waits durably
    """
    The wait is too long to sleep through; the slice is tried again later.

    Attributes:
        next_due: when, in UTC.
        error_class: the class of the error that asked for the wait.
    """

    def __init__(
        self,
        message: str,
        *,
        next_due: datetime,
        error_class: ErrorClass = ErrorClass.TRANSIENT,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.next_due = next_due
        self.error_class = error_class


class SinkError(OgfdError):
    """A sink could not answer or commit. The sink must be as it was before the call."""

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass = ErrorClass.TRANSIENT,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.error_class = error_class


class OverlapError(SinkError):
    """
    A slice of another stream already counts for the same provider, payer, month and kind.

    Attributes:
        other: the slice that holds the claim.
    """

    def __init__(self, message: str, *, other: str, hint: str | None = None) -> None:
        super().__init__(message, error_class=ErrorClass.FATAL, hint=hint)
        self.other = other


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    What a connector knows about an exception of its SDK; ``ConnectorSpec.classify`` returns it.

    Attributes:
        error_class: one of the six classes.
        code: the provider's error code, for logs and messages.
        status: the HTTP status, if known.
        message: a sentence for the operator; the exception's own text if None. No secrets.
        hint: what the operator can do.
        throttled: the provider asked for fewer requests (halves the rate of the bucket).
        expired: the credentials ran out; one forced refresh may help.
        unauthenticated: the credentials themselves are refused, so that any other call with them
            would be too. A missing permission is not that.
        retry_after: the wait that the server asked for.
    """

    error_class: ErrorClass
    code: str | None = None
    status: int | None = None
    message: str | None = None
    hint: str | None = None
    throttled: bool = False
    expired: bool = False
    unauthenticated: bool = False
    retry_after: timedelta | None = None


_RAISED: dict[ErrorClass, type[SourceError]] = {
    kind.error_class: kind
    for kind in (
        TransientError,
        AuthError,
        BadRequestError,
        NotFoundError,
        FatalError,
        UnknownError,
    )
}


def error_of(error_class: ErrorClass) -> type[SourceError]:
    """Return the exception class that stands for *error_class*."""
    return _RAISED[error_class]
