"""
What the statuses of gRPC mean, by which the Storage Read API answers.

google-api-core gives each an HTTP status, and by that alone ABORTED would be a conflict that stays
one. What the service says beside the status, a google.rpc.ErrorInfo, comes first.

https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from google.api_core.exceptions import GoogleAPICallError

from ogfd.plugin import ErrorClass, Fault

HINTS: Final[Mapping[str, str]] = {
    "way": "if it never gets through, see storage_endpoint, and proxy and ca_file of [daemon]: "
    "gRPC goes through http:// proxies only",
    "session": "grant roles/bigquery.readSessionUser on job_project; ogfd check prints the command",
    "disabled": "enable the API bigquerystorage.googleapis.com in job_project, or set "
    "storage_api = false",
    "old": "the session may have expired, which another run mends",
    "other": "storage_endpoint is no Storage Read API; set storage_api = false to do without",
}

STATUSES: Final[Mapping[ErrorClass, Mapping[str, tuple[str, ...]]]] = {
    ErrorClass.TRANSIENT: {
        "way": ("UNAVAILABLE", "DEADLINE_EXCEEDED"),
        # UNKNOWN is what gRPC makes of a broken connection, and Google's own reader goes on after
        # it: google/cloud/bigquery_storage_v1/reader.py of version 2.43.
        "": ("INTERNAL", "ABORTED", "UNKNOWN"),
        "quota": ("RESOURCE_EXHAUSTED",),
    },
    ErrorClass.AUTH: {
        "token": ("UNAUTHENTICATED",),
        "session": ("PERMISSION_DENIED",),
    },
    ErrorClass.NOT_FOUND: {"": ("NOT_FOUND",)},
    ErrorClass.BAD_REQUEST: {
        "": ("INVALID_ARGUMENT", "OUT_OF_RANGE"),
        "old": ("FAILED_PRECONDITION",),
    },
    ErrorClass.FATAL: {"other": ("UNIMPLEMENTED",)},
}
"""Class to hint to the statuses; any other is unknown."""

REASONS: Final[Mapping[ErrorClass, Mapping[str, tuple[str, ...]]]] = {
    ErrorClass.FATAL: {
        "disabled": ("SERVICE_DISABLED",),
        "billing": ("BILLING_DISABLED", "CONSUMER_SUSPENDED"),
        "policy": ("SECURITY_POLICY_VIOLATED", "ORG_RESTRICTION_VIOLATION"),
    },
}
"""Class to hint to the reasons of google.rpc.ErrorInfo that change what a status means."""

# What happened on the way, gRPC tells in these forms alone.
_UNTRUSTED: Final = re.compile(r"CERTIFICATE_VERIFY_FAILED")
_REFUSED: Final = re.compile(r"HTTP proxy returned response code (403|407)\b")


def by_status(exc: GoogleAPICallError, hints: Mapping[str, str]) -> Fault | None:
    """
    Say what *exc* means if gRPC brought it; None if it came over REST.

    Args:
        exc: of Google's client.
        hints: texts of those that are not in `HINTS`.
    """
    status = _status(exc)
    if status is None:
        return None
    if (stopped := _on_the_way(exc.message, hints)) is not None:
        return stopped
    reason = exc.reason if isinstance(exc.reason, str) else ""
    unknown = (ErrorClass.UNKNOWN, "")
    error_class, hint = _MEANINGS.get(reason) or _MEANINGS.get(status, unknown)
    refused = status == "UNAUTHENTICATED"
    return Fault(
        error_class=error_class,
        code=reason or status,
        message=exc.message,
        hint=HINTS.get(hint) or hints.get(hint),
        throttled=status == "RESOURCE_EXHAUSTED",
        expired=refused,
        unauthenticated=refused,
    )


def _on_the_way(message: str, hints: Mapping[str, str]) -> Fault | None:
    """Say why a request has not come as far as the service."""
    if _UNTRUSTED.search(message):
        return Fault(error_class=ErrorClass.FATAL, message=message, hint=hints["trust"])
    if found := _REFUSED.search(message):
        return Fault(
            error_class=ErrorClass.AUTH,
            status=int(found[1]),
            message=message,
            hint=hints["between"],
        )
    return None


def _status(exc: GoogleAPICallError) -> str | None:
    # Exceptions of REST have a status of gRPC too, that of their class: only the call itself tells.
    code = getattr(exc.response, "code", None)
    name = getattr(code(), "name", None) if callable(code) else None
    return name if isinstance(name, str) else None


_MEANINGS: Final[Mapping[str, tuple[ErrorClass, str]]] = {
    name: (error_class, hint)
    for table in (STATUSES, REASONS)
    for error_class, hints in table.items()
    for hint, names in hints.items()
    for name in names
}
