"""Which class an exception is given, and what wins over what."""

import errno
import http.client
import json
import socket
import ssl
import urllib.error
from datetime import UTC, datetime, timedelta
from email.message import Message
from types import SimpleNamespace
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp.http_exceptions import BadStatusLine, InvalidHeader
from botocore.exceptions import ClientError

from ogfd.plugin import ErrorClass, Fault, HttpError, Response, SourceError, Throttled, error_of
from ogfd.traffic import classify as judge

classify: Any = judge  # may be None, which no test of a class expects
TRANSIENT, AUTH, BAD_REQUEST, NOT_FOUND, FATAL, UNKNOWN = ErrorClass
NOW = datetime(2026, 10, 1, tzinfo=UTC)
KEY: Any = SimpleNamespace(host="h", port=443, ssl=True, is_ssl=True)
INFO: Any = SimpleNamespace(real_url="https://h/?sig=secret")


def answer(status: Any, *, headers: Any = None, wait: Any = None) -> Any:
    response = Response(status=status, headers=headers or {}, body=b"", url="https://h/")
    return HttpError(f"answered {status}", response=response, retry_after=wait)


def by_aiohttp(status: Any, headers: Any = None, cause: Any = None) -> Any:
    error = aiohttp.ClientResponseError(INFO, (), status=status, headers=headers)
    error.__cause__ = cause
    return error


def by_urllib(status: Any) -> Any:
    headers = Message()
    headers["Retry-After"] = "7"
    return urllib.error.HTTPError("https://h/", status, "reason", headers, None)


def connector_error(kind: Any, cause: Any) -> Any:
    return kind(KEY, cause)


@pytest.mark.parametrize(
    ("statuses", "error_class"),
    [
        ((408, 425, 429, 500, 502, 503, 504), TRANSIENT),
        ((401, 403, 407), AUTH),
        ((400, 405, 409, 411, 413, 414, 415, 422), BAD_REQUEST),
        ((404, 410), NOT_FOUND),
        ((301, 302, 303, 307, 308, 501, 505), FATAL),
        ((304, 402, 412, 418, 424, 451, 507, 520, 599), UNKNOWN),
    ],
)
def test_a_status_has_a_class(statuses: Any, error_class: Any) -> None:
    """Whoever reports it: our client, aiohttp in a plugin's hands, urllib in an SDK's."""
    for status in statuses:
        for exc in (answer(status), by_aiohttp(status), by_urllib(status)):
            fault = classify(exc)
            assert (error_class, status) == (fault.error_class, fault.status)
            assert (status == 429) is fault.throttled
            assert (status == 401) is fault.expired is fault.unauthenticated


