"""
What the errors of BigQuery mean: the reason first; the status and the exception are left to ogfd.

A reason comes with an HTTP error or with a job that failed. Of the latter the library says 500
whatever it was, so that a refusal for the sake of cost would look like an outage.

https://cloud.google.com/bigquery/docs/error-messages, which calls itself incomplete: a reason that
is not here is left to the status of the answer, or unknown if a job failed with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError, RefreshError

from ogfd.plugin import ErrorClass, Fault, SourceError, retry_after
from ogfd_gcp.credentials import LoginError

HINTS: Final[Mapping[str, str]] = {
    "role": "grant what is missing: roles/bigquery.jobUser on job_project, "
    "roles/bigquery.dataViewer on the dataset; ogfd check prints the commands",
    "login": "check the credentials: the key may have been deleted or its account disabled, or "
    "the clock of this machine may be off",
    "token": "check the credentials, and that the BigQuery API is enabled in job_project",
    "missing": "check project, dataset and table; a query also finds nothing if it runs in another "
    "location than its dataset has",
    "query": "if a column is not recognised, the table has changed since its schema was read; run "
    "again, and report the query if that does not help",
    "bytes": "the query would be billed for more than maximum_bytes_billed; raise that, or narrow "
    "what is read by start",
    "large": "set a coarser grain, or leave out resource_ids and tags",
    "quota": "a quota of the project is used up; see IAM & Admin > Quotas",
    "billing": "enable billing in job_project, or check that its account is in good standing",
    "policy": "an organisation policy or a service perimeter forbids it; ask who administers that",
}

REASONS: Final[Mapping[ErrorClass, Mapping[str, tuple[str, ...]]]] = {
    ErrorClass.TRANSIENT: {
        "": (
            "rateLimitExceeded", "backendError", "internalError", "badGateway",
            "tableUnavailable", "jobBackendError", "jobInternalError", "jobRateLimitExceeded",
            "stopped",
        ),
        "quota": ("quotaExceeded",),
    },
    ErrorClass.AUTH: {
        "token": ("authError", "required"),
        "role": ("accessDenied", "forbidden"),
    },
    ErrorClass.NOT_FOUND: {"missing": ("notFound",)},
    ErrorClass.BAD_REQUEST: {
        "": ("badRequest", "duplicate", "timeout"),
        "query": ("invalidQuery", "invalid"),
        "bytes": ("bytesBilledLimitExceeded",),
        "large": ("resourcesExceeded", "responseTooLarge", "billingTierLimitExceeded"),
    },
    ErrorClass.FATAL: {
        "": ("notImplemented",),
        "billing": ("billingNotEnabled",),
        "policy": ("blocked", "policyViolation"),
    },
}  # fmt: skip
"""Class to hint to the reasons; see ``HINTS``."""

QUOTA_PAUSE: Final = timedelta(hours=1)
"""Quotas are of a day or of some hours: nobody waits for that in the middle of a request."""

_THROTTLING: Final = frozenset({"rateLimitExceeded", "jobRateLimitExceeded", "quotaExceeded"})
_FORBIDDEN: Final = HTTPStatus.FORBIDDEN
_REFUSED: Final = frozenset({"authError", "required"})


class JobFailedError(Exception):
    """
    A job has ended with an error.

    Attributes:
        reason: BigQuery's code.
    """

    def __init__(self, job_id: str, reason: str, message: str) -> None:
        super().__init__(f"job {job_id} failed: {message}")
        self.reason = reason


def classify(exc: BaseException) -> Fault | None:
    """Say what *exc* means; None leaves it to the tables of the engine."""
    if isinstance(exc, JobFailedError):
        return _by_reason(exc.reason, str(exc)) or Fault(
            error_class=ErrorClass.UNKNOWN, code=exc.reason or None, message=str(exc)
        )
    if isinstance(exc, LoginError):
        return Fault(
            error_class=ErrorClass.TRANSIENT,
            status=exc.status,
            throttled=exc.status == HTTPStatus.TOO_MANY_REQUESTS,
            retry_after=retry_after(exc.headers),
        )
    if isinstance(exc, RefreshError) and not exc.retryable:
        return _login(exc)
    return _answered(exc) if isinstance(exc, GoogleAPICallError) else None


def lacks_permission(exc: SourceError) -> bool:
    """Return whether *exc* says that something is not allowed, rather than who asks refused."""
    return exc.error_class is ErrorClass.AUTH and (exc.code in _ROLE or exc.status == _FORBIDDEN)


def _login(exc: GoogleAuthError) -> Fault | None:
    said = next((arg for arg in exc.args if isinstance(arg, Mapping)), {})
    code = said.get("error")
    if not isinstance(code, str):
        return None
    told = said.get("error_description")
    return Fault(
        error_class=ErrorClass.AUTH,
        code=code,
        message=f"sign-in failed: {code}" + (f": {told}" if isinstance(told, str) else ""),
        hint=HINTS["login"],
        unauthenticated=True,
    )


def _answered(exc: GoogleAPICallError) -> Fault | None:
    first: Any = next(iter(exc.errors), None)
    reason = first.get("reason") if isinstance(first, Mapping) else None
    if not isinstance(reason, str):
        return None
    return _by_reason(reason, exc.message)


def _by_reason(reason: str, message: str) -> Fault | None:
    meaning = _MEANINGS.get(reason)
    if meaning is None:
        return None
    error_class, hint = meaning
    return Fault(
        error_class=error_class,
        code=reason,
        message=message,
        hint=HINTS.get(hint),
        throttled=reason in _THROTTLING,
        expired=reason in _REFUSED,
        unauthenticated=reason in _REFUSED,
        retry_after=QUOTA_PAUSE if reason == "quotaExceeded" else None,
    )


_MEANINGS: Final[Mapping[str, tuple[ErrorClass, str]]] = {
    reason: (error_class, hint)
    for error_class, hints in REASONS.items()
    for hint, reasons in hints.items()
    for reason in reasons
}
_ROLE: Final = REASONS[ErrorClass.AUTH]["role"]
