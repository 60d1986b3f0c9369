"""
The errors of Google's services, as their JSON says them.

Reasons and their statuses: https://docs.cloud.google.com/bigquery/docs/error-messages, 2026. A job
that failed has none of those statuses: only a call that hands out its results turns it into one.
"""

from __future__ import annotations

from typing import Any, Final

from ogfd_sandbox.azure.wire import RefusedError, Reply, json_reply

CANONICAL: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_STATUS: Final = {
    "accessDenied": 403,
    "backendError": 503,
    "badGateway": 502,
    "billingNotEnabled": 403,
    "blocked": 403,
    "duplicate": 409,
    "internalError": 500,
    "notFound": 404,
    "notImplemented": 501,
    "policyViolation": 403,
    "quotaExceeded": 403,
    "rateLimitExceeded": 403,
    "responseTooLarge": 403,
}
_LIMITS: Final = frozenset({"quotaExceeded", "rateLimitExceeded", "dailyLimitExceeded"})
_HEADER: Final = {"location": "Authorization", "locationType": "header"}


class QueryError(Exception):
    """A query that cannot be run, or ended with an error: a reason and a message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def refused(self) -> RefusedError:
        """Return it as the refusal of a call that should have given the results."""
        return RefusedError(_STATUS.get(self.reason, 400), self.reason, self.message)

    def result(self) -> dict[str, str]:
        """Return it as the ``errorResult`` of a job."""
        return {"reason": self.reason, "message": self.message}


def google_error(status: int, reason: str, message: str) -> Reply:
    """Return an error as BigQuery words it, and every Google API of its age."""
    item: dict[str, Any] = {"message": message, "domain": "global", "reason": reason}
    if reason in _LIMITS:
        item["domain"] = "usageLimits"
    if status == 401:
        item |= _HEADER
    body: dict[str, Any] = {"code": status, "message": message, "errors": [item]}
    if status in CANONICAL:
        body["status"] = CANONICAL[status]
    challenge = 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
    headers = {"WWW-Authenticate": challenge} if status == 401 else {}
    return json_reply({"error": body}, status, headers)


def oauth_error(status: int, reason: str, message: str) -> Reply:
    """Return an error as Google's token services word it."""
    return json_reply({"error": reason, "error_description": message}, status)
