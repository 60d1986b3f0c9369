"""What ``ogfd check`` probes: may the credentials do what the streams need?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ogfd.plugin import Context, ErrorClass, Finding, FindingLevel, Period, SourceError
from ogfd_aws.bucket import Bucket
from ogfd_aws.carbon.service import OPERATION as CARBON_ACTION
from ogfd_aws.carbon.service import open_emissions
from ogfd_aws.carbon.stream import FIRST_MONTH, CarbonStream
from ogfd_aws.config import AwsConfig, CostConfig
from ogfd_aws.cur.manifest import MAX_BYTES
from ogfd_aws.cur.reports import Month, find_report, months
from ogfd_aws.regions import partition_of
from ogfd_aws.session import Clients, open_clients

_EVER: Final = Period.months("2006-01", "2100-12")


async def check(config: AwsConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing."""
    if config.cost is None and config.carbon is None:
        return [
            Finding(
                level=FindingLevel.WARNING,
                subject="streams",
                message="no stream is on; add a table [connectors.NAME.cost] with a bucket, "
                "or [connectors.NAME.carbon]",
            )
        ]
    findings: list[Finding] = []
    try:
        async with open_clients(ctx, config) as clients:
            if config.cost is not None:
                findings += await _cost(ctx, clients, config, config.cost)
            if config.carbon is not None:
                findings.append(await _carbon(ctx, clients, config))
    except SourceError as exc:
        findings.append(_failed("credentials", exc, None))
    return findings


def policy(config: AwsConfig, cost: CostConfig, *, root: str | None = None) -> str:
    """
    Return the least IAM policy that the stream ``cost`` needs, as JSON.

    Args:
        config: whose region decides the partition of the ARNs.
        cost: names bucket, prefix and report.
        root: where the report lies, if that is known.
    """
    arn = f"arn:{partition_of(config.region)}:s3:::{cost.bucket}"
    listed = cost.prefix if cost.prefix in {"", root} else f"{cost.prefix.rstrip('/')}/"
    return _policy(
        {
            "Sid": "OgfdListReport",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
            "Condition": {"StringLike": {"s3:prefix": f"{listed}*"}},
        },
        {
            "Sid": "OgfdReadReport",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": f"{arn}/{listed if root is None else root}*",
        },
    )


def carbon_policy() -> str:
    """
    Return the least IAM policy that the stream ``carbon`` needs, as JSON.

    The service knows no resources; ``sts:GetCallerIdentity`` needs no permission.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_sustainability.html
    """
    return _policy(
        {"Sid": "OgfdReadCarbon", "Effect": "Allow", "Action": CARBON_ACTION, "Resource": "*"}
    )


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


async def _cost(
    ctx: Context, clients: Clients, config: AwsConfig, cost: CostConfig
) -> list[Finding]:
    client = await clients.open("s3")
    bucket = Bucket(ctx, client, cost.bucket, requester_pays=cost.requester_pays)
    findings, month = await _listing(bucket, config, cost, ctx)
    if month is not None:
        findings.append(await _reading(bucket, config, cost, month))
    return findings


async def _carbon(ctx: Context, clients: Clients, config: AwsConfig) -> Finding:
    emissions = await open_emissions(ctx, clients, config)
    try:
        account = await emissions.account()
        published = await CarbonStream(ctx, emissions).published(FIRST_MONTH.start)
    except SourceError as exc:
        return _failed(CARBON_ACTION, exc, carbon_policy())
    message = f"nothing published for account {account}: pending"
    if published:
        newest = max(published)
        message = (
            f"account {account}, {len(published)} months up to {newest}, "
            f"model {published[newest].model}"
        )
    return Finding(level=FindingLevel.OK, subject=CARBON_ACTION, message=message)


async def _listing(
    bucket: Bucket, config: AwsConfig, cost: CostConfig, ctx: Context
) -> tuple[list[Finding], Month | None]:
    subject = f"s3:ListBucket {cost.bucket}"
    try:
        report = await find_report(bucket, cost)
    except SourceError as exc:
        return [_failed(subject, exc, policy(config, cost))], None
    found = months(report, _EVER)
    newest = next((one for one in reversed(found) if one.period.start <= ctx.now()), None)
    message = (
        f"{report.layout.value} {report.name} under {report.root}, {len(found)} billing periods"
    )
    return [Finding(level=FindingLevel.OK, subject=subject, message=message)], newest


async def _reading(bucket: Bucket, config: AwsConfig, cost: CostConfig, month: Month) -> Finding:
    subject = f"s3:GetObject {cost.bucket}/{month.manifest}"
    try:
        etag = await bucket.etag(month.manifest)
        if etag is None:
            return Finding(
                level=FindingLevel.OK, subject=subject, message="not published yet: pending"
            )
        await bucket.small(month.manifest, etag=etag, limit=MAX_BYTES)
    except SourceError as exc:
        return _failed(subject, exc, policy(config, cost, root=month.root))
    return Finding(level=FindingLevel.OK, subject=subject, message=f"{month.key} can be read")


def _failed(subject: str, exc: SourceError, grant: str | None) -> Finding:
    return Finding(
        level=FindingLevel.ERROR,
        subject=subject,
        message=str(exc),
        grant=grant if exc.error_class is ErrorClass.AUTH else None,
        error_class=exc.error_class,
    )
