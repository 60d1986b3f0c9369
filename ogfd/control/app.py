"""The aiohttp applications: health and metrics for TCP, operations for the unix socket."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from anyio import to_thread

from ogfd.control.address import is_loopback

MAX_BODY_BYTES: Final = 64 << 10
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Exposition = Callable[[str], tuple[bytes, str]]
Readiness = Callable[[], Sequence[str]]

log: Final = logging.getLogger(__name__)


def health_app(
    exposition: Exposition, not_ready: Readiness, *, loopback_only: bool
) -> web.Application:
    """
    Return the application with ``/livez``, ``/readyz`` and ``/metrics``.

    Args:
        exposition: renders the metrics for an Accept header; called in a worker thread.
        not_ready: returns the reasons why the daemon is not ready; none if it is.
        loopback_only: refuse requests that name another host, as a page in the operator's
            browser could send them by DNS rebinding.
    """
    middlewares = [_answer_errors, _same_host] if loopback_only else [_answer_errors]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    app.router.add_get("/livez", _livez)
    app.router.add_get("/readyz", _readyz(not_ready))
    app.router.add_get("/metrics", _metrics(exposition))
    return app


def json_answer(document: Any, status: int = 200) -> web.Response:
    """Return *document* as a JSON answer that is not cached."""
    return web.Response(
        text=json.dumps(document), status=status, content_type="application/json", headers=_HEADERS
    )


async def _livez(_: web.Request) -> web.Response:
    return json_answer({"alive": True})


def _readyz(not_ready: Readiness) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        reasons = list(not_ready())
        return json_answer(
            {"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200
        )

    return handle


def _metrics(exposition: Exposition) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        accept = request.headers.get(hdrs.ACCEPT, "")
        body, content_type = await to_thread.run_sync(exposition, accept)
        return web.Response(
            body=body, headers={**_HEADERS, hdrs.CONTENT_TYPE: content_type, hdrs.VARY: "Accept"}
        )

    return handle


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as exc:
        exc.headers.update(_HEADERS)
        if exc.status < 400:
            raise
        return json_answer({"error": exc.reason}, status=exc.status)
    except Exception:  # the border of HTTP: a bug in one request must not look like an outage
        log.exception("an HTTP request failed", extra={"path": request.path})
        return json_answer({"error": "internal error"}, status=500)


@web.middleware
async def _same_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        host = urlsplit(f"//{request.headers.get(hdrs.HOST, '')}").hostname
    except ValueError:
        host = None
    if host is None or not is_loopback(host):
        return json_answer({"error": "this address serves localhost only"}, status=421)
    return await handler(request)
