"""
Finds a report and its months in a bucket.

    <prefix>/<report>/YYYYMMDD-YYYYMMDD/<report>-Manifest.json     the pointer manifest
                                        <assembly>/<report>-1.csv.gz, ...

https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html

AWS joins prefix and report with ``/`` and does no more: an empty prefix gives keys that begin
with ``/``, a prefix that ends with ``/`` gives ``//``. So a prefix is tried as AWS joins it and as
people write it; the keys that are found are used literally.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ogfd.plugin import BadRequestError, NotFoundError, Period
from ogfd_aws.bucket import Bucket
from ogfd_aws.config import CostConfig

_MONTH: Final = re.compile(r"(\d{8})-(\d{8})/")
_MAX_FOLDERS: Final = 100  # each costs a request; a report lies beside few other folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report: its *name*, the literal *root* of its keys, and its folders of billing periods."""

    name: str
    root: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """
    One billing period of a report.

    Attributes:
        key: ``YYYY-MM``; the folder's name if it is no calendar month.
        period: of the folder, whose end is exclusive.
        manifest: key of the pointer manifest.
        root: of the report; no file of it lies elsewhere.
        report: name of the report.
        days: the folder's name, ``YYYYMMDD-YYYYMMDD``.
    """

    key: str
    period: Period
    manifest: str
    root: str
    report: str
    days: str


async def find_report(bucket: Bucket, config: CostConfig) -> Report:
    """
    Find the one report that *config* names.

    Raises:
        NotFoundError: if there is none.
        BadRequestError: if there are several, or too many folders to look into.
        SourceError: if the bucket cannot be listed.
    """
    found: dict[str, Report] = {}
    for base in _bases(config.prefix):
        for report in await _under(bucket, base, config.report):
            found[report.root] = report
    if not found:
        where = f"s3://{bucket.name}/{config.prefix}"
        name = f" {config.report}" if config.report else ""
        raise NotFoundError(
            f"no Cost and Usage Report{name} under {where}",
            hint="check bucket, prefix and report; AWS delivers a new report within 24 hours",
        )
    if len(found) > 1:
        names = ", ".join(sorted(report.root for report in found.values()))
        raise BadRequestError(
            f"s3://{bucket.name} holds several reports: {names}",
            hint="set report to the name of one of them, or make prefix more exact",
        )
    return next(iter(found.values()))


def months(report: Report, window: Period) -> list[Month]:
    """Return the billing periods of *report* that share an instant with *window*, oldest first."""
    chosen = []
    for folder in report.folders:
        days = folder.removeprefix(report.root).rstrip("/")
        period = _period(days)
        if period is not None and period.overlaps(window):
            chosen.append(
                Month(
                    key=_key(period, days),
                    period=period,
                    manifest=f"{folder}{report.name}-Manifest.json",
                    root=report.root,
                    report=report.name,
                    days=days,
                )
            )
    return sorted(chosen, key=lambda month: month.period)


def _bases(prefix: str) -> list[str]:
    joined = f"{prefix}/"
    return [joined, prefix] if not prefix or prefix.endswith("/") else [joined]


async def _under(bucket: Bucket, base: str, name: str | None) -> list[Report]:
    own = base.rstrip("/").rpartition("/")[2]
    if name is not None:
        roots = [f"{base}{name}/", *([base] if own == name else [])]
        found = [await _report(bucket, root, name) for root in roots]
    else:
        level = await bucket.level(base)
        if folders := _months(base, level.folders):
            # The prefix names the report's own folder.
            return [Report(name=own, root=base, folders=folders)]
        names = [folder.removeprefix(base).rstrip("/") for folder in level.folders]
        if len(names) > _MAX_FOLDERS:
            raise BadRequestError(
                f"s3://{bucket.name}/{base} has {len(names)} folders, too many to look into",
                hint="set prefix and report as in the report's settings",
            )
        found = [await _report(bucket, f"{base}{one}/", one) for one in names if one]
    return [report for report in found if report is not None]


async def _report(bucket: Bucket, root: str, name: str) -> Report | None:
    level = await bucket.level(root)
    folders = _months(root, level.folders)
    return Report(name=name, root=root, folders=folders) if folders else None


def _months(root: str, folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        folder for folder in folders if _MONTH.fullmatch(folder.removeprefix(root)) is not None
    )


def _period(days: str) -> Period | None:
    start, end = days.split("-")
    try:
        return Period(_day(start), _day(end))
    except ValueError:
        return None


def _day(text: str) -> datetime:
    return datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=UTC)


def _key(period: Period, days: str) -> str:
    key = f"{period.start:%Y-%m}"
    return key if Period.month(key) == period else days
