"""The table ``[connectors.NAME]`` of an AWS connector and those of its streams."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from ogfd.plugin import SHAPES_ROWS, PluginConfig, Secret
from ogfd_aws.regions import partition_of

# Not \w: that is every letter of Unicode, which AWS does not take, and slow to compile.
_WORD: Final = "0-9A-Za-z_"
_MODEL_VERSION: Final = r"[vV]\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
_DIMENSIONS: Final = (
    "SERVICE", "LINKED_ACCOUNT", "RECORD_TYPE", "REGION", "AZ", "USAGE_TYPE", "OPERATION",
    "INSTANCE_TYPE",
)  # fmt: skip
_GROUP: Final = re.compile(rf"{'|'.join(_DIMENSIONS)}|(TAG|COST_CATEGORY):.+")
_ACCOUNT = re.compile(r"arn:[a-z-]+:iam::(\d{12}):")


class CostConfig(PluginConfig):
    """
    Where the Cost and Usage Report, or the CUR 2.0 or FOCUS export, lies.

    Attributes:
        bucket: name of the S3 bucket.
        prefix: as given when the report was made; may be empty.
        report: name of the report or export; needed only if several lie under the prefix.
        requester_pays: whether the reader of the bucket pays for its requests.
    """

    bucket: Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[A-Za-z0-9._-]+$")]
    prefix: str = ""
    report: Annotated[str, Field(min_length=1, pattern=r"^[^/]+$")] | None = None
    requester_pays: bool = False


class CarbonExportConfig(PluginConfig):
    """
    Where the carbon emissions export lies.

    Attributes:
        bucket: name of the S3 bucket.
        prefix: as given when the export was made; may be empty.
        export: name of the export; needed only if several carbon exports lie under the prefix.
        model_version: the only carbon model whose months are read, such as ``v3.0.0``; without it
            the newest that a month has.
        requester_pays: whether the reader of the bucket pays for its requests.
    """

    bucket: Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[A-Za-z0-9._-]+$")]
    prefix: str = ""
    export: Annotated[str, Field(min_length=1, pattern=r"^[^/]+$")] | None = None
    model_version: Annotated[str, Field(pattern=rf"^{_MODEL_VERSION}$")] | None = None
    requester_pays: bool = False


class CarbonConfig(PluginConfig):
    """The table of the stream ``carbon``, which needs no keys: the credentials say whose it is."""


class CostExplorerConfig(PluginConfig):
    """
    What to ask Cost Explorer for, and what that may cost.

    Attributes:
        group_by: one or two of ``SERVICE``, ``LINKED_ACCOUNT``, ``RECORD_TYPE``, ``REGION``, ``AZ``,
            ``USAGE_TYPE``, ``OPERATION``, ``INSTANCE_TYPE``, ``TAG:key``, ``COST_CATEGORY:name``.
        monthly_budget_usd: AWS charges 0.01 USD a request; one that would take the calendar month
            above this is not made.
    """

    group_by: Annotated[tuple[str, ...], SHAPES_ROWS, Field(min_length=1, max_length=2)] = (
        "SERVICE",
        "LINKED_ACCOUNT",
    )
    monthly_budget_usd: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] = Decimal("5.00")

    @field_validator("group_by")
    @classmethod
    def _groups(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not _GROUP.fullmatch(name):
                raise ValueError(
                    f"{name!r} cannot be grouped by; write one of {', '.join(_DIMENSIONS)}, "
                    "TAG:key or COST_CATEGORY:name"
                )
        if len(set(names)) != len(names):
            raise ValueError(f"{names[0]} comes twice")
        return names


class AwsConfig(PluginConfig):
    """
    Credentials and region; without any of them the default chain of the AWS SDK decides.

    Attributes:
        region: of the bucket.
        profile: name in ``~/.aws/config``.
        role_arn: role to assume with the credentials found.
        external_id: what the trust policy of the role asks for.
        role_session_name: shows in CloudTrail.
        endpoint_url: an S3-compatible store or local stand-in; asked in place of every service.
        access_key_id: static key, discouraged; with secret_access_key.
        secret_access_key: belongs to access_key_id.
        session_token: of temporary static credentials.
        cost: the stream ``cost``.
        carbon: the stream ``carbon``.
        carbon_export: the stream ``carbon_export``.
        cost_explorer: the stream ``cost_explorer``; beside ``cost`` the totals of that.
    """

    region: Annotated[str, Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d+$")] = "us-east-1"
    profile: str | None = None
    role_arn: Annotated[str, Field(pattern=r"^arn:[a-z-]+:iam::\d{12}:role/.+$")] | None = None
    external_id: (
        Annotated[str, Field(min_length=2, max_length=1224, pattern=rf"^[{_WORD}+=,.@:/-]+$")]
        | None
    ) = None
    role_session_name: Annotated[str, Field(pattern=rf"^[{_WORD}+=,.@-]{{2,64}}$")] = "ogfd"
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    cost: CostConfig | None = None
    carbon: CarbonConfig | None = None
    carbon_export: CarbonExportConfig | None = None
    cost_explorer: CostExplorerConfig | None = None

    @property
    def has_streams(self) -> bool:
        """Whether any stream is on."""
        tables = (self.cost, self.carbon, self.carbon_export, self.cost_explorer)
        return any(table is not None for table in tables)

    @field_validator("endpoint_url")
    @classmethod
    def _reachable(cls, url: str | None) -> str | None:
        if url is not None and (fault := _fault(url)):
            raise ValueError(f"is no URL such as https://s3.example.com:9000: {fault}")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        if self.access_key_id is not None and self.profile is not None:
            raise ValueError("give either profile or access_key_id, not both")
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id needs role_arn")
        if self.carbon is not None and self.carbon_export is not None:
            raise ValueError(
                "carbon and carbon_export are the same emissions, which would count twice: remove "
                "one of the two tables"
            )
        if self.cost_explorer is not None and partition_of(self.region) == "aws-us-gov":
            # botocore 1.43 has rules for the endpoint in every partition but this one.
            raise ValueError(
                "GovCloud has no Cost Explorer: the standard account that pays for it has its "
                "cost; give that a connector of its own"
            )
        return self


def _fault(url: str) -> str | None:
    """Return what is wrong with *url*, without quoting it: it may hold a password."""
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        return "it holds a space or a control character"
    try:
        parts = urlsplit(url)
        _ = parts.port  # read to be checked
    except ValueError:
        return "its host or port is malformed"
    if parts.scheme not in {"http", "https"}:
        return "it must begin with http:// or https://"
    return None if parts.hostname else "it names no host"


def principal(config: AwsConfig) -> str:
    """
    Return whose request limit it is: the account as far as the configuration tells it.

    A store at an address of its own has limits, and outages, of its own.
    """
    found = _ACCOUNT.match(config.role_arn or "")
    account = found[1] if found else config.profile or config.access_key_id or "default"
    if config.endpoint_url is None:
        return account
    return f"{account} at {urlsplit(config.endpoint_url).hostname}"


_KEYS: Final = (
    "region",
    "profile",
    "role_arn",
    "external_id",
    "role_session_name",
    "endpoint_url",
    "access_key_id",
    "secret_access_key",
    "session_token",
)

ENVIRONMENT: Final[Mapping[str, str]] = {
    **{f"OFFGRIDFLOW_AWS_{key.upper()}": key for key in _KEYS},
    **{
        f"OFFGRIDFLOW_AWS_CUR_{key.upper()}": f"cost.{key}"
        for key in ("bucket", "prefix", "report")
    },
}
"""Environment variables of the predecessor. Secrets among them become ``env:`` references."""
