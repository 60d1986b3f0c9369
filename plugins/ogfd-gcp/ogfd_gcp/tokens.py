"""
The access token of a run: fetched under the policy, once for all who need it.

google-auth's own session would log in by itself in whatever thread finds the token spent, repeat
what was refused, and ask another service in the background where the account may be used from.
None of that would be limited, counted or classified; so a plain session sends the token that this
module keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import anyio
import requests
from google.auth.credentials import Credentials
from requests.adapters import HTTPAdapter

from ogfd.plugin import Context
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.credentials import Once, email_of, load

OPERATION: Final = "login:GetToken"

_TIMEOUT_SECONDS: Final = 30.0
_CONNECTIONS: Final = 8  # as many threads as `ctx.call` has


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
        self._turn = anyio.Lock()
        ctx.on_expired(self._renew)

    @property
    def email(self) -> str | None:
        """The service account that asks, once it is known; None if the credentials do not say."""
        return None if self._credentials is None else email_of(self._credentials)

    async def ready(self) -> None:
        """
        Have a token that is good for some minutes.

        Raises:
            SourceError, Parked: if there is none to be had.
        """
        if self._credentials is not None and self._credentials.valid:
            return
        async with self._turn:
            if self._credentials is None or not self._credentials.valid:
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

    async def _renew(self) -> None:
        """Get another token in place of one that was refused; a file is read anew for it."""
        async with self._turn:
            self._credentials = None
            await self._fetch()

    async def _fetch(self) -> None:
        self._credentials = await self._ctx.call(OPERATION, self._signed_in)

    def _signed_in(self) -> Credentials:
        credentials = self._credentials or load(self._config, self._request)
        credentials.refresh(self._request)
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
        _mount(self)

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Send a request; redirects, which BigQuery does not make, are not followed."""
        options["headers"] = {**(options.get("headers") or {}), **self._authorized()}
        options["allow_redirects"] = False
        return super().request(method, url, *args, **options)


def _session() -> requests.Session:
    session = requests.Session()
    _mount(session)
    return session


def _mount(session: requests.Session) -> None:
    adapter = HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
