"""Sessions and clients of the AWS SDK: credentials that renew themselves, no retries of its own."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.credentials import (
    AioAssumeRoleCredentialFetcher,
    AioCredentialResolver,
    AioDeferredRefreshableCredentials,
)
from aiobotocore.session import AioSession
from botocore import exceptions as sdk
from botocore.loaders import Loader

from ogfd.plugin import AuthError
from ogfd_aws.config import AwsConfig
from ogfd_aws.faults import translated

_POOL: Final = 16  # two downloads and the listings of one run need four; a leak would hang the pool
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60


def client_config(config: AwsConfig) -> AioConfig:
    """Return the settings of every client: one attempt, SigV4, bounded waits."""
    # Path style: a store at an address of its own has no host name per bucket.
    style = {"addressing_style": "path"} if config.endpoint_url else {}
    return AioConfig(
        retries={"total_max_attempts": 1, "mode": "standard"},
        auth_scheme_preference="sigv4",
        max_pool_connections=_POOL,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        tcp_keepalive=True,
        s3=style,
    )


@asynccontextmanager
async def open_client(config: AwsConfig, service: str) -> AsyncGenerator[Any]:
    """
    Open a client of *service* with the credentials that *config* names.

    Raises:
        AuthError: if there are no credentials to assume the role with, the profile does not exist,
            or a secret cannot be read.
        SourceError: if the SDK refuses the settings.
    """
    # The SDK logs whole tracebacks for a profile that is not signed in; we say it in one line.
    for name in ("botocore", "aiobotocore"):
        logging.getLogger(name).setLevel(logging.ERROR)
    async with AsyncExitStack() as stack:
        try:
            session = await open_session(config)
            client = await stack.enter_async_context(
                session.create_client(
                    service,
                    region_name=config.region,
                    endpoint_url=config.endpoint_url,
                    config=client_config(config),
                )
            )
        except sdk.BotoCoreError as exc:
            raise translated(exc, f"no client of {service}") from exc
        yield client


async def open_session(config: AwsConfig) -> AioSession:
    """Return a session with the credentials that *config* names, see `open_client`."""
    session = _session(config)
    if config.access_key_id is not None and config.secret_access_key is not None:
        token = config.session_token
        session.set_credentials(
            config.access_key_id,
            config.secret_access_key.reveal(),
            token.reveal() if token is not None else None,
        )
    return session if config.role_arn is None else await _assuming(session, config)


def _session(config: AwsConfig) -> AioSession:
    session = AioSession(profile=config.profile)
    session.register_component("data_loader", _models())
    return session


@functools.cache
def _models() -> Loader:
    # Read-only data of the SDK. Parsing it holds the interpreter for 55 ms a client otherwise.
    return AioSession().get_component("data_loader")


class _Assumed:
    """A credential provider of the SDK that assumes one role, again before each expiry."""

    METHOD: Final = "assume-role"
    CANONICAL_NAME: Final = None

    def __init__(self, fetcher: AioAssumeRoleCredentialFetcher) -> None:
        self._fetcher = fetcher

    async def load(self) -> AioDeferredRefreshableCredentials:
        return AioDeferredRefreshableCredentials(
            refresh_using=self._fetcher.fetch_credentials, method=self.METHOD
        )


async def _assuming(source: AioSession, config: AwsConfig) -> AioSession:
    try:
        credentials = await source.get_credentials()
    except sdk.BotoCoreError as exc:
        raise translated(exc, f"no credentials to assume {config.role_arn} with") from exc
    if credentials is None:
        raise AuthError(
            f"no credentials to assume {config.role_arn} with",
            hint="give the machine a role, set profile, or set access_key_id and secret_access_key",
        )
    extra = {"RoleSessionName": config.role_session_name}
    if config.external_id is not None:
        extra["ExternalId"] = config.external_id
    fetcher = AioAssumeRoleCredentialFetcher(
        client_creator=functools.partial(
            source.create_client,
            region_name=config.region,
            endpoint_url=config.endpoint_url,
            config=client_config(config),
        ),
        source_credentials=credentials,
        role_arn=config.role_arn,
        extra_args=extra,
    )
    session = _session(config)
    providers: Sequence[_Assumed] = [_Assumed(fetcher)]
    session.register_component("credential_provider", AioCredentialResolver(providers=providers))
    return session
