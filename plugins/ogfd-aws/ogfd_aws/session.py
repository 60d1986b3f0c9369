"""Sessions and clients of the AWS SDK: credentials that renew themselves, no retries of its own."""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

import aiohttp
import anyio
from aiobotocore.config import AioConfig
from aiobotocore.credentials import (
    AioAssumeRoleCredentialFetcher,
    AioCredentialResolver,
    AioCredentials,
    AioDeferredRefreshableCredentials,
)
from aiobotocore.hooks import AioHierarchicalEmitter
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore import exceptions as sdk
from botocore.credentials import ReadOnlyCredentials
from botocore.loaders import Loader

from ogfd.plugin import AuthError, Context, Secret
from ogfd_aws.config import AwsConfig
from ogfd_aws.faults import HINTS, translated, with_profile

_POOL: Final = 16  # two downloads and the listings of one run need four; a leak would hang the pool
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60

Assumed = Callable[[str], None]
"""Is told the ARN of the session whenever a role was assumed."""


class Straight(AIOHTTPSession):  # type: ignore[misc]  # the SDK is not typed
    """Sends each request once, where it is meant to go, as botocore does without aiohttp."""

    async def _get_session(self, proxy_url: str | None) -> Any:
        session = await super()._get_session(proxy_url)
        # aiohttp would repeat a request on a stale connection by itself, without a token.
        session._retry_connection = False  # noqa: SLF001 - there is no public switch
        return _Unredirected(session)


