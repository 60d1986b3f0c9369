"""
The access token of a run: fetched under the policy, once for all who need it.

google-auth's own session would log in by itself in whatever thread finds the token spent, repeat
what was refused, and ask another service in the background where the account may be used from.
None of that would be limited, counted or classified; so a plain session sends the token that this
module keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import anyio
import requests
from google.auth.credentials import Credentials
from requests.adapters import HTTPAdapter

from ogfd.plugin import AuthError, Context
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.credentials import Once, email_of, load

OPERATION: Final = "login:GetToken"

_TIMEOUT_SECONDS: Final = 30.0
_CONNECTIONS: Final = 8  # as many threads as `ctx.call` has
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class Tokens:
    """
    Keeps the token of one connector.

    Args:
        ctx: of the run.
        config: of the connector.
    """

    def __init__(self, ctx: Context, config: GcpConfig) -> None:
        self._ctx = ctx
        self._config = config
        self._session = _session()
        self._request = Once(self._session, _TIMEOUT_SECONDS)
        self._credentials: Credentials | None = None
        self._refused = False
        self._turn = anyio.Lock()
        ctx.on_expired(self._renew)

    @property
    def email(self) -> str | None:
        """The account that asks, once it is known; None if the credentials do not say."""
        return None if self._credentials is None else email_of(self._credentials)

    async def ready(self) -> None:
        """
        Have a token that is good for some minutes.

        Raises:
            SourceError, Parked: if there is none to be had.
        """
        if self._good:
            return
        async with self._turn:
            if not self._good:
                await self._fetch()

    def headers(self) -> dict[str, str]:
        """Return what authorises a request, by the token that `ready` got."""
        credentials = self._credentials
        if credentials is None or not credentials.token:
            return {}
        project = getattr(credentials, "quota_project_id", None)
        billed = {"x-goog-user-project": project} if project else {}
        return {"Authorization": f"Bearer {credentials.token}", **billed}

    def close(self) -> None:
        """Close the connections to login services."""
        self._session.close()

    @property
    def _good(self) -> bool:
        known = self._credentials
        return known is not None and known.valid and not self._refused

    async def _renew(self) -> None:
        """
        Get another token in place of one that was refused; a file is read anew for it.

        Until it is there, the account is known, and what is on its way already has the old one.
        """
        async with self._turn:
            self._refused = True
            await self._fetch()

    async def _fetch(self) -> None:
        self._credentials = await self._ctx.call(OPERATION, self._signed_in)
        self._refused = False
        if self.email is not None:
            self._ctx.signed_in(self.email)

    def _signed_in(self) -> Credentials:
        known = None if self._refused else self._credentials
        credentials = known or load(self._config, self._request)
        credentials.refresh(self._request)
        if not _TOKEN.fullmatch(credentials.token or ""):
            # A header of it would be refused by an error that quotes it.
            raise AuthError(
                "sign-in brought what is no token",
                hint="see which login service the credentials name, and what it answers",
            )
        return credentials


class AuthorizedHttp(requests.Session):
    """
    Sends each request once, with the token.

    Args:
        headers: returns what authorises a request; called for each.
    """

    def __init__(self, headers: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._authorized = headers
        _prepare(self)

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Send a request; redirects, which BigQuery does not make, are not followed."""
        options["headers"] = {**(options.get("headers") or {}), **self._authorized()}
        options["allow_redirects"] = False
        return super().request(method, url, *args, **options)


def _session() -> requests.Session:
    session = requests.Session()
    _prepare(session)
    return session


def _prepare(session: requests.Session) -> None:
    # Else a .netrc would put its own user and password in the place of the token.
    session.auth = lambda request: request
    adapter = HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
