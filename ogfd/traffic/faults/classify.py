"""
What is to be done about an exception: provider code, then HTTP status, then exception type.

    raised on purpose     a `SourceError` says its class itself
    connector's table     ``ConnectorSpec.classify``, which knows the codes of its provider
    status                of an answer that our client, aiohttp, urllib or an SDK reports
    type                  `TYPES`, then the SDKs of `ogfd.traffic.faults.libraries`
    bug                   a bare TypeError and the like: no class, it propagates as it is
    errno                 of a plain `OSError`
    unknown               all else

The operator's ``[retry.classify]`` has the last word. Nothing here looks at the words of a message.
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

from ogfd.plugin import (
    Classify,
    ErrorClass,
    Fault,
    HttpError,
    OgfdError,
    Parked,
    SourceChanged,
    SourceError,
    Throttled,
    retry_after,
)
from ogfd.traffic.faults.answers import Answer, answer_in
from ogfd.traffic.faults.libraries import named

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
    (aiohttp.RedirectClientError, ErrorClass.FATAL),
    (aiohttp.InvalidURL, ErrorClass.BAD_REQUEST),
    (aiohttp.NonHttpUrlClientError, ErrorClass.BAD_REQUEST),
    (aiohttp.ClientConnectionError, ErrorClass.TRANSIENT),
    (aiohttp.ClientPayloadError, ErrorClass.TRANSIENT),
    (aiohttp.UploadAbortedError, ErrorClass.TRANSIENT),
    (aiohttp.ContentTypeError, ErrorClass.TRANSIENT),
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
"""Exception type to class; the first that fits counts, before any of `LIBRARIES`."""

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

_DEEPEST: Final = 10  # causes of causes


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
        exc: what an attempt raised. Of a group, the one that `single_error` returns is judged.
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
    """
    Return the exception of a group that decides, however deep, or *exc* itself.

    That is the only one. Of several it is a changed source, which explains the others, then a
    wait, then any error of ours, which has been judged already, but none beside a bug.
    """
    leaves = [leaf for leaf in _leaves(exc) if isinstance(leaf, Exception)]
    if len(leaves) == 1:
        return leaves[0]
    if not any(map(_is_bug, leaves)):
        for kind in (SourceChanged, Parked, OgfdError):
            for leaf in leaves:
                if isinstance(leaf, kind):
                    return leaf
    return exc


def of_status(status: int, wait: timedelta | None = None) -> Fault:
    """Return what an HTTP status means that comes without a known provider code."""
    unauthorized = status == http.HTTPStatus.UNAUTHORIZED
    return Fault(
        error_class=STATUS.get(status, ErrorClass.UNKNOWN),
        status=status,
        throttled=status == http.HTTPStatus.TOO_MANY_REQUESTS,
        expired=unauthorized,
        unauthenticated=unauthorized,
        retry_after=wait,
    )


def _known(exc: Exception, now: datetime | None) -> Fault | None:
    if isinstance(exc, SourceError):
        return _raised_on_purpose(exc)
    fault = _alone(exc, now)
    if fault is None or fault.status is not None or fault.code is not None:
        return fault
    passing = fault.error_class is ErrorClass.TRANSIENT
    if (passing or fault.unauthenticated) and any(map(_untrusted, causes(exc))):
        return Fault(error_class=ErrorClass.FATAL)
    # An SDK that could not reach its login calls that a failed login.
    return _passing_cause(exc, now) or fault if fault.unauthenticated else fault


def _passing_cause(exc: Exception, now: datetime | None) -> Fault | None:
    """Return the nearest cause of a failed login that passes."""
    judged = (_alone(cause, now) for cause in causes(exc) if isinstance(cause, Exception))
    return next((f for f in judged if f and f.error_class is ErrorClass.TRANSIENT), None)


def _alone(exc: Exception, now: datetime | None) -> Fault | None:
    """Judge *exc* by what itself holds, whatever led to it."""
    answered = _answered(exc, now)
    if answered is not None:
        return answered
    error_class = _typed(exc)
    answer = answer_in(exc, now)
    if answer is not None:
        return _heard(answer, error_class)
    if error_class is not None:
        # By its type alone, an exception can only mean the credentials themselves.
        return Fault(error_class=error_class, unauthenticated=error_class is ErrorClass.AUTH)
    if isinstance(exc, urllib.error.URLError) and isinstance(exc.reason, Exception):
        return _alone(exc.reason, now)
    if any(_is_bug(leaf) for leaf in _leaves(exc)):
        return None
    number = exc.errno if isinstance(exc, OSError) else None
    return Fault(error_class=ERRNO.get(number or 0, ErrorClass.UNKNOWN))


def _raised_on_purpose(exc: SourceError) -> Fault:
    throttled = isinstance(exc, Throttled)
    unauthorized = exc.status == http.HTTPStatus.UNAUTHORIZED
    return Fault(
        error_class=exc.error_class,
        code=exc.code,
        status=exc.status,
        hint=exc.hint,
        throttled=throttled,
        expired=unauthorized,
        unauthenticated=unauthorized and exc.error_class is ErrorClass.AUTH,
        retry_after=exc.retry_after if isinstance(exc, Throttled) else None,
    )


def _answered(exc: Exception, now: datetime | None) -> Fault | None:
    match exc:
        case HttpError():
            return of_status(exc.response.status, exc.retry_after)
        case aiohttp.ClientResponseError() if isinstance(exc.__cause__, HttpProcessingError):
            # aiohttp reports an answer that is not HTTP as if the server had answered 400.
            return Fault(error_class=ErrorClass.TRANSIENT)
        case aiohttp.ClientResponseError() if exc.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            return of_status(exc.status, retry_after(exc.headers or {}, now))
        case urllib.error.HTTPError():
            return of_status(exc.code, retry_after(dict(exc.headers.items()), now))
        case _:
            return None


def _heard(answer: Answer, typed: ErrorClass | None) -> Fault:
    """Judge by an answer; by the type that the SDK gave its error if the status is not known."""
    fault = of_status(answer.status or 0, answer.retry_after)
    by_status = STATUS.get(answer.status or 0)
    if answer.login and by_status is not ErrorClass.TRANSIENT:
        by_status = ErrorClass.AUTH
    error_class = answer.error_class or by_status or typed or ErrorClass.UNKNOWN
    return replace(
        fault,
        error_class=error_class,
        status=answer.status,
        code=answer.code,
        unauthenticated=error_class is ErrorClass.AUTH
        and (
            fault.unauthenticated or (answer.login and answer.status != http.HTTPStatus.FORBIDDEN)
        ),
    )


def _typed(exc: Exception) -> ErrorClass | None:
    own = next((error_class for kind, error_class in TYPES if isinstance(exc, kind)), None)
    return own or named(type(exc))


def _merge(told: Fault | ErrorClass | None, known: Fault | None) -> Fault | None:
    """Fill what the connector left open from what the answer itself says."""
    if told is None or known is None:
        return Fault(error_class=told) if isinstance(told, ErrorClass) else told or known
    if isinstance(told, ErrorClass):
        return _reclassified(known, told)
    refused = told.error_class is ErrorClass.AUTH
    return replace(
        told,
        code=told.code if told.code is not None else known.code,
        status=told.status if told.status is not None else known.status,
        throttled=told.throttled or known.throttled,
        expired=told.expired or (refused and known.expired),
        unauthenticated=told.unauthenticated or (refused and known.unauthenticated),
        retry_after=told.retry_after if told.retry_after is not None else known.retry_after,
    )


def _overridden(fault: Fault, overrides: Mapping[str, ErrorClass]) -> Fault:
    # Names in environment variables have no case, and no provider tells two codes by it.
    wanted = {key.casefold(): error_class for key, error_class in overrides.items()}
    for key in ((fault.code or "").casefold(), str(fault.status)):
        if key in wanted:
            return _reclassified(fault, wanted[key])
    return fault


def _reclassified(fault: Fault, error_class: ErrorClass) -> Fault:
    # Only an error of the credentials may stop other calls.
    refused = fault.unauthenticated and error_class is ErrorClass.AUTH
    return replace(fault, error_class=error_class, unauthenticated=refused)


def causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield what *exc* was raised from or in the handling of, nearest first."""
    for _ in range(_DEEPEST):
        above = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
        # Some errors of azure-core are made in the handling of another, but raised after it.
        above = above or getattr(exc, "inner_exception", None)
        if not isinstance(above, BaseException):
            return
        yield (exc := above)


def _untrusted(exc: BaseException) -> bool:
    return isinstance(exc, (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError))


def _is_bug(exc: BaseException) -> bool:
    # An SDK derives its own errors from ValueError and the like: only the bare ones are bugs.
    return isinstance(exc, _BUGS) and type(exc).__module__ == "builtins"


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        for member in exc.exceptions:
            yield from _leaves(member)
    else:
        yield exc