class _Unredirected:
    """A session that hands out a redirect: whoever it leads to is not S3, or needs a signature."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> aiohttp.ClientResponse:
        return await self._session.request(method, **options, allow_redirects=False)


def client_config(config: AwsConfig) -> AioConfig:
    """Return the settings of every client: one attempt, SigV4, bounded waits."""
    # Path style: a store at an address of its own has no host name per bucket.
    style = {"addressing_style": "path"} if config.endpoint_url else {}
    return AioConfig(
        http_session_cls=Straight,
        retries={"total_max_attempts": 1, "mode": "standard"},
        auth_scheme_preference="sigv4",
        max_pool_connections=_POOL,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        tcp_keepalive=True,
        s3=style,
    )


class Clients:
    """Clients of the SDK that share the credentials of one run; `open_clients` makes it."""

    def __init__(self, session: AioSession, config: AwsConfig, stack: AsyncExitStack) -> None:
        self._session = session
        self._config = config
        self._stack = stack

    async def open(self, service: str, *, region: str | None = None) -> Any:
        """
        Open a client of *service*, which closes with all others.

        Args:
            service: as the SDK names it.
            region: None means that of the configuration.

        Raises:
            SourceError: if the SDK refuses the settings.
        """
        made = self._session.create_client(
            service,
            region_name=region or self._config.region,
            endpoint_url=self._config.endpoint_url,
            config=client_config(self._config),
        )
        try:
            client = await self._stack.enter_async_context(made)
        except sdk.BotoCoreError as exc:
            raise translated(exc, f"no client of {service}") from exc
        client.meta.events.register("before-call.s3.HeadBucket", _not_led_on)
        return client


@asynccontextmanager
async def open_clients(
    ctx: Context, config: AwsConfig, assumed: Assumed | None = None
) -> AsyncGenerator[Clients]:
    """
    Find the credentials that *config* names, for all clients of a run.

    Credentials that ran out are looked for anew: files are read again, a role is assumed again.

    Args:
        ctx: of the run.
        config: of the connector.
        assumed: None means that the connector says to be signed in as that.

    Raises:
        AuthError: if there are no credentials to assume the role with, the profile does not exist,
            or a secret or what the profile leads to cannot be read.
        SourceError: if the SDK refuses the settings.
    """
    # The SDK logs whole tracebacks for a profile that is not signed in; we say it in one line.
    for name in ("botocore", "aiobotocore"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        session = await open_session(config, assumed or ctx.signed_in)
        ctx.on_expired((await session.get_credentials()).drop)
    except sdk.BotoCoreError as exc:
        raise translated(exc, "no credentials") from exc
    async with AsyncExitStack() as stack:
        yield Clients(session, config, stack)


def _not_led_on(context: dict[str, Any], **_: Any) -> None:
    # After a redirect the SDK asks for the region of the bucket by HeadBucket, and after a redirect
    # of that again, and so on until Python's stack is full.
    context.setdefault("s3_redirect", {})["redirected"] = True


async def open_session(config: AwsConfig, assumed: Assumed = lambda _arn: None) -> AioSession:
    """Return a session with the credentials that *config* names, see `open_clients`."""
    session = _session(config)
    profile = session.profile or "default"
    credentials = RenewableCredentials(functools.partial(_load, config, assumed), profile=profile)
    await credentials.get()
    session.register_component(
        "credential_provider", AioCredentialResolver(providers=[_Given(credentials)])
    )
    return session


def _session(config: AwsConfig) -> AioSession:
    # With keys of its own, a profile that the environment names has nothing to say.
    own = {"profile": (None, None, None, None)} if config.access_key_id is not None else None
    session = AioSession(
        session_vars=own,
        event_hooks=copy.copy(_handlers()),
        include_builtin_handlers=False,
        profile=config.profile,
    )
    session.register_component("data_loader", _models())
    return session


def _no_prompt(_: str) -> str:
    raise AuthError(
        "the role of the profile wants an MFA code, which nobody is there to type",
        hint="use a profile or role whose trust policy asks for none",
    )


@functools.cache
def _models() -> Loader:
    # Read-only data of the SDK. Parsing it holds the interpreter for 55 ms a client otherwise.
    return AioSession().get_component("data_loader")


@functools.cache
def _handlers() -> AioHierarchicalEmitter:
    # The SDK's own. Registering them holds the interpreter for 7 ms a session otherwise.
    events = AioHierarchicalEmitter()
    AioSession(event_hooks=events)
    return events


class RenewableCredentials(AioCredentials):  # type: ignore[misc]  # the SDK is not typed
    """
    Credentials that can be dropped when the provider says that they have run out.

    The SDK renews those that expire by the clock. It has no answer to a token that is refused
    before its time, or to keys that were replaced in their file.

    Args:
        load: finds credentials, from scratch each time; None if there are none.
        profile: what the hint of a session to sign in to names.
    """

    def __init__(
        self, load: Callable[[], Awaitable[AioCredentials | None]], *, profile: str = "default"
    ) -> None:
        super().__init__("", "")
        self._load = load
        self._profile = profile
        self._turn = anyio.Lock()
        self._found: AioCredentials | None = None

    async def get(self) -> AioCredentials | None:
        """
        Return the credentials behind these; None if there are none.

        Raises:
            AuthError: as `open_clients`.
        """
        async with self._turn:
            if self._found is None:
                with _naming(self._profile):
                    self._found = await self._load()
            return self._found

    async def drop(self) -> None:
        """Look for credentials anew at the next request."""
        async with self._turn:  # what is being loaded may be what was refused
            self._found = None

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """
        Return what the next request is signed with.

        Raises:
            NoCredentialsError: if there are none.
        """
        found = await self.get()
        if found is None:
            raise sdk.NoCredentialsError
        with _naming(self._profile):
            frozen: ReadOnlyCredentials = await found.get_frozen_credentials()
        return frozen


@contextmanager
def _naming(profile: str) -> Generator[None]:
    try:
        yield
    except sdk.BotoCoreError as exc:
        with_profile(exc, profile)
        raise


class _Given:
    """A credential provider of the SDK that has the credentials already."""

    METHOD: Final = "ogfd"
    CANONICAL_NAME: Final = None

    def __init__(self, credentials: AioCredentials) -> None:
        self._credentials = credentials

    async def load(self) -> AioCredentials:
        return self._credentials


async def _load(config: AwsConfig, assumed: Assumed) -> AioCredentials | None:
    source = _session(config)
    if config.access_key_id is not None and config.secret_access_key is not None:
        source.set_credentials(**_given(config, config.access_key_id, config.secret_access_key))
        if config.role_arn is None:
            return await source.get_credentials()
    if config.role_arn is not None:
        return await _assuming(source, config, assumed)
    # A role of the profile or of a web identity, which the SDK assumes by itself.
    source.register("after-call.sts", functools.partial(_tell, assumed))
    return await _found(source, config)


def _given(config: AwsConfig, access_key: str, secret_key: Secret) -> dict[str, str | None]:
    """Return the static keys of *config*, for `AioSession.set_credentials`."""
    token = config.session_token
    keys = {
        "access_key": access_key,
        "secret_key": secret_key.reveal(),
        "token": token.reveal() if token is not None else None,
    }
    for name, text in keys.items():
        if text is not None and not text.isprintable():
            # It would not pass as a header, and look like a fault of the network.
            raise AuthError(
                f"the {name.replace('_', ' ')} holds a control character",
                hint="check what access_key_id, secret_access_key and session_token refer to; a line "
                "may end in the middle",
            )
    return keys


async def _found(source: AioSession, config: AwsConfig) -> AioCredentials | None:
    if source.get_config_variable("region") is None:
        # A role of the profile, or of a web identity, is assumed in the partition of the bucket.
        source.set_config_variable("region", config.region)
    providers = source.get_component("credential_provider")
    # The SDK would ask on the terminal, if there is one, while everything else stands still.
    providers.get_provider("assume-role")._prompter = _no_prompt  # noqa: SLF001 - there is no switch
    try:
        found: AioCredentials | None = await source.get_credentials()
    except (OSError, ValueError) as exc:
        # Of a credential_process that is not there or prints no JSON, or of a service of credentials
        # whose address is not allowed: the SDK does not translate these.
        raise AuthError(f"credentials cannot be loaded: {exc}", hint=HINTS["credentials"]) from exc
    return found


async def _assuming(source: AioSession, config: AwsConfig, assumed: Assumed) -> AioCredentials:
    try:
        credentials = await _found(source, config)
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
        client_creator=functools.partial(_token_service, source, config, assumed),
        source_credentials=credentials,
        role_arn=config.role_arn,
        extra_args=extra,
    )
    return AioDeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )


@asynccontextmanager
async def _token_service(
    source: AioSession, config: AwsConfig, assumed: Assumed, service: str, **keys: str | None
) -> AsyncGenerator[Any]:
    """Open the client of STS that assumes the role of *config*, with the *keys* that may."""
    made = source.create_client(
        service,
        region_name=config.region,
        endpoint_url=config.endpoint_url,
        config=client_config(config),
        **keys,
    )
    async with made as client:
        client.meta.events.register("after-call.sts", functools.partial(_tell, assumed))
        yield client


def _tell(assumed: Assumed, *, parsed: Mapping[str, Any], **_: Any) -> None:
    if arn := (parsed.get("AssumedRoleUser") or {}).get("Arn"):
        assumed(str(arn))
