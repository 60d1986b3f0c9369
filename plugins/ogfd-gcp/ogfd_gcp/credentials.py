"""
Google credentials out of the operator's reference, by their ``type`` and nothing else.

    service_account     a key. Signs its tokens itself, or exchanges signed assertions for them
    external_account    workload identity federation: of a file, a URL, a certificate, or AWS
    authorized_user     a user's, as ``gcloud auth application-default login`` writes them
    external_account_authorized_user    of a user of another identity provider, likewise
    impersonated_service_account        of one of these, for an account that it may act as
    no reference        the application default credentials of the machine

google-auth tries a login up to three times by itself; `Once` keeps it to one, so that ogfd's own
policy counts and waits. A configuration may name addresses that tokens are sent to: outside of a
stand-in they must be encrypted, and what runs a program to get a token is refused. What is of another
universe than Google's public cloud has tokens for its own BigQuery alone.
https://cloud.google.com/docs/authentication/external/externally-sourced-credentials
https://google.aip.dev/auth/4111 (2026), of tokens that a key signs
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import google.auth
from google.auth import aws, identity_pool, impersonated_credentials
from google.auth import exceptions as auth_exceptions
from google.auth import external_account_authorized_user as workforce
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
TYPES: Final = (
    "service_account",
    "external_account",
    "authorized_user",
    "external_account_authorized_user",
    "impersonated_service_account",
)

_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_AWS_TOKEN: Final = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105 - a kind, no token
_URLS: Final = ("token_uri", "token_url", "service_account_impersonation_url")
_IMPERSONATED: Final = TYPES[-1]
_ACT_AS: Final = re.compile(r"/serviceAccounts/([^/:]+):generateAccessToken")
_UNIVERSE: Final = "googleapis.com"


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
    """Return the service account or user that *credentials* are of; None if they do not say."""
    for name in ("service_account_email", "account"):
        email = getattr(credentials, name, None)
        if isinstance(email, str) and "@" in email:
            return email
    return None


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
            hint="it must be the file that Google made, as it is; if this is its path, write "
            "file:PATH",
        ) from None
    kind = _kind_of(info, place, TYPES)
    _check(config, info, place)
    try:
        return _made(config, info, kind)
    except (ValueError, KeyError, TypeError, auth_exceptions.GoogleAuthError):
        # The message of the library may quote the content.
        raise AuthError(
            f"{place} of type {kind} are not whole",
            hint="it must be the file that Google made, as it is",
        ) from None


def _kind_of(info: Mapping[str, Any], place: str, types: Sequence[str]) -> str:
    kind = info.get("type")
    if kind in types:
        return str(kind)
    told = f"of type {kind}" if isinstance(kind, str) else "of no type"
    raise AuthError(f"{place} are {told}", hint=f"the type must be one of {', '.join(types)}")


def _made(config: GcpConfig, info: Mapping[str, Any], kind: str) -> Credentials:
    made: Credentials
    if kind == "service_account":
        key = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
        made = key.with_always_use_jwt_access(config.tokens == "self_signed")
    elif kind == "authorized_user":
        # A user's token is good for what the user has agreed to; Google may refuse to give less.
        made = user.Credentials.from_authorized_user_info(info)
    elif kind == "external_account_authorized_user":
        made = workforce.Credentials.from_info(info)
    elif kind == _IMPERSONATED:
        made = _impersonated(config, info)
    elif info.get("subject_token_type") == _AWS_TOKEN:
        made = aws.Credentials.from_info(info, scopes=[SCOPE])
    else:
        made = identity_pool.Credentials.from_info(info, scopes=[SCOPE])
    return made


def _impersonated(config: GcpConfig, info: Mapping[str, Any]) -> Credentials:
    source, url = info["source_credentials"], info["service_account_impersonation_url"]
    found = _ACT_AS.search(url)
    if found is None:
        raise ValueError("the URL names no service account")
    made: Credentials = impersonated_credentials.Credentials(
        source_credentials=_made(config, source, source["type"]),
        target_principal=found[1],
        target_scopes=[SCOPE],
        delegates=info.get("delegates"),
        quota_project_id=info.get("quota_project_id"),
        iam_endpoint_override=url,
    )
    return made


def _check(config: GcpConfig, info: Mapping[str, Any], place: str) -> None:
    """Refuse what would send tokens in the clear or astray, or run a program to get one."""
    if info.get("type") == _IMPERSONATED:
        inner, within = info.get("source_credentials"), f"source_credentials of {place}"
        if not isinstance(inner, dict):
            raise AuthError(f"{within} are missing", hint="take the file as gcloud wrote it")
        _kind_of(inner, within, TYPES[:-1])
        _check(config, inner, within)
    universe = info.get("universe_domain") or _UNIVERSE
    if universe != _UNIVERSE and config.endpoint is None:
        raise AuthError(
            f"{place} are of another universe than {_UNIVERSE}",
            hint="set endpoint to the address of that universe's BigQuery",
        )
    source = info.get("credential_source") or {}
    if isinstance(source, dict) and "executable" in source:
        raise AuthError(
            f"{place} want to run a program to get a token, which ogfd does not",
            hint="use a federation whose token comes from a file, a URL or a certificate",
        )
    if config.url.startswith("http://"):
        return
    for key in _URLS:
        url = info.get(key)
        if url is not None and not (isinstance(url, str) and url.startswith("https://")):
            raise AuthError(f"{key} of {place} is no https:// address", hint="take Google's own")
