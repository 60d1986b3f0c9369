"""
What the errors of BigQuery mean: the reason first; the status and the exception are left to ogfd.

A reason comes with an HTTP error or with a job that failed. Of the latter the library says 500
whatever it was, so that a refusal for the sake of cost would look like an outage.

https://cloud.google.com/bigquery/docs/error-messages, which calls itself incomplete: a reason that
is not here is left to the status of the answer, or unknown if a job failed with it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

from ogfd.plugin import ErrorClass, Fault, SourceError, retry_after
from ogfd_gcp.credentials import LoginError
from ogfd_gcp.statuses import by_status

HINTS: Final[Mapping[str, str]] = {
    "role": "grant what is missing: roles/bigquery.jobUser on job_project, "
    "roles/bigquery.dataViewer on the dataset; ogfd check prints the commands",
    "login": "check the credentials: the key may have been deleted or its account disabled, or "
    "the clock of this machine may be off",
    "token": "check the credentials, that the clock of this machine is right, and that the "
    "BigQuery API is enabled in job_project",
    "missing": "check project, dataset and table; a query also finds nothing if it runs in another "
    "location than its dataset has",
    "query": "if a column is not recognised, the table has changed since its schema was read; run "
    "again, and report the query if that does not help",
    "bytes": "the query would be billed for more than maximum_bytes_billed; raise that, or narrow "
    "what is read by start",
    "large": "set a coarser grain, or leave out resource_ids and tags",
    "time": "the query ran for longer than it may; set a coarser grain, or see what else runs in "
    "job_project",
    "quota": "a quota of the project is used up; see IAM & Admin > Quotas",
    "billing": "enable billing in job_project, or check that its account is in good standing",
    "policy": "an organisation policy or a service perimeter forbids it; ask who administers that",
    "between": "a proxy or firewall in between may have refused it; see proxy of [daemon]",
    "endpoint": "what answers is no BigQuery; check endpoint",
    "page": "a proxy or a login page of the network may have answered in place of BigQuery; see "
    "endpoint, and proxy of [daemon]",
    "trust": "if a proxy in between has certificates of its own, name their CA by ca_file of "
    "[daemon]; else the clock of this machine may be off",
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
        "": ("duplicate",),
        "query": ("invalidQuery", "invalid", "badRequest"),
        "time": ("timeout",),
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
_BETWEEN: Final = frozenset({_FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})
_ELSEWHERE: Final[Mapping[int | None, ErrorClass]] = {
    HTTPStatus.NOT_FOUND: ErrorClass.NOT_FOUND,
    HTTPStatus.NOT_IMPLEMENTED: ErrorClass.FATAL,
}
_TUNNEL: Final = re.compile(r"Tunnel connection failed: ([0-9]{3})\b")  # of http.client
_UNHEARD: Final = (requests.ConnectionError, requests.Timeout)
_PORTS: Final = {"http": 80, "https": 443}
_DEEPEST: Final = 10  # causes of causes
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
    if isinstance(exc, (requests.RequestException, TransportError)):
        return _on_the_way(exc)
    if not isinstance(exc, GoogleAPICallError):
        return None
    return by_status(exc, HINTS) or _answered(exc)


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
    if isinstance(reason, str):
        told = first.get("message")  # without the address, which the library puts before it
        return _by_reason(reason, told if isinstance(told, str) else exc.message)
    if exc.code in _BETWEEN:
        return _refused_between(exc.code)
    if (elsewhere := _ELSEWHERE.get(exc.code)) is not None:
        return _unreasoned(elsewhere, exc.code, "endpoint")
    return None


def _on_the_way(exc: BaseException) -> Fault | None:
    """Say why a request has not come as far as the service."""
    for cause in _causes(exc):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Fault(error_class=ErrorClass.FATAL, hint=HINTS["trust"])
        # What a proxy answered to CONNECT, http.client tells in this form alone.
        if isinstance(cause, OSError) and (found := _TUNNEL.match(str(cause))):
            status = int(found[1])
            if status in _BETWEEN:
                return _refused_between(status)
    return _unheard(exc)


def _unheard(exc: BaseException) -> Fault | None:
    """
    Say which host did not answer, and why.

    The libraries say that retries are used up, of which there are none, and name their own objects.
    """
    chain = [exc, *_causes(exc)]
    failed = next((each for each in chain if isinstance(each, _UNHEARD)), None)
    # Errors of requests are, by their type, of the system too.
    origins = [each for each in chain if not isinstance(each, requests.RequestException)]
    origin = next((each for each in reversed(origins) if isinstance(each, OSError)), None)
    url = getattr(getattr(failed, "request", None), "url", None)
    if not isinstance(url, str) or origin is None:
        return None
    through = " through the proxy" if isinstance(failed, requests.exceptions.ProxyError) else ""
    return Fault(
        error_class=ErrorClass.TRANSIENT,
        message=f"no answer from {address(url)}{through}: {origin.strerror or origin}",
    )


def address(url: str) -> str:
    """Return host and port of *url*."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or _PORTS.get(parts.scheme)}"


def _refused_between(status: int | None) -> Fault:
    return _unreasoned(ErrorClass.AUTH, status, "between")


def _unreasoned(error_class: ErrorClass, status: int | None, hint: str) -> Fault:
    """Say that an answer has a status alone; the page that came with it tells nobody anything."""
    return Fault(
        error_class=error_class,
        status=status,
        message=f"answered with status {status} and no reason of BigQuery's",
        hint=HINTS[hint],
    )


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield what *exc* was raised from or in the handling of, nearest first."""
    above: BaseException | None = exc
    for _ in range(_DEEPEST):
        above = above and (above.__cause__ or above.__context__)
        if above is None:
            return
        yield above


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
