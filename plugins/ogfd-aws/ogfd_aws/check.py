"""What ``ogfd check`` probes: may the credentials list the bucket and read the report?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ogfd.plugin import Context, ErrorClass, Finding, FindingLevel, Period, SourceError
from ogfd_aws.bucket import Bucket
from ogfd_aws.config import AwsConfig, CostConfig
from ogfd_aws.cur.manifest import MAX_BYTES
from ogfd_aws.cur.reports import Month, find_report, months
from ogfd_aws.session import open_client

_PARTITIONS: Final = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc"))
_EVER: Final = Period.months("2006-01", "2100-12")


async def check(config: AwsConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing."""
    if config.cost is None:
        return [
            Finding(
                level=FindingLevel.WARNING,
                subject="cost",
                message="no stream is on; add a table [connectors.NAME.cost] with a bucket",
            )
        ]
    try:
        async with open_client(ctx, config, "s3") as client:
            cost = config.cost
            bucket = Bucket(ctx, client, cost.bucket, requester_pays=cost.requester_pays)
            findings, month = await _listing(bucket, config, cost, ctx)
            if month is not None:
                findings.append(await _reading(bucket, config, cost, month))
            return findings
    except SourceError as exc:
        return [_failed("credentials", exc, None)]


def policy(config: AwsConfig, cost: CostConfig, *, root: str | None = None) -> str:
    """
    Return the least IAM policy that the stream ``cost`` needs, as JSON.

    Args:
        config: whose region decides the partition of the ARNs.
        cost: names bucket, prefix and report.
        root: where the report lies, if that is known.
    """
    partition = next(
        (name for start, name in _PARTITIONS if config.region.startswith(start)), "aws"
    )
    arn = f"arn:{partition}:s3:::{cost.bucket}"
    listed = cost.prefix if cost.prefix in {"", root} else f"{cost.prefix.rstrip('/')}/"
    statements: list[dict[str, Any]] = [
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
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


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
    message = f"report {report.name} under {report.root}, {len(found)} billing periods"
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
