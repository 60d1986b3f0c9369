"""
One sign-in: a credential of azure-identity, asked once, with what the login service truly said.

azure-identity 1.27 raises `ClientAuthenticationError` for whatever goes wrong, a 503 included, and
then often without the answer. A hook sees each answer before that, so that `LoginError` can say.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from anyio import to_thread
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError, DecodeError
from azure.identity import CredentialUnavailableError
from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from ogfd.plugin import AuthError, Secret, retry_after
from ogfd_azure.config import AzureConfig

_PEM: Final = "-----BEGIN"
_UNUSABLE: Final = (ValueError, FileNotFoundError, IsADirectoryError, PermissionError)
"""What azure-identity says of a missing file, an odd id or a key that is none."""


@dataclass(slots=True, kw_only=True)
class Heard:
    """
    What a login service answered with instead of a token, the last time.

    Attributes:
        status: the HTTP status; None as long as nothing was refused.
        error: ``error`` as OAuth has it.
        codes: the numbers behind ``AADSTS``.
        description: the sentence beside them.
        retry_after: the wait that it asked for.
        foreign: whether it was no refusal but a success without a token, as of a proxy.
    """

    status: int | None = None
    error: str | None = None
    codes: tuple[int, ...] = ()
    description: str | None = None
    retry_after: timedelta | None = None
    foreign: bool = False

    def listen(self, response: Any) -> None:
        """Take note of a response of the pipeline. A token is never kept."""
        answer = response.http_response
        body = _json(answer)
        self.foreign = answer.status_code < HTTPStatus.BAD_REQUEST and "access_token" not in body
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            return
        codes = body.get("error_codes")
        if not isinstance(codes, list):
            codes = []
        self.status = answer.status_code
        self.error = _text(body.get("error"))
        self.codes = tuple(code for code in codes if isinstance(code, int))
        self.description = _text(body.get("error_description"))
        self.retry_after = retry_after(answer.headers)


class LoginError(Exception):
    """A sign-in failed; *heard* is what the service said, *unavailable* that none was asked."""

    def __init__(self, message: str, *, heard: Heard, unavailable: bool = False) -> None:
        super().__init__(message)
        self.heard = heard
        self.unavailable = unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Signs in as *config* says, with secrets as they are at that moment, and keeps nothing."""

    config: AzureConfig = field(repr=False)

    @property
    def client_id(self) -> str | None:
        """The app that it signs in as, if the configuration leaves no doubt."""
        return None if self.config.sign_in == "default" else self.config.client_id

    async def __call__(self, scope: str, claims: str | None = None) -> AccessTokenInfo:
        """
        Ask once for a token for *scope*.

        Args:
            scope: such as ``https://management.azure.com/.default``.
            claims: what a claims challenge wants to see in it.

        Raises:
            AuthError: if a secret cannot be read or used.
            LoginError: if the token is refused, or there is nowhere to ask.
            azure.core.exceptions.AzureError: if the service cannot be reached.
        """
        heard = Heard()
        # In a thread: it reads files and keys. A new one each time: azure-identity would keep a
        # refused token in its cache, and hide a renewal that failed.
        credential = await to_thread.run_sync(functools.partial(_credential, self.config, heard))
        options: TokenRequestOptions = {} if claims is None else {"claims": claims}
        try:
            async with credential:
                token: AccessTokenInfo = await credential.get_token_info(scope, options=options)
                return token
        except CredentialUnavailableError as exc:
            raise LoginError(_first_line(exc), heard=heard, unavailable=True) from exc
        except ClientAuthenticationError as exc:
            raise LoginError(_first_line(exc), heard=heard) from exc
        except DecodeError:  # it quotes the answer, which may be most of a token
            raise LoginError("the answer is no JSON", heard=heard) from None
        except _UNUSABLE as exc:  # a federated token is read as late as here
            raise _unusable(self.config, exc) from None


def _credential(config: AzureConfig, heard: Heard) -> Any:
    """Make the credential. Blocking."""
    options: dict[str, Any] = {"retry_total": 0, "raw_response_hook": heard.listen}
    common = {"authority": config.endpoints.authority, **options}
    names: dict[str, Any] = {"tenant_id": config.tenant_id, "client_id": config.client_id}
    try:
        match config.sign_in:
            case "client_secret":
                return ClientSecretCredential(
                    client_secret=_revealed(config.client_secret, "client_secret"),
                    **names,
                    **common,
                )
            case "certificate":
                return CertificateCredential(
                    certificate_data=_certificate(config),
                    password=_password(config),
                    **names,
                    **common,
                )
            case "workload_identity":
                return WorkloadIdentityCredential(
                    token_file_path=config.token_file, **names, **common
                )
            case "managed_identity":
                return ManagedIdentityCredential(client_id=config.client_id, **options)
            case "default":
                return _default(config, common)
    except _UNUSABLE as exc:
        raise _unusable(config, exc) from None


def _unusable(config: AzureConfig, exc: Exception) -> AuthError:
    return AuthError(
        f"auth = {config.sign_in}: {_first_line(exc)}",
        hint="check tenant_id, client_id and the secret or file that belongs to auth",
    )


def _default(config: AzureConfig, common: Mapping[str, Any]) -> Any:
    identity = (
        {}
        if config.client_id is None
        else {
            "managed_identity_client_id": config.client_id,
            "workload_identity_client_id": config.client_id,
        }
    )
    tenant = {} if config.tenant_id is None else {"workload_identity_tenant_id": config.tenant_id}
    return DefaultAzureCredential(**identity, **tenant, **common)


def _certificate(config: AzureConfig) -> bytes:
    text = _revealed(config.certificate, "certificate")
    if _PEM in text:
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise AuthError(
            "the certificate is neither PEM nor base64",
            hint="give a PEM file with certificate and private key, or a PFX file in base64",
        ) from None


def _password(config: AzureConfig) -> str | None:
    secret = config.certificate_password
    return None if secret is None else secret.reveal()


def _revealed(secret: Secret | None, key: str) -> str:
    value = "" if secret is None else secret.reveal()
    if not value:
        raise AuthError(f"{key} is empty", hint=f"check what {key} refers to")
    return value


def _json(answer: Any) -> Mapping[str, Any]:
    try:
        body = json.loads(answer.text())
    except (ValueError, AttributeError):
        return {}  # a page of a proxy; the status says enough
    return body if isinstance(body, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _first_line(exc: BaseException) -> str:
    lines = str(exc).splitlines()
    return lines[0].strip() if lines else type(exc).__name__
