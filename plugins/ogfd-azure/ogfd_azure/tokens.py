"""
Tokens for the services of Azure, one for each scope, shared by all streams of a run.

    none, or run out       one caller signs in, the others wait for it, and share its failure too
    near its end           is used, while a new one is fetched in the background
    refused (401)          dropped; the attempt that follows signs in anew

Signing in is a request like any other: it takes tokens of the limiter, is retried by class and is
counted, as ``login:Token``.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import anyio
from anyio.abc import TaskGroup
from azure.core.credentials import AccessTokenInfo

from ogfd.plugin import Context, OgfdError
from ogfd_azure.credentials import SignIn
from ogfd_azure.identity import principal_in

OPERATION: Final = "login:Token"

RENEWED_SECONDS: Final = 300.0
"""How long before its end a token is renewed, unless the service says earlier."""

_SPENT_SECONDS: Final = 10.0  # a token that ends sooner may end on its way
_PAUSE_SECONDS: Final = 30.0  # between two tries to renew a token that still is good

Ask = Callable[[str, str | None], Awaitable[AccessTokenInfo]]
"""``ask(scope, claims)``: signs in once."""

Start = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
"""Runs something beside the caller, which does not wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A token, with times of the monotonic clock: a wall clock may be set."""

    text: str
    renew_at: float
    ends_at: float

    def __repr__(self) -> str:
        return f"_Token(ends_at={self.ends_at:.0f})"


class TokenAuth:
    """
    Authorises requests by a token for one scope; an `ogfd.plugin.Auth`.

    Args:
        ctx: under whose policy it signs in.
        scope: of the token.
        ask: signs in once.
        start: runs a renewal beside the request that finds it due.
    """

    def __init__(self, ctx: Context, scope: str, ask: Ask, start: Start) -> None:
        self._ctx = ctx
        self._scope = scope
        self._ask = ask
        self._start = start
        self._turn = anyio.Lock()
        self._token: _Token | None = None
        self._claims: str | None = None
        self._drops = 0
        self._tries = 0
        self._failure: OgfdError | None = None
        self._renewing = False
        self._paused_until = 0.0

    async def __call__(self) -> Mapping[str, str]:
        """
        Return the header that authorises a request.

        Raises:
            SourceError: if there is no token that is good, and none can be had.
            Parked: if the login service wants to be left alone.
        """
        token = self._token
        if token is None or _is_spent(token):
            token = await self._first()
        elif anyio.current_time() >= max(token.renew_at, self._paused_until) and not self._renewing:
            self._renewing = True
            self._start(self._renew)
        return {"Authorization": f"Bearer {token.text}"}

    async def refresh(self) -> None:
        """Drop the token, which was refused."""
        async with self._turn:  # what is being fetched may be what was refused
            self._drop()

    async def challenged(self, claims: str) -> None:
        """
        Drop the token, and ask for *claims* in every one from now on.

        Of many requests that are challenged at once, the first one drops it.
        """
        async with self._turn:
            if claims != self._claims:
                self._claims = claims
                self._drop()

    def _drop(self) -> None:
        self._token = None
        self._drops += 1

    async def _first(self) -> _Token:
        tries = self._tries
        async with self._turn:
            if self._token is None or _is_spent(self._token):
                if self._failure is not None and self._tries != tries:
                    raise self._failure.with_traceback(None)  # of the sign-in that was waited for
                self._token = await self._tried()
            return self._token

    async def _tried(self) -> _Token:
        """Fetch a token; a failure is kept for who waits for it, a cancellation concerns nobody."""
        self._failure = None
        try:
            return await self._fetch()
        except OgfdError as exc:
            self._failure = exc
            self._tries += 1
            raise

    async def _renew(self) -> None:
        """Fetch the next token; who has a good one must not suffer if that fails."""
        drops = self._drops
        try:
            fresh = await self._fetch()
            async with self._turn:
                if drops == self._drops:  # else it may be what was refused, or lack the claims
                    self._token = fresh
        except OgfdError as exc:
            self._ctx.log.warning("the token for %s is not renewed yet: %s", self._scope, exc)
        finally:
            self._renewing = False
            self._paused_until = anyio.current_time() + _PAUSE_SECONDS

    async def _fetch(self) -> _Token:
        found = await self._ctx.call(OPERATION, self._ask, self._scope, self._claims)
        # By the clock that azure-identity itself makes the time of (`time.time`).
        ahead = anyio.current_time() - time.time()
        ends_at = found.expires_on + ahead
        advised = ends_at if found.refresh_on is None else found.refresh_on + ahead
        return _Token(
            text=found.token,
            renew_at=min(advised, ends_at - RENEWED_SECONDS),
            ends_at=ends_at,
        )


class Tokens:
    """
    The tokens of one run. Use it as an async context manager: leaving it ends renewals.

    Args:
        ctx: of the run.
        ask: signs in once; `SignIn`.
    """

    def __init__(self, ctx: Context, ask: Ask | SignIn) -> None:
        # azure-identity warns of every failure, and azure-core of every request; we say it once.
        logging.getLogger("azure").setLevel(logging.ERROR)
        self._ctx = ctx
        self._ask = ask
        self._client_id = ask.client_id if isinstance(ask, SignIn) else None
        self._auths: dict[str, TokenAuth] = {}
        self._tasks: TaskGroup | None = None
        self._around = contextvars.Context()

    def auth(self, scope: str) -> TokenAuth:
        """Return what authorises requests by a token for *scope*, always the same object."""
        if scope not in self._auths:
            self._auths[scope] = TokenAuth(self._ctx, scope, self._signed_in, self._start)
        return self._auths[scope]

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        # Of now, so that a renewal is no part of the request that finds it due.
        self._around = contextvars.copy_context()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks, self._tasks = self._tasks, None
        if tasks is None:
            return
        tasks.cancel_scope.cancel()
        try:
            await tasks.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from exc

    async def _signed_in(self, scope: str, claims: str | None) -> AccessTokenInfo:
        found = await self._ask(scope, claims)
        identity = principal_in(found.token).identity or self._client_id
        if identity is not None:
            self._ctx.signed_in(identity)
        return found

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._tasks is not None:
            self._around.run(functools.partial(self._tasks.start_soon, work))


def _is_spent(token: _Token) -> bool:
    return anyio.current_time() >= token.ends_at - _SPENT_SECONDS
