"""
The manifest of a month, of a legacy report or of a data export.

That of a legacy report names report, period and format; that of a data export does not.
"""

from __future__ import annotations

from typing import Any, Final

from ogfd_aws.cur.reports import Layout, Month
from ogfd_aws.exports import manifest
from ogfd_aws.exports.manifest import Manifest, Wrong, files, read, text

_FORMATS: Final = (("gzip", "csv"), ("zip", "csv"), ("parquet", "parquet"))


def parse(body: bytes, month: Month) -> Manifest:
    """
    Read a manifest strictly. It may name another bucket: reports are replicated and copied.

    Raises:
        FatalError: if it is malformed, too large, not of *month*, or names no files, files that are
            not the report's own, or a format that is not read.
    """
    if month.layout is Layout.EXPORT:
        return manifest.parse(body, month)
    return read(body, month, lambda told: _report(told, month))


def _report(told: dict[str, Any], month: Month) -> Manifest:
    _check_owner(told, month)
    _check_period(told, month)
    _check_format(told)
    return Manifest(
        delivery=text(told, "assemblyId"),
        files=files(told.get("reportKeys"), "reportKeys", month),
        bucket=text(told, "bucket"),
    )


def _check_owner(told: dict[str, Any], month: Month) -> None:
    if (named := text(told, "reportName")) not in {"", month.report}:
        raise Wrong(f"the manifest is foreign: it is of the report {named}, not {month.report}")


def _check_period(told: dict[str, Any], month: Month) -> None:
    period = told.get("billingPeriod")
    if not isinstance(period, dict):
        raise Wrong("billingPeriod is missing")
    days = f"{text(period, 'start')[:8]}-{text(period, 'end')[:8]}"
    if days != month.folder:
        raise Wrong(f"its billing period is {days}, but it lies in the folder {month.folder}")


def _check_format(told: dict[str, Any]) -> None:
    compression, content = text(told, "compression"), text(told, "contentType")
    named = (compression.lower(), content.lower())
    if not any(named[0] == packed and kind in named[1] for packed, kind in _FORMATS):
        raise Wrong(
            f"the report is written as {content or '?'} with compression {compression or '?'}; "
            "text/csv with GZIP or ZIP, and Parquet are read",
            hint="make a report of one of these formats",
        )
    charset = text(told, "charset")
    if charset.upper().replace("-", "") not in {"", "UTF8"}:
        raise Wrong(f"the report is written as {charset}; only UTF-8 is read")
