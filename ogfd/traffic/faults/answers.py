"""
The answer of a server inside an exception of an SDK: status, provider's code, wait.

    exception -> reader of its family -> Answer | None

Read by attribute and never by import, so that ogfd knows SDKs that are not there. What an SDK left
out, renamed or made up counts as not said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from ogfd.plugin import ErrorClass, retry_after
from ogfd.traffic.faults.libraries import ancestry

OAUTH: Final[Mapping[str, ErrorClass]] = MappingProxyType(
    {
        **dict.fromkeys(("server_error", "temporarily_unavailable"), ErrorClass.TRANSIENT),
        "internal_failure": ErrorClass.TRANSIENT,  # Google's, see google.oauth2._client
        **dict.fromkeys(
            (
                "access_denied",
                "consent_required",
                "interaction_required",
                "invalid_client",
                "invalid_grant",
                "login_required",
                "unauthorized_client",
            ),
            ErrorClass.AUTH,
        ),
        **dict.fromkeys(
            (
                "invalid_request",
                "invalid_resource",
                "invalid_scope",
                "invalid_target",
                "unsupported_grant_type",
            ),
            ErrorClass.BAD_REQUEST,
        ),
    }
)
"""``error`` of a login endpoint to class: RFC 6749 sections 4.1.2.1 and 5.2, RFC 8693, OpenID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a server said.

    Attributes:
        status: the HTTP status.
        code: the provider's error code.
        error_class: what the answer means whatever its status, if it says so itself.
        retry_after: the wait that the server asked for.
        login: whether it was about the credentials, mostly by a login endpoint: that one's status
            does not speak of the request for which there was to be a token.
    """

    status: int | None = None
    code: str | None = None
    error_class: ErrorClass | None = None
    retry_after: timedelta | None = None
    login: bool = False


def answer_in(exc: Exception, now: datetime | None) -> Answer | None:
    """
    Return the answer that *exc* carries; None if it carries none or nobody knows its family.

    Args:
        exc: what an SDK raised.
        now: in UTC, for a ``Retry-After`` date in an answer without ``Date``.
    """
    names = ancestry(type(exc))
    reader = next((read for root, read in _READERS.items() if root in names), None)
    answer = None if reader is None else reader(exc, now)
    said = answer is not None and (answer.status or answer.code or answer.error_class)
    return answer if said else None


def _azure(exc: Any, now: datetime | None) -> Answer:
    response = getattr(exc, "response", None)
    # Storage puts the code of its XML where the others have that of their JSON.
    code = getattr(getattr(exc, "error", None), "code", None) or getattr(exc, "error_code", None)
    return Answer(
        status=_status(getattr(exc, "status_code", None)) or _status_of(response),
        code=_text(code),
        retry_after=_wait(response, now),
    )


def _azure_login(exc: Any, now: datetime | None) -> Answer:
    answer = _azure(exc, now)
    code = answer.code
    if answer.status == HTTPStatus.BAD_REQUEST:
        code = _oauth_error(_body(exc.response)) or code
    return Answer(
        status=answer.status,
        code=code,
        error_class=OAUTH.get(code or ""),
        retry_after=answer.retry_after,
        login=True,
    )


def _google_auth(exc: Any, now: datetime | None) -> Answer:
    """Read what google-auth put into ``args``: the response, its body as text, or that as JSON."""
    response = next((arg for arg in exc.args if hasattr(arg, "headers")), None)
    body = next((body for body in map(_json, exc.args) if body), {})
    error = body.get("error")
    status, code = _status_of(response), _oauth_error(body)
    if isinstance(error, Mapping):
        status, code = status or _status(error.get("code")), _text(error.get("status"))
    # Set after a status or an OAuth error that google-auth itself would have tried again.
    transient = getattr(exc, "retryable", False) is True
    return Answer(
        status=status,
        code=code,
        error_class=ErrorClass.TRANSIENT if transient else OAUTH.get(code or ""),
        retry_after=_wait(response, now),
        login=True,
    )


def _google_api(exc: Any, now: datetime | None) -> Answer:
    response = getattr(exc, "response", None)
    errors = getattr(exc, "errors", ())
    reason = errors[0].get("reason") if errors and isinstance(errors[0], Mapping) else None
    code = _text(reason) or _text(getattr(exc, "reason", None))
    status = _status(getattr(exc, "code", None))
    if response is None and code and status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # No server said 500: google-cloud-bigquery (job/base.py) gives it to every failed job
        # whose reason it does not know, such as one that would have cost too much.
        return Answer(code=code, error_class=ErrorClass.UNKNOWN)
    waits = (_wait(response, now), *map(_retry_info, getattr(exc, "details", ())))
    return Answer(
        status=status,
        code=code,
        retry_after=max((wait for wait in waits if wait is not None), default=None),
    )


def _botocore(exc: Any, now: datetime | None) -> Answer:
    response = getattr(exc, "response", None)
    response = response if isinstance(response, Mapping) else {}
    meta = response.get("ResponseMetadata") or {}
    return Answer(
        status=_status(meta.get("HTTPStatusCode")),
        code=_text((response.get("Error") or {}).get("Code")),
        retry_after=retry_after(meta.get("HTTPHeaders") or {}, now),
    )


def _requests(exc: Any, now: datetime | None) -> Answer:
    response = getattr(exc, "response", None)
    return Answer(status=_status_of(response), retry_after=_wait(response, now))


_READERS: Final[Mapping[str, Callable[[Any, datetime | None], Answer]]] = MappingProxyType(
    {
        "azure.core.exceptions.ClientAuthenticationError": _azure_login,
        "azure.core.exceptions.HttpResponseError": _azure,
        "botocore.exceptions.ClientError": _botocore,
        "google.api_core.exceptions.GoogleAPICallError": _google_api,
        "google.auth.exceptions.GoogleAuthError": _google_auth,
        "google.resumable_media.common.InvalidResponse": _requests,
        "requests.exceptions.RequestException": _requests,
    }
)


def _wait(response: Any, now: datetime | None) -> timedelta | None:
    headers = getattr(response, "headers", None)
    return retry_after(headers, now) if isinstance(headers, Mapping) else None


def _status_of(response: Any) -> int | None:
    # Never by the truth of a response: requests calls one with an error status false.
    return _status(getattr(response, "status_code", None)) or _status(
        getattr(response, "status", None)
    )


def _status(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and value >= HTTPStatus.MULTIPLE_CHOICES else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _body(response: Any) -> Mapping[str, Any]:
    try:
        return _json(response.text())
    except (AttributeError, LookupError, TypeError, ValueError):
        return {}  # a body of no known encoding, or one that nobody has read


def _json(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _oauth_error(body: Mapping[str, Any]) -> str | None:
    return _text(body.get("error"))


def _retry_info(detail: Any) -> timedelta | None:
    """Return the wait of a google.rpc.RetryInfo: a duration as JSON, or as protobuf over gRPC."""
    if isinstance(detail, Mapping):
        seconds = (_text(detail.get("retryDelay")) or "").removesuffix("s")
    else:
        delay = getattr(detail, "retry_delay", None)
        seconds = "" if delay is None else f"{delay.seconds}.{delay.nanos:09}"
    return retry_after({"Retry-After": seconds})
