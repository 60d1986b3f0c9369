"""
What is to be done about an exception: provider code, then HTTP status, then exception type.

Nothing here looks at the words of a message.
"""

from __future__ import annotations

import errno
import http.client
import json
import socket
import ssl
import urllib.error
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import aiohttp
import anyio
from aiohttp.http_exceptions import HttpProcessingError

from ogfd.plugin import Classify, ErrorClass, Fault, HttpError, SourceError, Throttled
from ogfd.traffic.retry_after import retry_after

STATUS: Final[Mapping[int, ErrorClass]] = MappingProxyType(
    {
        **dict.fromkeys((408, 425, 429, 500, 502, 503, 504), ErrorClass.TRANSIENT),
        **dict.fromkeys((401, 403, 407), ErrorClass.AUTH),
        **dict.fromkeys((400, 405, 409, 411, 413, 414, 415, 422), ErrorClass.BAD_REQUEST),
        **dict.fromkeys((404, 410), ErrorClass.NOT_FOUND),
        # A redirect is not followed, and the server gives no other answer the next time.
        **dict.fromkeys((301, 302, 303, 307, 308, 501, 505), ErrorClass.FATAL),
    }
)
"""HTTP status to class; any other status of 300 or more is unknown."""

TYPES: Final[tuple[tuple[type[Exception], ErrorClass], ...]] = (
    (ssl.SSLCertVerificationError, ErrorClass.FATAL),
    (aiohttp.ClientConnectorCertificateError, ErrorClass.FATAL),
    (aiohttp.ServerFingerprintMismatch, ErrorClass.FATAL),
    (aiohttp.TooManyRedirects, ErrorClass.FATAL),
    (aiohttp.InvalidURL, ErrorClass.BAD_REQUEST),
    (aiohttp.NonHttpUrlClientError, ErrorClass.BAD_REQUEST),
    (aiohttp.ClientConnectionError, ErrorClass.TRANSIENT),
    (aiohttp.ClientPayloadError, ErrorClass.TRANSIENT),
    (HttpProcessingError, ErrorClass.TRANSIENT),
    (http.client.IncompleteRead, ErrorClass.TRANSIENT),
    (http.client.BadStatusLine, ErrorClass.TRANSIENT),
    (json.JSONDecodeError, ErrorClass.TRANSIENT),
    (anyio.BrokenResourceError, ErrorClass.TRANSIENT),
    (TimeoutError, ErrorClass.TRANSIENT),
    (ConnectionError, ErrorClass.TRANSIENT),
    (EOFError, ErrorClass.TRANSIENT),
    (socket.gaierror, ErrorClass.TRANSIENT),
    (ssl.SSLError, ErrorClass.TRANSIENT),
)
"""Exception type to class; the first that fits counts."""

ERRNO: Final[Mapping[int, ErrorClass]] = MappingProxyType(
    {
        **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO), ErrorClass.FATAL),
        **dict.fromkeys(
            (
                errno.EHOSTUNREACH,
                errno.EHOSTDOWN,
                errno.ENETUNREACH,
                errno.ENETDOWN,
                errno.ENETRESET,
                errno.EADDRNOTAVAIL,
                errno.EMFILE,
                errno.ENFILE,
            ),
            ErrorClass.TRANSIENT,
        ),
    }
)
"""Number of a plain `OSError` to class; any other is unknown."""

_BUGS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    ReferenceError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def classify(
    exc: Exception,
    connector_classify: Classify | None = None,
    overrides: Mapping[str, ErrorClass] = MappingProxyType({}),
    *,
    now: datetime | None = None,
) -> Fault | None:
    """
    Return what is known of *exc*, or None if it is a bug, which must propagate as it is.

    Args:
        exc: what an attempt raised. Of a group with one exception, that one is judged.
        connector_classify: the connector's own table, asked before ours.
        overrides: provider code or HTTP status, as text, to the class it shall have whatever the
            tables say.
        now: in UTC, for a ``Retry-After`` date in an answer without ``Date``.
    """
    exc = single_error(exc)
    known = _known(exc, now)
    if not isinstance(exc, SourceError) and connector_classify is not None:
        known = _merge(connector_classify(exc), known)
    return None if known is None else _overridden(known, overrides)


def single_error(exc: Exception) -> Exception:
    """Return the only exception of a group, however deep, or *exc* itself."""
    while isinstance(exc, ExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def of_status(status: int, wait: timedelta | None = None) -> Fault:
    """Return what an HTTP status means that comes without a known provider code."""
    return Fault(
        error_class=STATUS.get(status, ErrorClass.UNKNOWN),
        status=status,
        throttled=status == http.HTTPStatus.TOO_MANY_REQUESTS,
        expired=status == http.HTTPStatus.UNAUTHORIZED,
        retry_after=wait,
    )


def _known(exc: Exception, now: datetime | None) -> Fault | None:
    if isinstance(exc, SourceError):
        return _raised_on_purpose(exc)
    answered = _answered(exc, now)
    if answered is not None:
        return answered
    for kind, error_class in TYPES:
        if isinstance(exc, kind):
            return Fault(error_class=error_class)
    if isinstance(exc, urllib.error.URLError) and isinstance(exc.reason, Exception):
        return _known(exc.reason, now)
    if any(_is_bug(leaf) for leaf in _leaves(exc)):
        return None
    number = exc.errno if isinstance(exc, OSError) else None
    return Fault(error_class=ERRNO.get(number or 0, ErrorClass.UNKNOWN))


def _raised_on_purpose(exc: SourceError) -> Fault:
    throttled = isinstance(exc, Throttled)
    return Fault(
        error_class=exc.error_class,
        code=exc.code,
        status=exc.status,
        hint=exc.hint,
        throttled=throttled,
        expired=exc.status == http.HTTPStatus.UNAUTHORIZED,
        retry_after=exc.retry_after if isinstance(exc, Throttled) else None,
    )


def _answered(exc: Exception, now: datetime | None) -> Fault | None:
    match exc:
        case HttpError():
            return of_status(exc.response.status, exc.retry_after)
        case aiohttp.ClientResponseError() if isinstance(exc.__cause__, HttpProcessingError):
            # aiohttp reports an answer that is not HTTP as if the server had answered 400.
            return Fault(error_class=ErrorClass.TRANSIENT)
        case aiohttp.ClientResponseError() if exc.status:
            return of_status(exc.status, retry_after(exc.headers or {}, now))
        case urllib.error.HTTPError():
            return of_status(exc.code, retry_after(dict(exc.headers.items()), now))
        case _:
            return None


def _merge(told: Fault | ErrorClass | None, known: Fault | None) -> Fault | None:
    """Fill what the connector left open from what the answer itself says."""
    if told is None or known is None:
        return Fault(error_class=told) if isinstance(told, ErrorClass) else told or known
    if isinstance(told, ErrorClass):
        return replace(known, error_class=told)
    return replace(
        told,
        status=told.status if told.status is not None else known.status,
        throttled=told.throttled or known.throttled,
        retry_after=told.retry_after if told.retry_after is not None else known.retry_after,
    )


def _overridden(fault: Fault, overrides: Mapping[str, ErrorClass]) -> Fault:
    for key in (fault.code or "", str(fault.status)):
        if key in overrides:
            return replace(fault, error_class=overrides[key])
    return fault


def _is_bug(exc: BaseException) -> bool:
    # An SDK derives its own errors from ValueError and the like: only the bare ones are bugs.
    return isinstance(exc, _BUGS) and type(exc).__module__ == "builtins"


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        for member in exc.exceptions:
            yield from _leaves(member)
    else:
        yield exc
