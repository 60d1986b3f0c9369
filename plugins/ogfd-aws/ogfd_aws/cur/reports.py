"""
Finds a report or an export and its months in a bucket.

    <prefix>/<report>/YYYYMMDD-YYYYMMDD/<report>-Manifest.json     the pointer manifest
                                        <assembly>/<report>-1.csv.gz, ...
                      <report>/year=YYYY/month=M/...parquet        files for Athena

    <prefix>/<export>/metadata/BILLING_PERIOD=YYYY-MM/<export>-Manifest.json
                      data/BILLING_PERIOD=YYYY-MM/<export>-00001.csv.gz         overwritten
                      data/BILLING_PERIOD=YYYY-MM/<time>-<execution>/...        create new

https://docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html

Where both begin is found by `ogfd_aws.exports.roots`. The case of ``BILLING_PERIOD`` differs between
tables: FOCUS exports come in ``billing_period=YYYY-MM``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from ogfd.plugin import BadRequestError, NotFoundError, Period
from ogfd_aws.bucket import Bucket
from ogfd_aws.config import CostConfig
from ogfd_aws.exports.roots import find

_DAYS: Final = re.compile(r"(\d{8})-(\d{8})")
_PARTITION: Final = re.compile(r"billing_period=(\d{4}-\d{2})", re.IGNORECASE)
_ATHENA: Final = re.compile(r".*/year=\d{4}/month=\d{1,2}/[^/]+")


class Layout(Enum):
    """How the keys of an export are made up."""

    REPORT = "legacy Cost and Usage Report"
    EXPORT = "data export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report or export: *name*, *layout*, literal *root* of its keys, *folders* of its months."""

    name: str
    layout: Layout
    root: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """
    One billing period of a report.

    Attributes:
        key: ``YYYY-MM``; the folder's name if it is no calendar month.
        period: of the folder, whose end is exclusive.
        manifest: key of the manifest that names the current files.
        root: of the report; no file of it lies elsewhere.
        report: name of the report.
        layout: of the report.
        folder: the folder's name, ``YYYYMMDD-YYYYMMDD`` or ``BILLING_PERIOD=YYYY-MM``.
    """

    key: str
    period: Period
    manifest: str
    root: str
    report: str
    layout: Layout
    folder: str

    def owns(self, key: str) -> bool:
        """Return whether *key* may be a file of this month."""
        if not key.startswith(self.root) or ".." in key.split("/"):
            return False
        inside = key.removeprefix(self.root).casefold()
        return self.layout is Layout.REPORT or inside.startswith(f"data/{self.folder}/".casefold())

    def overwrites(self, key: str) -> bool:
        """Return whether a delivery puts its file *key* in the place of an older one."""
        if self.layout is Layout.EXPORT:
            return key.removeprefix(self.root).count("/") == 2
        return key.rpartition("/")[0] == self.manifest.rpartition("/")[0] or bool(
            _ATHENA.fullmatch(key)
        )


async def find_report(bucket: Bucket, config: CostConfig) -> Report:
    """
    Find the one report that *config* names.

    Raises:
        NotFoundError: if there is none.
        BadRequestError: if there are several, or too many folders to look into.
        SourceError: if the bucket cannot be listed.
    """

    async def look(root: str, name: str, folders: tuple[str, ...]) -> list[Report]:
        return await _in(bucket, root, name, folders)

    listed = await find(bucket, config.prefix, config.report, look)
    found = {(report.root, report.layout): report for report in listed}
    if not found:
        where = f"s3://{bucket.name}/{config.prefix}"
        name = f" {config.report}" if config.report else ""
        raise NotFoundError(
            f"no Cost and Usage Report{name} under {where}, and no cost export",
            hint="check bucket, prefix and report; AWS delivers a new report within 24 hours",
        )
    if len(found) > 1:
        names = ", ".join(sorted(root for root, _ in found))
        raise BadRequestError(
            f"s3://{bucket.name} holds several reports: {names}",
            hint="set report to the name of one of them, or make prefix more exact",
        )
    return next(iter(found.values()))


def months(report: Report, window: Period) -> list[Month]:
    """
    Return the billing periods of *report* that share an instant with *window*, oldest first.

    Two may have one key, if AWS wrote the folder of a month in another case at some time.
    """
    chosen = []
    for path in report.folders:
        folder = path.rstrip("/").rpartition("/")[2]
        period = _period(folder)
        if period is not None and period.overlaps(window):
            chosen.append(
                Month(
                    key=_key(period, folder),
                    period=period,
                    manifest=f"{path}{report.name}-Manifest.json",
                    root=report.root,
                    report=report.name,
                    layout=report.layout,
                    folder=folder,
                )
            )
    return sorted(chosen, key=lambda month: month.period)


async def _in(bucket: Bucket, root: str, name: str, folders: tuple[str, ...]) -> list[Report]:
    """Return what lies in *root*, which holds *folders*."""
    metadata = f"{root}metadata/"
    found = {Layout.REPORT: _matching(_DAYS, root, folders)}
    if metadata in folders:
        inside = (await bucket.level(metadata)).folders
        found[Layout.EXPORT] = _matching(_PARTITION, metadata, inside)
    return [
        Report(name=name, layout=layout, root=root, folders=months)
        for layout, months in found.items()
        if months
    ]


def _matching(pattern: re.Pattern[str], root: str, folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        folder for folder in folders if pattern.fullmatch(folder.removeprefix(root).rstrip("/"))
    )


def _period(folder: str) -> Period | None:
    try:
        if found := _PARTITION.fullmatch(folder):
            return Period.month(found[1])
        start, end = folder.split("-")
        return Period(_day(start), _day(end))
    except ValueError:
        return None


def _day(text: str) -> datetime:
    return datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=UTC)


def _key(period: Period, folder: str) -> str:
    key = f"{period.start:%Y-%m}"
    return key if Period.month(key) == period else folder