@pytest.mark.parametrize(
    ("exc", "error_class"),
    [
        (connector_error(aiohttp.ClientConnectorError, OSError(111, "refused")), TRANSIENT),
        (connector_error(aiohttp.ClientConnectorDNSError, OSError(-2, "no name")), TRANSIENT),
        (connector_error(aiohttp.ClientProxyConnectionError, OSError(111, "refused")), TRANSIENT),
        (connector_error(aiohttp.ClientConnectorSSLError, ssl.SSLError(1, "eof")), TRANSIENT),
        (
            connector_error(
                aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError("bad")
            ),
            FATAL,
        ),
        (aiohttp.ServerFingerprintMismatch(b"a", b"b", "h", 443), FATAL),
        (aiohttp.ServerDisconnectedError(), TRANSIENT),
        (aiohttp.ClientOSError(104, "reset"), TRANSIENT),
        (aiohttp.ClientConnectionResetError(), TRANSIENT),
        (aiohttp.ConnectionTimeoutError(), TRANSIENT),
        (aiohttp.SocketTimeoutError(), TRANSIENT),
        (aiohttp.ClientPayloadError(), TRANSIENT),
        (by_aiohttp(400, cause=BadStatusLine("garbage")), TRANSIENT),
        (by_aiohttp(400, cause=InvalidHeader("x")), TRANSIENT),
        (by_aiohttp(0), UNKNOWN),
        (by_aiohttp(200), UNKNOWN),
        (aiohttp.ContentTypeError(INFO, (), status=200), TRANSIENT),
        (aiohttp.UploadAbortedError("cut"), TRANSIENT),
        (aiohttp.InvalidURL("x"), BAD_REQUEST),
        (aiohttp.InvalidUrlRedirectClientError("x"), FATAL),
        (aiohttp.ClientError(), UNKNOWN),
        (TimeoutError(), TRANSIENT),
        (ConnectionResetError(), TRANSIENT),
        (ConnectionRefusedError(), TRANSIENT),
        (BrokenPipeError(), TRANSIENT),
        (socket.gaierror(-2, "no name"), TRANSIENT),
        (http.client.IncompleteRead(b""), TRANSIENT),
        (http.client.RemoteDisconnected(""), TRANSIENT),
        (EOFError(), TRANSIENT),
        (anyio.BrokenResourceError(), TRANSIENT),
        (json.JSONDecodeError("no", "<html>", 0), TRANSIENT),
        (ssl.SSLCertVerificationError("expired"), FATAL),
        (ssl.SSLEOFError(), TRANSIENT),
        (urllib.error.URLError(ConnectionRefusedError()), TRANSIENT),
        (urllib.error.URLError(ssl.SSLCertVerificationError("x")), FATAL),
        (urllib.error.URLError("unknown url type"), UNKNOWN),
        (OSError(errno.ENOSPC, "no space"), FATAL),
        (OSError(errno.EDQUOT, "quota"), FATAL),
        (OSError(errno.EIO, "i/o"), FATAL),
        (OSError(errno.EHOSTUNREACH, "no route"), TRANSIENT),
        (OSError(errno.EMFILE, "too many files"), TRANSIENT),
        (FileNotFoundError(2, "none"), UNKNOWN),
        (OSError("no number"), UNKNOWN),
        (Exception("an SDK's own"), UNKNOWN),
        (ExceptionGroup("g", [ExceptionGroup("g", [TimeoutError()])]), TRANSIENT),
        (ExceptionGroup("g", [TimeoutError(), TimeoutError()]), UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_exception_type_has_a_class(exc: Any, error_class: Any) -> None:
    """Network trouble passes, a certificate that is not trusted or a full disk does not."""
    assert Fault(error_class=error_class) == classify(exc)


@pytest.mark.parametrize(
    "bug",
    [
        TypeError, KeyError, IndexError, AttributeError, AssertionError, NameError, ValueError,
        UnboundLocalError, ZeroDivisionError, RuntimeError, NotImplementedError, RecursionError,
        ImportError, ModuleNotFoundError, MemoryError,
    ],
)  # fmt: skip
def test_a_bug_has_no_class(bug: Any) -> None:
    """It must propagate, also out of a group, also beside a provider's error."""
    assert classify(bug()) is None
    assert classify(ExceptionGroup("g", [bug()])) is None
    assert classify(ExceptionGroup("g", [TimeoutError(), bug()])) is None


def test_an_error_of_an_sdk_that_derives_from_a_bug_is_none() -> None:
    """SDKs derive from ValueError and KeyError; that makes them unknown, not bugs."""
    kind = type("MalformedError", (ValueError,), {"__module__": "sdk"})

    assert UNKNOWN is classify(kind()).error_class


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_an_error_of_the_contract_keeps_its_class(error_class: Any) -> None:
    """A plugin has decided already; the connector's table is not asked."""
    error = error_of(error_class)("no", code="X", status=418, hint="do")

    def unasked(_: Any) -> Any:
        raise AssertionError

    assert Fault(error_class=error_class, code="X", status=418, hint="do") == classify(
        error, unasked
    )


def test_a_throttled_of_the_contract_carries_its_wait() -> None:
    """The bucket slows down and waits as long as the plugin read out of the answer."""
    fault = classify(Throttled("slow down", retry_after=timedelta(seconds=9)))

    assert (TRANSIENT, True, timedelta(seconds=9)) == (
        fault.error_class,
        fault.throttled,
        fault.retry_after,
    )


def test_the_providers_code_wins_over_the_status() -> None:
    """The connector is asked first; what it leaves open comes from the answer."""
    told = Fault(error_class=AUTH, code="ExpiredToken", expired=True)
    exc = answer(429, wait=timedelta(seconds=3))
    fault = classify(exc, lambda seen: told if seen is exc else None)

    assert (AUTH, "ExpiredToken", True) == (fault.error_class, fault.code, fault.expired)
    assert (429, True, timedelta(seconds=3)) == (fault.status, fault.throttled, fault.retry_after)


def test_a_connector_may_name_only_a_class_or_nothing() -> None:
    """A bare class replaces ours; None leaves it; a bug may be claimed, too."""
    assert FATAL is classify(answer(503), lambda _: FATAL).error_class
    assert 503 == classify(answer(503), lambda _: FATAL).status
    assert TRANSIENT is classify(answer(503), lambda _: None).error_class
    assert Fault(error_class=NOT_FOUND) == classify(KeyError(), lambda _: NOT_FOUND)
    assert classify(KeyError(), lambda _: None) is None


def test_a_wait_of_the_connector_wins_over_ours() -> None:
    """It knows its provider's headers."""
    told = Fault(error_class=TRANSIENT, retry_after=timedelta(seconds=50))

    assert (
        timedelta(seconds=50)
        == classify(answer(429, wait=timedelta(1)), lambda _: told).retry_after
    )


def test_the_operators_overrides_win_over_all() -> None:
    """By code before status; throttling stays what it is."""
    overrides = {"500": FATAL, "SlowDown": BAD_REQUEST, "429": UNKNOWN}

    assert FATAL is classify(answer(500), overrides=overrides).error_class
    assert TRANSIENT is classify(answer(502), overrides=overrides).error_class
    assert FATAL is classify(answer(500), lambda _: AUTH, overrides).error_class
    coded = Fault(error_class=TRANSIENT, code="SlowDown", status=500, throttled=True)
    assert BAD_REQUEST is classify(Exception(), lambda _: coded, overrides).error_class
    assert classify(answer(429), overrides=overrides).throttled
    assert FATAL is classify(SourceError("x", status=500), overrides=overrides).error_class
    assert (
        BAD_REQUEST is classify(error_of(FATAL)("x", code="SlowDown"), None, overrides).error_class
    )


@pytest.mark.parametrize("key", ["SlowDown", "slowdown", "503"])
def test_an_override_reaches_every_source_of_errors(key: Any) -> None:
    """A connector's table, an SDK that has none, what a plugin raises; whoever reported it."""
    error: Any = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    coded = Fault(error_class=TRANSIENT, code="SlowDown")
    sources = [
        (ClientError(error, "GetObject"), None),
        (answer(503), lambda _: coded),
        (error_of(TRANSIENT)("x", code="SlowDown", status=503), None),
    ]
    if key == "503":
        sources += [(answer(503), None), (by_aiohttp(503), None), (by_urllib(503), None)]

    for exc, connector in sources:
        assert TRANSIENT is classify(exc, connector).error_class
        assert FATAL is classify(exc, connector, {key: FATAL}).error_class


def test_only_an_error_of_the_credentials_can_be_unauthenticated() -> None:
    """It stops all calls with them, which an operator's or a connector's other class must not."""
    assert not classify(answer(401), overrides={"401": NOT_FOUND}).unauthenticated
    assert not classify(answer(401), lambda _: TRANSIENT).unauthenticated
    assert not classify(answer(401), lambda _: Fault(error_class=NOT_FOUND)).unauthenticated
    assert classify(answer(401), overrides={"401": AUTH}).unauthenticated


def test_a_connectors_hint_costs_neither_the_refresh_nor_the_latch() -> None:
    """It said what the answer says, in better words."""
    fault = classify(answer(401), lambda _: Fault(error_class=AUTH, hint="look"))

    assert (True, True, "look") == (fault.expired, fault.unauthenticated, fault.hint)
    assert not classify(answer(403), lambda _: Fault(error_class=AUTH)).unauthenticated
    told = Fault(error_class=AUTH, unauthenticated=True)
    assert classify(answer(403), lambda _: told).unauthenticated


def test_an_error_raised_on_purpose_says_by_its_status_whose_fault_it_is() -> None:
    """A plugin's own AuthError with a 401."""
    refused, forbidden = (classify(error_of(AUTH)("no", status=status)) for status in (401, 403))

    assert (True, True) == (refused.expired, refused.unauthenticated)
    assert (False, False) == (forbidden.expired, forbidden.unauthenticated)
    assert not classify(error_of(FATAL)("no", status=401)).unauthenticated


def test_a_wait_is_read_from_answers_that_an_sdk_reports() -> None:
    """aiohttp and urllib keep the headers; a date without Date counts from now."""
    date = {"Retry-After": "Thu, 01 Oct 2026 00:00:30 GMT"}

    assert timedelta(seconds=7) == classify(by_urllib(503)).retry_after
    assert timedelta(seconds=30) == classify(by_aiohttp(503, date), now=NOW).retry_after
    assert classify(by_aiohttp(503, date)).retry_after is None
