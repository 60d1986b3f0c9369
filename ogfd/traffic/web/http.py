"""The HTTP client behind ``ctx.request``: one request, one whole answer, no surprises."""

from __future__ import annotations

import json as jsons
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import aiohttp
import anyio
from anyio import to_thread
from multidict import CIMultiDict
from yarl import URL

from ogfd.plugin import Auth, FatalError, HttpError, Response, TransientError, retry_after
from ogfd.plugin.documents import document_of
from ogfd.traffic.attempt import Attempt
from ogfd.traffic.web.documents import parsed
from ogfd.traffic.web.encoding import Undecodable, decoded
from ogfd.traffic.web.hosts import Pins
from ogfd.traffic.web.network import Network
from ogfd.traffic.web.resolver import GuardedResolver

_LONGEST_ERROR_BYTES: Final = 64 << 10
_CHUNK_BYTES: Final = 256 << 10
_ERROR_SECONDS: Final = 5  # for the body of an error: a slow one must not hide the status
_CLOSE_SECONDS: Final = 5
_JSON: Final = re.compile(r"[^/]+/([^/]+\+)?json", re.IGNORECASE)  # not x-ndjson: lines
_BODYLESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send; fields as in ``Context.request``, *url* checked against the pins."""

    method: str
    url: URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    auth: Auth | None = field(repr=False)
    max_bytes: int
    expects_json: bool = False

    @property
    def shown(self) -> str:
        """Method and URL without the query, which may be a signature."""
        return f"{self.method} {self.url.with_query(None).with_fragment(None)}"


class HttpClient:
    """
    Sends requests of one connector over one session, which is made at the first request.

    Redirects are not followed, cookies not kept, and nothing is tried twice. Close it when the
    connector's run ends.

    Args:
        pins: where requests may go.
        network: by which way.
        now: the time in UTC.
        user_agent: sent with every request.
    """

    def __init__(
        self,
        pins: Pins,
        network: Network,
        *,
        now: Callable[[], datetime],
        user_agent: str = "ogfd",
    ) -> None:
        self._pins = pins
        self._network = network
        self._now = now
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None
        self._opening = anyio.Lock()

    def prepare(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
        auth: Auth | None = None,
        max_bytes: int = 64 << 20,
        expects_json: bool = False,
    ) -> Request:
        """
        Check a request and return it ready to be sent, any number of times.

        Raises:
            ValueError: if the host is not allowed, or both *json* and *data* are given.
        """
        if json is not None and data is not None:
            raise ValueError("give json or data, not both")
        fields = CIMultiDict({"User-Agent": self._user_agent, "Accept-Encoding": "identity"})
        if expects_json:
            fields["Accept"] = "application/json"
        if json is not None:
            fields["Content-Type"] = "application/json"
            data = jsons.dumps(json, separators=(",", ":"), ensure_ascii=False).encode()
        fields.update(headers or {})
        return Request(
            method=method.upper(),
            url=self._pins.check(_with_query(url, params)),
            headers=fields,
            body=data,
            auth=auth,
            max_bytes=max_bytes,
            expects_json=expects_json,
        )

    async def send(self, request: Request, attempt: Attempt) -> Response:
        """
        Send *request* once and return the whole answer. May be cancelled.

        The caller's deadline holds to the last byte, so there is no answer so slow that it
        would not end. The answer is held in memory, at most ``max_bytes`` of it.

        Raises:
            HttpError: if the answer has a status of 300 or more.
            FatalError: if it is longer than allowed or its end cannot be told.
            TransientError: if it was cut, or is not the JSON document that is expected.
            aiohttp.ClientError: if there was no answer.
        """
        async with self.stream(request, attempt) as answer:
            return await self._read(request, answer)

    @asynccontextmanager
    async def stream(
        self, request: Request, attempt: Attempt
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """
        Send *request* once and give the answer, whose body is still to be read as it was sent.

        Raises:
            HttpError: if the answer has a status of 300 or more.
            TransientError: if it is not HTTP.
            aiohttp.ClientError: if there was no answer.
        """
        attempt.sent = False
        headers = CIMultiDict(request.headers)
        if request.auth is not None:
            headers.update(await request.auth())
        proxy = self._network.proxy_for(request.url)
        if proxy is not None and request.url.scheme == "http":
            headers.update(proxy.headers)  # aiohttp sends those of *proxy_headers* by CONNECT alone
        session = await self._ready()
        attempt.sent = True  # from here on only a failed connect says that nothing was sent
        try:
            async with session.request(
                request.method,
                request.url,
                headers=headers,
                data=request.body,
                allow_redirects=False,
                proxy=proxy.url if proxy else None,
                proxy_headers=proxy.headers if proxy else None,
            ) as answer:
                if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise await self._error(request, answer)
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            attempt.sent = False
            raise
        except aiohttp.ServerDisconnectedError as exc:
            if isinstance(exc.message, str):
                raise
            # It quotes what came of the head, which may set a cookie or lead to a signed URL.
            raise aiohttp.ServerDisconnectedError from None
        except aiohttp.ClientResponseError as exc:
            if isinstance(exc, aiohttp.ClientHttpProxyError):
                attempt.sent = False  # it refused the tunnel, so the provider saw nothing
                raise self._refused_by_proxy(exc) from None
            # Its text quotes the whole URL, which may be signed.
            raise TransientError(f"{request.shown}: the answer is not HTTP") from None

    async def aclose(self) -> None:
        """Close the session, if there is one. May be called again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await self.aclose()

    async def _ready(self) -> aiohttp.ClientSession:
        if self._session is not None:
            return self._session
        async with self._opening:
            if self._session is None:
                trust = await to_thread.run_sync(self._network.trust)
                resolver = GuardedResolver(
                    self._pins.named | self._network.proxy_addresses,
                    self._network.private_networks,
                )
                session = aiohttp.ClientSession(
                    connector=_Connector(ssl=trust, resolver=resolver),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),
                    auto_decompress=False,  # aiohttp takes a gzip body cut short for a whole one
                    trust_env=False,  # *network* knows the environment's proxies; .netrc is not ours
                )
                # aiohttp would repeat a request on a stale connection by itself, without a token.
                session._retry_connection = False  # noqa: SLF001 - there is no public switch
                self._session = session
            return self._session

    async def _read(self, request: Request, answer: aiohttp.ClientResponse) -> Response:
        if answer.status == HTTPStatus.PARTIAL_CONTENT and "Range" not in request.headers:
            raise FatalError(
                f"the answer to {request.shown} is a part, and all was asked for",
                status=answer.status,
            )
        body = await _body(request, answer)
        encoding = answer.headers.get("Content-Encoding", "identity")
        try:
            body = await decoded(body, encoding, request.max_bytes)
        except Undecodable as exc:
            raise exc.error(f"the answer to {request.shown}") from None
        response = _response(answer, body)
        if request.expects_json:
            response = await parsed(response, f"the answer to {request.shown}")
        _check_end(request, answer, response)
        return response

    async def _error(self, request: Request, answer: aiohttp.ClientResponse) -> HttpError:
        body = b""
        with anyio.move_on_after(_ERROR_SECONDS):
            body = await _error_body(answer)
        if not answer.content.at_eof():
            answer.close()
        reason = f" {answer.reason}" if answer.reason else ""
        where = ""
        if "Location" in answer.headers and answer.status < HTTPStatus.BAD_REQUEST:
            where = f", a redirect to {_host(answer.headers['Location'])} that is not followed"
        return HttpError(
            f"{request.shown} answered {answer.status}{reason}{where}",
            response=_response(answer, body[:_LONGEST_ERROR_BYTES]),
            retry_after=retry_after(answer.headers, self._now()),
        )

    def _refused_by_proxy(self, exc: aiohttp.ClientHttpProxyError) -> HttpError:
        headers = CIMultiDict(exc.headers or {})
        return HttpError(
            f"the proxy answered {exc.status} {exc.message}",
            response=Response(status=exc.status, headers=headers, body=b"", url=""),
            retry_after=retry_after(headers, self._now()),
        )


