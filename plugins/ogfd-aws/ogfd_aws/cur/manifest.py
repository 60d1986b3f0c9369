"""
The manifest of a month: the commit marker and the list of its files.

That of a legacy report names report, period and format; that of a data export does not. Both list
the columns, but not all that the files have, so each file's own header is what counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from ogfd.plugin import FatalError
from ogfd_aws.cur.reports import Layout, Month

MAX_BYTES: Final = 5 << 20
MAX_FILES: Final = 20_000

_FORMATS: Final = (("gzip", "csv"), ("zip", "csv"), ("parquet", "parquet"))
_KEY_NAMES: Final = ("key", "uri", "s3Uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """
    What a manifest says.

    Attributes:
        delivery: id of the assembly or execution.
        files: of the month, literal keys.
        bucket: where AWS delivered the report; empty if it does not say.
    """

    delivery: str
    files: tuple[str, ...]
    bucket: str


def parse(body: bytes, month: Month) -> Manifest:
    """
    Read a manifest strictly. It may name another bucket: reports are replicated and copied.

    Raises:
        FatalError: if it is malformed, too large, not of *month*, or names no files, files that are
            not the report's own, or a format that is not read.
    """
    try:
        return _parse(body, month)
    except _Wrong as exc:
        raise FatalError(f"{month.manifest}: {exc}", hint=exc.hint) from None


class _Wrong(Exception):  # noqa: N818 - becomes a FatalError that names the manifest
    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def _parse(body: bytes, month: Month) -> Manifest:
    if len(body) > MAX_BYTES:
        raise _Wrong(f"the manifest is larger than {MAX_BYTES >> 20} MiB")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise _Wrong(f"the manifest is not JSON: {exc}") from None
    if not isinstance(told, dict):
        raise _Wrong("the manifest is not a JSON object")
    return _export(told, month) if month.layout is Layout.EXPORT else _report(told, month)


def _report(told: dict[str, Any], month: Month) -> Manifest:
    _check_owner(told, month)
    _check_period(told, month)
    _check_format(told)
    return Manifest(
        delivery=_text(told, "assemblyId"),
        files=_files(told.get("reportKeys"), "reportKeys", month),
        bucket=_text(told, "bucket"),
    )


def _export(told: dict[str, Any], month: Month) -> Manifest:
    named = told.get("dataFiles")
    places = [_place(file) for file in named] if isinstance(named, list) else None
    buckets = sorted({bucket for bucket, _ in places or ()})
    if len(buckets) > 1:
        raise _Wrong(f"dataFiles lie in several buckets: {', '.join(buckets)}")
    return Manifest(
        delivery=_text(told, "executionId"),
        files=_files(places and [key for _, key in places], "dataFiles", month),
        bucket=buckets[0] if buckets else "",
    )


def _place(file: Any) -> tuple[str, Any]:
    """
    Split what names a file into bucket and literal key.

    AWS writes URIs; tools that copy exports also write bare keys, or objects.
    """
    if isinstance(file, dict):
        file = next((file[name] for name in _KEY_NAMES if name in file), None)
    if not isinstance(file, str) or not file.startswith("s3://"):
        return "", file
    bucket, _, key = file.removeprefix("s3://").partition("/")
    return bucket, key


def _check_owner(told: dict[str, Any], month: Month) -> None:
    if (named := _text(told, "reportName")) not in {"", month.report}:
        raise _Wrong(f"the manifest is foreign: it is of the report {named}, not {month.report}")


def _check_period(told: dict[str, Any], month: Month) -> None:
    period = told.get("billingPeriod")
    if not isinstance(period, dict):
        raise _Wrong("billingPeriod is missing")
    days = f"{_text(period, 'start')[:8]}-{_text(period, 'end')[:8]}"
    if days != month.folder:
        raise _Wrong(f"its billing period is {days}, but it lies in the folder {month.folder}")


def _check_format(told: dict[str, Any]) -> None:
    compression, content = _text(told, "compression"), _text(told, "contentType")
    named = (compression.lower(), content.lower())
    if not any(named[0] == packed and kind in named[1] for packed, kind in _FORMATS):
        raise _Wrong(
            f"the report is written as {content or '?'} with compression {compression or '?'}; "
            "text/csv with GZIP or ZIP, and Parquet are read",
            hint="make a report of one of these formats",
        )
    charset = _text(told, "charset")
    if charset.upper().replace("-", "") not in {"", "UTF8"}:
        raise _Wrong(f"the report is written as {charset}; only UTF-8 is read")


def _files(keys: Any, name: str, month: Month) -> tuple[str, ...]:
    if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
        raise _Wrong(f"{name} is not a list of keys")
    if not keys:
        raise _Wrong(f"{name} names no file")
    if len(keys) > MAX_FILES:
        raise _Wrong(f"{name} names {len(keys)} files; at most {MAX_FILES} are read")
    for key in keys:
        if not month.owns(key):
            raise _Wrong(f"the file {key!r} is foreign: it does not lie under {month.root}")
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Wrong(f"{name} names {twice} twice")
    return tuple(keys)


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(f"{name} is not a text")
    return value
