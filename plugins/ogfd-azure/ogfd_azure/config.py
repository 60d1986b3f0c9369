"""The table ``[connectors.NAME]`` of an Azure connector and those of its streams."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ogfd.plugin import SHAPES_ROWS, PluginConfig, Secret
from ogfd_azure.clouds import CLOUDS, Cloud

Method = Literal["client_secret", "certificate", "workload_identity", "managed_identity", "default"]

_GUID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "client_secret": ("tenant_id", "client_id", "client_secret"),
    "certificate": ("tenant_id", "client_id", "certificate"),
}
_OVERRIDES: Final = ("authority", "arm_endpoint", "arm_scope", "blob_suffix", "graph_endpoint")
_BELONGS: Final[Mapping[str, str]] = {
    "client_secret": "client_secret",
    "certificate": "certificate",
    "certificate_password": "certificate",
    "token_file": "workload_identity",
}


def _listed(value: Any) -> Any:
    """Take a text for a list, as one variable of the environment holds several ids."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _lower(value: Any) -> Any:
    """Take an id in any case: answers spell one this way and that, and one spelling must count."""
    return value.strip().lower() if isinstance(value, str) else value


Guid = Annotated[str, BeforeValidator(_lower), Field(pattern=_GUID)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class CarbonConfig(PluginConfig):
    """The table of the stream ``carbon``, which needs no keys: *subscriptions* says of whom."""


class DashboardConfig(PluginConfig):
    """
    The data behind the Emissions Impact Dashboard: the Cloud for Sustainability API (preview).

    Attributes:
        instance_id: GUID of the Cloud for Sustainability environment.
        enrollments: ids of the enrollments, that is billing accounts.
        subscription_key: of the API, sent as ``Ocp-Apim-Subscription-Key``.
        endpoint: the API.
    """

    instance_id: Guid
    enrollments: Annotated[Texts, Field(min_length=1)]
    subscription_key: Secret
    endpoint: str = "https://api.mcfs.microsoft.com"

    @field_validator("enrollments")
    @classmethod
    def _named(cls, enrollments: tuple[str, ...]) -> tuple[str, ...]:
        for enrollment in enrollments:
            if not enrollment.replace("-", "").replace("_", "").replace(":", "").isalnum():
                raise ValueError("an enrollment is an id such as 12345678")
        return _distinct(enrollments)

    @field_validator("endpoint")
    @classmethod
    def _reachable(cls, url: str) -> str:
        return _endpoint(url)


class CostConfig(PluginConfig):
    """
    Where cost exports lie.

    Attributes:
        account: name of the storage account.
        container: there.
        prefix: the directory of the export; may be empty.
        export: name of the export; needed only if several lie under the prefix.
        blob_endpoint: takes the place of ``https://ACCOUNT.blob.SUFFIX``.
        dataset: of an export whose manifest does not name its type; actual unless given.
        quantities_in_units: unit of measure and meter category, such as ``100 Hours: Virtual
            Machines``, whose quantities are in units where a price is for a block of them; of cost
            details, and only where the cost of a row does not tell.
    """

    account: Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$")]
    container: Annotated[str, Field(pattern=r"^(\$root|\$web|[a-z0-9](-?[a-z0-9]){2,62})$")]
    prefix: str = ""
    export: Annotated[str, Field(min_length=1, pattern=r"^[^/]+$")] | None = None
    blob_endpoint: str | None = None
    dataset: Annotated[Literal["actual", "amortized"] | None, SHAPES_ROWS] = None
    quantities_in_units: Annotated[Texts, SHAPES_ROWS] = ("100 Hours: Virtual Machines",)

    @field_validator("quantities_in_units")
    @classmethod
    def _paired(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for pair in pairs:
            if not all(part.strip() for part in pair.partition(":")):
                raise ValueError("a pair is a unit of measure, a colon and a meter category")
        return pairs

    @property
    def folder(self) -> str:
        """What the names of all its blobs begin with."""
        directory = self.prefix.strip("/")
        return f"{directory}/" if directory else ""

    @field_validator("blob_endpoint")
    @classmethod
    def _reachable(cls, url: str | None) -> str | None:
        return None if url is None else _endpoint(url)


class CostQueryConfig(PluginConfig):
    """
    What Cost Management is asked for directly.

    Attributes:
        scopes: such as ``/subscriptions/ID`` or ``/providers/Microsoft.Billing/billingAccounts/ID``.
    """

    scopes: Annotated[Texts, Field(min_length=1)]

    @field_validator("scopes")
    @classmethod
    def _rooted(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        for scope in scopes:
            plain = scope.strip("/") and not any(c.isspace() or c in "?#" for c in scope)
            if not scope.startswith("/") or not plain:
                raise ValueError("a scope is a resource id such as /subscriptions/ID")
        return _apart(_distinct(tuple(scope.rstrip("/") for scope in scopes)))


class AzureConfig(PluginConfig):
    """
    Credentials, cloud and subscriptions.

    Attributes:
        auth: how to sign in; may be left out if client_secret is there.
        tenant_id: id of the directory, or one of its domains.
        client_id: of the app registration, or of a user-assigned managed identity.
        client_secret: the value of the secret, not its id.
        certificate: PEM with certificate and private key, or a PFX file in base64.
        certificate_password: of the private key, if it has one.
        token_file: federated token; by default that of AZURE_FEDERATED_TOKEN_FILE.
        cloud: public, us_gov or china.
        authority: login service in place of the cloud's; https.
        arm_endpoint: Resource Manager in place of the cloud's.
        arm_scope: scope of tokens for Resource Manager in place of the cloud's.
        blob_suffix: suffix of storage hosts in place of the cloud's.
        graph_endpoint: Microsoft Graph in place of the cloud's; ``ogfd check`` alone asks it.
        subscriptions: those to read; all that the credential sees if there are none.
        carbon: the stream ``carbon``.
        emissions_dashboard: the stream ``emissions_dashboard``.
        cost: the stream ``cost``.
        cost_query: the stream ``cost_query``.
    """

    auth: Method | None = None
    tenant_id: Annotated[str, BeforeValidator(_lower), Field(pattern=r"^[a-z0-9.-]+$")] | None = (
        None
    )
    client_id: Guid | None = None
    client_secret: Secret | None = None
    certificate: Secret | None = None
    certificate_password: Secret | None = None
    token_file: str | None = None
    cloud: Literal["public", "us_gov", "china"] = "public"
    authority: str | None = None
    arm_endpoint: str | None = None
    arm_scope: Annotated[str, Field(min_length=1)] | None = None
    blob_suffix: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")] | None = None
    graph_endpoint: str | None = None
    subscriptions: Annotated[tuple[Guid, ...], BeforeValidator(_listed)] = ()
    carbon: CarbonConfig | None = None
    emissions_dashboard: DashboardConfig | None = None
    cost: CostConfig | None = None
    cost_query: CostQueryConfig | None = None

    @field_validator("subscriptions")
    @classmethod
    def _once(cls, subscriptions: tuple[str, ...]) -> tuple[str, ...]:
        return _distinct(subscriptions)

    @field_validator("authority", "arm_endpoint", "graph_endpoint")
    @classmethod
    def _reachable(cls, url: str | None) -> str | None:
        return None if url is None else _endpoint(url)

    @field_validator("authority")
    @classmethod
    def _encrypted(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith("https://"):
            raise ValueError("the login service is reached by https:// alone")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.auth is None and self.client_secret is None:
            raise ValueError(
                "say how to sign in: auth = client_secret, certificate, workload_identity, "
                "managed_identity or default"
            )
        missing = [key for key in _NEEDS.get(self.sign_in, ()) if getattr(self, key) is None]
        if missing:
            raise ValueError(f"auth = {self.sign_in} needs {' and '.join(missing)}")
        for key, method in _BELONGS.items():
            if getattr(self, key) is not None and method != self.sign_in:
                raise ValueError(f"{key} is of no use with auth = {self.sign_in}; remove it")
        if self.carbon is not None and self.emissions_dashboard is not None:
            raise ValueError(
                "carbon and emissions_dashboard count the emissions of the same subscriptions "
                "twice; keep carbon, or emissions_dashboard for years that carbon no longer has"
            )
        return self

    @property
    def sign_in(self) -> Method:
        """How to sign in; the predecessor had client secrets alone and did not ask."""
        return self.auth or "client_secret"

    @property
    def has_ending_credential(self) -> bool:
        """Whether it signs in by what the directory knows the end of."""
        return self.sign_in in {"client_secret", "certificate"}

    @property
    def endpoints(self) -> Cloud:
        """The cloud, with what the operator put in place of its own."""
        given = {
            name: getattr(self, name) for name in _OVERRIDES if getattr(self, name) is not None
        }
        return replace(CLOUDS[self.cloud], **given)


def principal(config: AzureConfig) -> str:
    """
    Return whose request limits they are: Azure counts by tenant.

    A service at an address of its own has limits, and outages, of its own.
    """
    tenant = config.tenant_id or config.client_id or config.sign_in
    if config.arm_endpoint is None:
        return tenant
    return f"{tenant} at {urlsplit(config.arm_endpoint).hostname}"


def allowed_hosts(config: AzureConfig) -> Sequence[str]:
    """Return the hosts that requests may reach, besides endpoints that the operator named."""
    endpoints = config.endpoints
    hosts = [urlsplit(endpoints.arm_endpoint).hostname]
    if config.has_ending_credential:
        hosts.append(urlsplit(endpoints.graph_endpoint).hostname)
    if config.emissions_dashboard is not None:
        hosts.append(urlsplit(config.emissions_dashboard.endpoint).hostname)
    if config.cost is not None:
        hosts.append(f"{config.cost.account}.blob.{endpoints.blob_suffix}")
    return [host for host in hosts if host is not None]


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("one is named twice")
    return values


def _apart(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return *scopes*; one that holds another, or may, would count the same costs twice."""
    paths = sorted(f"{scope.lower()}/" for scope in scopes)
    for wide, narrow in itertools.pairwise(paths):
        if narrow.startswith(wide):
            raise ValueError(f"{narrow.rstrip('/')} lies in {wide.rstrip('/')}; keep one of them")
    if len({_kind(path) for path in paths}) > 1:
        raise ValueError(
            "billing accounts, management groups and subscriptions may have the same costs; keep "
            "scopes of one kind"
        )
    return scopes


def _kind(path: str) -> str:
    """Return what a scope begins with: subscriptions, billing accounts or management groups."""
    return "/".join(path.split("/")[1 : 4 if path.startswith("/providers/") else 2])


def _endpoint(url: str) -> str:
    """Return *url* without the slash at its end; no error quotes it, as it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read to be checked
    except ValueError:
        raise ValueError("its host or port is malformed") from None
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        raise ValueError("it holds a space or a control character")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no URL such as https://management.azure.com")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("must be scheme, host, port and path alone")
    return url.rstrip("/")


_KEYS: Final = (
    "auth",
    "tenant_id",
    "client_id",
    "client_secret",
    "certificate",
    "certificate_password",
    "token_file",
    "cloud",
    "authority",
    "arm_endpoint",
    "arm_scope",
    "blob_suffix",
)

ENVIRONMENT: Final[Mapping[str, str]] = {
    **{f"OFFGRIDFLOW_AZURE_{key.upper()}": key for key in _KEYS},
    "OFFGRIDFLOW_AZURE_SUBSCRIPTION_ID": "subscriptions",
    "OFFGRIDFLOW_AZURE_SUBSCRIPTION_IDS": "subscriptions",
    **{
        f"OFFGRIDFLOW_AZURE_COST_{key.upper()}": f"cost.{key}"
        for key in ("account", "container", "prefix", "export")
    },
    "OFFGRIDFLOW_AZURE_COST_QUERY_SCOPES": "cost_query.scopes",
}
"""
Environment variables of the predecessor. Secrets among them become ``env:`` references; where both
are set, the list of subscriptions counts.
"""