class _Connector(aiohttp.TCPConnector):
    """Reuses no connection on which something came that nobody had asked for."""

    async def _get(self, key: Any, traces: Any) -> Any:
        # aiohttp looks only before it puts a connection away. What came while that lay idle, such
        # as a 408 or the rest of a body longer than it said, would be the next request's answer.
        while (found := await super()._get(key, traces)) is not None:
            if found.protocol is not None and not found.protocol.should_close:
                return found
            found.close()
        return None


def has_end(answer: aiohttp.ClientResponse) -> bool:
    """Tell whether a whole body can be told from one that was cut."""
    coding = answer.headers.get("Transfer-Encoding", "")
    return "Content-Length" in answer.headers or "chunked" in coding.lower()


async def _body(request: Request, answer: aiohttp.ClientResponse) -> bytes:
    length = answer.content_length or 0
    if request.method == "HEAD":
        return b""
    body = b"" if length > request.max_bytes else await _at_most(answer, request.max_bytes + 1)
    if max(length, len(body)) > request.max_bytes:
        answer.close()
        raise FatalError(
            f"the answer to {request.shown} is longer than {request.max_bytes} bytes",
            hint="ask for less at once, or download it",
        )
    return body


async def _error_body(answer: aiohttp.ClientResponse) -> bytes:
    try:
        body = await _at_most(answer, _LONGEST_ERROR_BYTES)
        encoding = answer.headers.get("Content-Encoding", "identity")
        return await decoded(body, encoding, _LONGEST_ERROR_BYTES)
    except (aiohttp.ClientError, ConnectionError, Undecodable):
        return b""  # the status says enough


async def _at_most(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    chunks = []
    room = limit
    while room > 0:
        chunk = await answer.content.read(min(room, _CHUNK_BYTES))
        if not chunk:
            break
        chunks.append(chunk)
        room -= len(chunk)
    return b"".join(chunks)


def _check_end(request: Request, answer: aiohttp.ClientResponse, response: Response) -> None:
    """Refuse a body that ends with the connection: a cut one would look the same."""
    if has_end(answer) or request.method == "HEAD" or answer.status in _BODYLESS:
        return
    found: Any = 0
    if response.parsed:
        found = response.parsed[0]
    elif _JSON.fullmatch(answer.content_type):
        try:
            found = document_of(response.body)
        except ValueError:
            raise TransientError(
                f"the answer to {request.shown} was cut after {len(response.body)} bytes",
                status=answer.status,
            ) from None
    if isinstance(found, int | Decimal):  # a number has no end of its own either
        raise FatalError(
            f"the answer to {request.shown} has no length, so a cut could not be seen",
            status=answer.status,
        )


def _with_query(url: str, params: Mapping[str, str] | None) -> str:
    if not params:
        return url
    plain = url.partition("#")[0]
    return f"{plain}{'&' if '?' in plain else '?'}{urlencode(params, quote_via=quote)}"


def _response(answer: aiohttp.ClientResponse, body: bytes) -> Response:
    return Response(status=answer.status, headers=answer.headers, body=body, url=str(answer.url))


def _host(location: str) -> str:
    try:
        return URL(location).host or "the same host"
    except ValueError:
        return "nowhere"
