"""
The reports and exports that an account has defined, as AWS describes them.

Legacy reports are known to ``cur``, which answers in one Region a partition, with five of them a
page; exports of tables, CUR 2.0 and FOCUS among them, to ``bcm-data-exports``, which lists names
alone, so each is asked for.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_cur_DescribeReportDefinitions.html
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_DataExports_GetExport.html
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-table-dictionary.html
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from ogfd.plugin import Context, FatalError, TransientError
from ogfd_aws.carbon.export import columns as carbon
from ogfd_aws.cur.fields import FIELDS, REQUIRED, Family, canonical
from ogfd_aws.regions import partition_of
from ogfd_aws.session import Clients

DESCRIBE_REPORTS: Final = "cur:DescribeReportDefinitions"
LIST_EXPORTS: Final = "bcm-data-exports:ListExports"
GET_EXPORT: Final = "bcm-data-exports:GetExport"

_TIMEOUT: Final = timedelta(seconds=30)
_REPORTS_PAGE: Final = 5  # the service takes no other (botocore 1.43, cur 2017-01-06)
_EXPORTS_PAGE: Final = 100
_HOMES: Final = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
_FROM: Final = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_FOCUS: Final = re.compile(r"FOCUS_(\d+)_(\d+)_AWS\w*")
_REPORT_PROBLEMS: Final = {
    "ERROR_PERMISSIONS": "AWS may not write to the bucket: mend the policy of the bucket",
    "ERROR_NO_BUCKET": "the bucket does not exist: create it, or change the report",
}
_EXPORT_PROBLEMS: Final = {
    "INSUFFICIENT_PERMISSION": "AWS may not write to the bucket: mend the policy of the bucket",
    "BILL_OWNER_CHANGED": "the account has another payer now: create the export anew",
    "INTERNAL_FAILURE": "a failure of AWS: wait for the next delivery, then ask its support",
    "DEPRECATED": "AWS does not deliver this table any more: create an export of a newer one",
}


class Kind(Enum):
    """What a definition delivers; the value is how a person calls it."""

    REPORT = "legacy CUR"
    CUR2 = "CUR 2.0"
    FOCUS = "FOCUS"
    CARBON = "carbon emissions"
    OTHER = "a table that is not read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """
    A report or an export.

    Attributes:
        kind: what it delivers.
        table: that it exports; of FOCUS it tells the version.
        name: of the report or export.
        bucket: where AWS delivers it.
        prefix: of its keys, as it was given.
        region: of the bucket.
        files: how it is written, such as ``PARQUET, OVERWRITE_REPORT``.
        monthly: whether its lines are sums of a month.
        problem: what is wrong with its deliveries, if anything.
        lacking: columns that it leaves out and that it cannot be read without.
    """

    kind: Kind
    table: str
    name: str
    bucket: str
    prefix: str
    region: str
    files: str
    monthly: bool
    problem: str | None
    lacking: tuple[str, ...] = ()

    @property
    def is_cost(self) -> bool:
        """Whether the stream ``cost`` can read it."""
        return self.kind in {Kind.REPORT, Kind.CUR2, Kind.FOCUS}

    @property
    def focus_version(self) -> tuple[int, int]:
        """Major and minor version of a FOCUS table."""
        found = _FOCUS.fullmatch(self.table)
        return (int(found[1]), int(found[2])) if found else (0, 0)


async def reports(ctx: Context, clients: Clients, region: str) -> list[Definition]:
    """
    Return the legacy reports; none where the service is not, such as GovCloud.

    Raises:
        SourceError: if they cannot be asked for.
    """
    home = _HOMES.get(partition_of(region))
    if home is None:
        return []
    client = await clients.open("cur", region=home)
    found: list[Definition] = []

    async def page(token: str | None) -> Mapping[str, Any]:
        asked = {"MaxResults": _REPORTS_PAGE} | ({} if token is None else {"NextToken": token})

        async def ask() -> Any:
            return await client.describe_report_definitions(**asked)

        return await _asked(ctx, DESCRIBE_REPORTS, ask)

    async for answer in ctx.pages(page, next_token=_next):
        for told in answer.get("ReportDefinitions", ()):
            with _understood(DESCRIBE_REPORTS):
                found.append(_report(told))
    return found


async def exports(ctx: Context, clients: Clients, region: str) -> list[Definition]:
    """
    Return the exports of tables.

    Raises:
        SourceError: if they cannot be asked for.
    """
    client = await clients.open("bcm-data-exports", region=_HOMES.get(partition_of(region), region))
    arns: list[str] = []

    async def page(token: str | None) -> Mapping[str, Any]:
        asked = {"MaxResults": _EXPORTS_PAGE} | ({} if token is None else {"NextToken": token})

        async def ask() -> Any:
            return await client.list_exports(**asked)

        return await _asked(ctx, LIST_EXPORTS, ask)

    async for answer in ctx.pages(page, next_token=_next):
        with _understood(LIST_EXPORTS):
            arns += [listed["ExportArn"] for listed in answer.get("Exports", ())]
    return [await _described(ctx, client, arn) for arn in arns]


async def _described(ctx: Context, client: Any, arn: str) -> Definition:
    async def ask() -> Any:
        return await client.get_export(ExportArn=arn)

    answer = await _asked(ctx, GET_EXPORT, ask)
    with _understood(GET_EXPORT):
        return _export(answer["Export"], answer.get("ExportStatus", {}))


def _report(told: Mapping[str, Any]) -> Definition:
    return Definition(
        kind=Kind.REPORT,
        table="",
        name=told["ReportName"],
        bucket=told["S3Bucket"],
        prefix=told["S3Prefix"],
        region=told["S3Region"],
        files=", ".join((told["Format"], told["Compression"], told.get("ReportVersioning", ""))),
        monthly=told["TimeUnit"] == "MONTHLY",
        problem=_REPORT_PROBLEMS.get(told.get("ReportStatus", {}).get("lastStatus", "")),
    )


def _export(told: Mapping[str, Any], status: Mapping[str, Any]) -> Definition:
    query = told["DataQuery"]
    found = _FROM.search(query["QueryStatement"])
    table = found[1].upper() if found else ""
    kind = _kind(table)
    place = told["DestinationConfigurations"]["S3Destination"]
    output = place["S3OutputConfigurations"]
    settings = query.get("TableConfigurations", {}).get(table, {})
    reason = status.get("StatusReason", "no reason is told")
    return Definition(
        kind=kind,
        table=table,
        name=told["Name"],
        bucket=place["S3Bucket"],
        prefix=place["S3Prefix"],
        region=place["S3Region"],
        files=", ".join((output["Format"], output["Compression"], output["Overwrite"])),
        monthly=settings.get("TIME_GRANULARITY") == "MONTHLY",
        problem=_EXPORT_PROBLEMS.get(reason, reason)
        if status.get("StatusCode") == "UNHEALTHY"
        else None,
        lacking=_lacking(kind, query["QueryStatement"]),
    )


def _kind(table: str) -> Kind:
    if table == "COST_AND_USAGE_REPORT":
        return Kind.CUR2
    if table == "CARBON_EMISSIONS":
        return Kind.CARBON
    return Kind.FOCUS if _FOCUS.fullmatch(table) else Kind.OTHER


def _lacking(kind: Kind, query: str) -> tuple[str, ...]:
    """Return the columns that *query* does not name and whoever reads the export has to have."""
    match kind:
        case Kind.CUR2:
            columns = [canonical(name) for name in _spelt(Family.CUR)]
        case Kind.FOCUS:
            columns = _spelt(Family.FOCUS)
        case Kind.CARBON:
            columns = list(carbon.REQUIRED)
        case _:
            return ()
    named = set(re.findall(r"\w+", query.casefold()))
    return () if "*" in query else tuple(one for one in columns if one.casefold() not in named)


def _spelt(family: Family) -> list[str]:
    return [FIELDS[family][field][0] for field in REQUIRED[family]]


async def _asked(
    ctx: Context, operation: str, ask: Callable[[], Awaitable[Any]]
) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = await ctx.call(operation, ask, timeout=_TIMEOUT)
    kind = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-type", "")
    if "json" not in kind:
        # The SDK makes an empty success of a page of HTML with status 200 (botocore 1.43).
        raise TransientError(
            f"the answer to {operation} is not one of AWS",
            hint="a proxy may have answered in its place; check the network and endpoint_url",
        )
    return answer


@contextmanager
def _understood(operation: str) -> Generator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError) as exc:
        raise FatalError(f"the answer to {operation} lacks what it always has: {exc}") from exc


def _next(answer: Mapping[str, Any]) -> str | None:
    token = answer.get("NextToken")
    return str(token) if token else None
