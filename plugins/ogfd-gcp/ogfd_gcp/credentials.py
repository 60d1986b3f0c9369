"""
Google credentials out of the operator's reference, by their ``type`` and nothing else.

    service_account     a key. Signs its tokens itself, or exchanges signed assertions for them
    external_account    workload identity federation: of a file, a URL, or AWS
    authorized_user     a user's, as ``gcloud auth application-default login`` writes them
    no reference        the application default credentials of the machine

google-auth tries a login up to three times by itself; `Once` keeps it to one, so that ogfd's own
policy counts and waits. A configuration may name addresses that tokens are sent to: outside of a
stand-in they must be encrypted, and what runs a program to get a token is refused.
https://cloud.google.com/docs/authentication/external/externally-sourced-credentials
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import google.auth
from google.auth import aws, identity_pool
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import Credentials
from google.auth.transport import Request as Transport
from google.auth.transport import Response
from google.auth.transport.requests import Request
from google.oauth2 import credentials as user
from google.oauth2 import service_account
from requests import Session

from ogfd.plugin import AuthError
from ogfd_gcp.config import GcpConfig

SCOPE: Final = "https://www.googleapis.com/auth/bigquery"
TYPES: Final = ("service_account", "external_account", "authorized_user")

_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_AWS_TOKEN: Final = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105 - a kind, no token
_URLS: Final = ("token_uri", "token_url", "service_account_impersonation_url")


class LoginError(Exception):
    """
    A login service said that it cannot answer now.

    Attributes:
        status: what it answered with.
        headers: of the answer.
    """

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(f"the login service answered {status}")
        self.status = status
        self.headers = headers


class Once(Transport):
    """
    A transport of google-auth that gives up where google-auth would try again.

    Args:
        session: makes the requests.
        timeout_seconds: of connecting, and of each wait for bytes.
    """

    def __init__(self, session: Session, timeout_seconds: float) -> None:
        self._request = Request(session)
        self._timeout = timeout_seconds

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **options: Any,
    ) -> Response:
        """
        Make one request.

        Raises:
            LoginError: if the answer says to come back later.
        """
        response: Response = self._request(
            url, method, body, headers, min(timeout or self._timeout, self._timeout), **options
        )
        if response.status in _PASSING:
            raise LoginError(response.status, response.headers)
        return response


def load(config: GcpConfig, request: Once) -> Credentials:
    """
    Return the credentials that *config* names; blocks.

    Args:
        config: of the connector.
        request: makes requests, such as to find out whether the machine is one of Google's.

    Raises:
        AuthError: if the reference cannot be read or used.
    """
    if config.credentials is not None:
        place = config.credentials.reference
        return _loaded(config, config.credentials.reveal(), f"credentials, {place},")
    if name := os.environ.get(_FILE):
        # google.auth.default would ask another service which project a federation belongs to.
        return _loaded(config, _content(name), f"the file of {_FILE}")
    try:
        found, _ = google.auth.default(scopes=[SCOPE], request=request)
    except auth_exceptions.DefaultCredentialsError:
        raise AuthError(
            "there are no application default credentials",
            hint="set credentials to the JSON of a service account or of a federation, such as "
            f"file:/etc/ogfd/gcp.json, or {_FILE} to its path",
        ) from None
    credentials: Credentials = found
    return credentials


def email_of(credentials: Credentials) -> str | None:
    """Return the service account that *credentials* are of; None if they do not say."""
    email = getattr(credentials, "service_account_email", None)
    return email if isinstance(email, str) and "@" in email else None


def _content(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise AuthError(
            f"{name}, which {_FILE} names, cannot be read",
            hint="check that it exists and that the user of the service may read it",
        ) from None


def _loaded(config: GcpConfig, text: str, place: str) -> Credentials:
    try:
        info = json.loads(text)
    except ValueError:
        info = None
    if not isinstance(info, dict):
        raise AuthError(
            f"{place} hold no JSON object",
            hint="it must be the file that Google made, as it is",
        ) from None
    kind = info.get("type")
    if kind not in TYPES:
        told = f"of type {kind}" if isinstance(kind, str) else "of no type"
        raise AuthError(f"{place} are {told}", hint=f"its type must be one of {', '.join(TYPES)}")
    _check_urls(config, info, place)
    try:
        return _made(config, info, kind)
    except (ValueError, KeyError, TypeError, auth_exceptions.GoogleAuthError):
        # The message of the library may quote the content.
        raise AuthError(
            f"{place} of type {kind} are not whole",
            hint="it must be the file that Google made, as it is",
        ) from None


def _made(config: GcpConfig, info: Mapping[str, Any], kind: str) -> Credentials:
    made: Credentials
    if kind == "service_account":
        key = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
        made = key.with_always_use_jwt_access(config.tokens == "self_signed")
    elif kind == "authorized_user":
        made = user.Credentials.from_authorized_user_info(info, scopes=[SCOPE])
    elif info.get("subject_token_type") == _AWS_TOKEN:
        made = aws.Credentials.from_info(info, scopes=[SCOPE])
    else:
        made = identity_pool.Credentials.from_info(info, scopes=[SCOPE])
    return made


def _check_urls(config: GcpConfig, info: Mapping[str, Any], place: str) -> None:
    """Refuse what would send tokens in the clear, or run a program to get one."""
    source = info.get("credential_source") or {}
    if isinstance(source, dict) and "executable" in source:
        raise AuthError(
            f"{place} want to run a program to get a token, which ogfd does not",
            hint="use a federation whose token comes from a file or a URL",
        )
    if config.endpoint is not None:
        return
    for key in _URLS:
        url = info.get(key)
        if url is not None and not (isinstance(url, str) and url.startswith("https://")):
            raise AuthError(f"{key} of {place} is no https:// address", hint="take Google's own")
