"""The table ``[connectors.NAME]`` of a Google Cloud connector and those of its streams."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from ogfd.plugin import SHAPES_ROWS, PluginConfig, Secret
from ogfd_gcp.identifiers import PROJECT, TableName

ENDPOINT: Final = "https://bigquery.googleapis.com"
STORAGE_ENDPOINT: Final = "https://bigquerystorage.googleapis.com"

_ACCOUNT: Final = r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$"
_SMALLEST_BILL: Final = 10 << 20
"""
BigQuery bills at least 10 MB a query and table: a lower bound would refuse everything.

https://cloud.google.com/bigquery/pricing#on_demand_pricing
"""


def _listed(value: Any) -> Any:
    """Take a text for a list, as one variable of the environment holds several ids."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _table(value: Any) -> Any:
    return str(TableName.parse(value.strip())) if isinstance(value, str) else value


def _project(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(PROJECT, value):
        raise ValueError(
            "is no project id; write it as my-project, neither its name nor its number"
        )
    return value


def _account(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(_ACCOUNT, value):
        raise ValueError("is no billing account; write it as 012345-6789AB-CDEF01")
    return value


Table = Annotated[str, BeforeValidator(_table)]
Project = Annotated[str, BeforeValidator(_project), Field(pattern=rf"^{PROJECT}$")]
Account = Annotated[str, BeforeValidator(_account), Field(pattern=_ACCOUNT)]


class CarbonConfig(PluginConfig):
    """
    Where the Carbon Footprint export lies.

    Attributes:
        table: ``project.dataset.carbon_footprint``, or the table alone beside ``dataset``.
        dataset: ``project.dataset``, or the dataset alone if it is in ``job_project``.
    """

    table: Annotated[str, Field(min_length=1)]
    dataset: Annotated[str, Field(min_length=1)] | None = None

    def of(self, project: str) -> TableName:
        """
        Return the table; *project* is that of a dataset which names none.

        Raises:
            ValueError: if the keys name no table.
        """
        if self.dataset is None:
            return TableName.parse(self.table)
        within = self.dataset if "." in self.dataset else f"{project}.{self.dataset}"
        return TableName.parse(f"{within}.{self.table}")


class CostConfig(PluginConfig):
    """
    Where a Cloud Billing export lies: standard, detailed or FOCUS, told by its columns.

    Attributes:
        table: such as ``project.dataset.gcp_billing_export_v1_012345_6789AB_CDEF01``.
        reference: another export of the same billing accounts, for ``ogfd reconcile`` to compare
            with; no rows are read from it.
    """

    table: Table
    reference: Table | None = None

    @field_validator("reference")
    @classmethod
    def _another(cls, reference: str | None, info: ValidationInfo) -> str | None:
        if reference is not None and reference == info.data.get("table"):
            raise ValueError("is the table itself; name another export of the same accounts")
        return reference

    @property
    def name(self) -> TableName:
        """The table."""
        return TableName.parse(self.table)

    @property
    def other(self) -> TableName | None:
        """The reference."""
        return None if self.reference is None else TableName.parse(self.reference)


class GcpConfig(PluginConfig):
    """
    Credentials, the project that queries run in, and what they may cost.

    Attributes:
        credentials: JSON of a service account key, of a workload identity federation
            (``external_account``) or of a user; without it the application default credentials.
        tokens: how a service account key gets tokens: signed by itself, or exchanged at the
            ``token_uri`` of the key.
        job_project: project that queries run in and are billed to.
        billing_account_ids: those to read; all that are in the tables if there are none.
        maximum_bytes_billed: a query that would be billed for more is refused by BigQuery.
        price_usd_per_tib: what a TiB costs by the list, for ``ogfd plan``; 0 with reserved slots.
        storage_api: whether rows come over the Storage Read API, as Arrow; for the grain ``line``
            and big organisations.
        endpoint: asked in place of BigQuery's public address: that of another universe, or a
            stand-in.
        storage_endpoint: asked in place of the Storage Read API: that of a region, or a stand-in.
        carbon: the stream ``carbon``.
        cost: the stream ``cost``.
    """

    credentials: Secret | None = None
    tokens: Literal["self_signed", "exchange"] = "self_signed"
    job_project: Project
    billing_account_ids: Annotated[tuple[Account, ...], BeforeValidator(_listed), SHAPES_ROWS] = ()
    maximum_bytes_billed: Annotated[int, Field(ge=_SMALLEST_BILL)] = 100 << 30
    # Of the regions US and EU: https://cloud.google.com/bigquery/pricing (2026)
    price_usd_per_tib: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] = Decimal("6.25")
    storage_api: bool = False
    endpoint: str | None = None
    storage_endpoint: str | None = None
    carbon: CarbonConfig | None = None
    cost: CostConfig | None = None

    @field_validator("billing_account_ids")
    @classmethod
    def _once(cls, accounts: tuple[str, ...]) -> tuple[str, ...]:
        for account in accounts:
            if accounts.count(account) > 1:
                raise ValueError(f"{account} comes twice")
        return accounts

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.carbon is not None:
            try:
                self.carbon.of(self.job_project)
            except ValueError as exc:
                raise ValueError(f"carbon.table {exc}") from None
        return self

    @field_validator("endpoint", "storage_endpoint")
    @classmethod
    def _reachable(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None:
            return None
        if fault := _fault(url):
            raise ValueError(fault)
        whole = url.rstrip("/")
        if info.field_name == "storage_endpoint" and urlsplit(whole).path:
            raise ValueError("it must be scheme, host and port alone")  # gRPC has paths of its own
        return whole

    @model_validator(mode="after")
    def _kept_apart(self) -> Self:
        """Keep a stand-in's run from Google, and Google's tokens from going out in the clear."""
        if self.endpoint is not None and self.storage_api and self.storage_endpoint is None:
            raise ValueError(
                "endpoint names another BigQuery, but storage_api would ask Google's; set "
                "storage_endpoint too, or storage_api = false"
            )
        plain = (self.storage_endpoint or "").startswith("http://")
        if plain and self.endpoint is None:
            raise ValueError(
                "storage_endpoint is not encrypted, which is for a stand-in, and endpoint names "
                "none; write https://"
            )
        return self

    @property
    def url(self) -> str:
        """The address of the API."""
        return self.endpoint or ENDPOINT

    @property
    def storage_url(self) -> str:
        """The address of the Storage Read API."""
        return self.storage_endpoint or STORAGE_ENDPOINT


def principal(config: GcpConfig) -> str:
    """
    Return whose request limit it is: BigQuery counts for each project.

    A stand-in at an address of its own has limits, and outages, of its own.
    """
    if config.endpoint is None:
        return config.job_project
    return f"{config.job_project} at {urlsplit(config.endpoint).netloc}"


def _fault(url: str) -> str | None:
    """Return what is wrong with *url*, without quoting it: it may hold a password."""
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        return "it holds a space or a control character"
    try:
        parts = urlsplit(url)
        _ = parts.port  # read to be checked
    except ValueError:
        return "its host or port is malformed"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return f"it is no URL such as {ENDPOINT}"
    if parts.query or parts.fragment or parts.username or parts.password:
        return "it must be scheme, host, port and path alone"
    return None


ENVIRONMENT: Final[Mapping[str, str]] = {
    "OFFGRIDFLOW_GCP_SERVICE_ACCOUNT_KEY": "credentials",
    "OFFGRIDFLOW_GCP_CREDENTIALS": "credentials",
    "OFFGRIDFLOW_GCP_PROJECT_ID": "job_project",
    "OFFGRIDFLOW_GCP_JOB_PROJECT": "job_project",
    "OFFGRIDFLOW_GCP_BILLING_ACCOUNT_ID": "billing_account_ids",
    "OFFGRIDFLOW_GCP_BILLING_ACCOUNT_IDS": "billing_account_ids",
    "OFFGRIDFLOW_GCP_MAXIMUM_BYTES_BILLED": "maximum_bytes_billed",
    "OFFGRIDFLOW_GCP_ENDPOINT": "endpoint",
    "OFFGRIDFLOW_GCP_BIGQUERY_DATASET": "carbon.dataset",
    "OFFGRIDFLOW_GCP_BIGQUERY_TABLE": "carbon.table",
    "OFFGRIDFLOW_GCP_COST_TABLE": "cost.table",
}
"""
Environment variables of the predecessor. Secrets among them become ``env:`` references; where both
are set, the list of accounts counts.
"""
