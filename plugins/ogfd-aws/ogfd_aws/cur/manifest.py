"""The pointer manifest of a month: the commit marker and the list of its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from ogfd.plugin import FatalError
from ogfd_aws.cur.reports import Month

MAX_BYTES: Final = 5 << 20
MAX_FILES: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """
    What a manifest says.

    Attributes:
        assembly: id of the delivery.
        files: of the month, literal keys.
        bucket: where AWS delivered the report; empty if it does not say.
    """

    assembly: str
    files: tuple[str, ...]
    bucket: str


def parse(body: bytes, month: Month) -> Manifest:
    """
    Read a manifest strictly. It may name another bucket: reports are replicated and copied.

    Raises:
        FatalError: if it is malformed, too large, not of *month*, or names no files, or files that
            are not the report's own or not gzipped CSV.
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
    _check_owner(told, month)
    _check_period(told, month)
    _check_format(told)
    return Manifest(
        assembly=_text(told, "assemblyId"),
        files=_files(told, month),
        bucket=_text(told, "bucket"),
    )


def _check_owner(told: dict[str, Any], month: Month) -> None:
    if (named := _text(told, "reportName")) not in {"", month.report}:
        raise _Wrong(f"the manifest is foreign: it is of the report {named}, not {month.report}")


def _check_period(told: dict[str, Any], month: Month) -> None:
    period = told.get("billingPeriod")
    if not isinstance(period, dict):
        raise _Wrong("billingPeriod is missing")
    days = f"{_text(period, 'start')[:8]}-{_text(period, 'end')[:8]}"
    if days != month.days:
        raise _Wrong(f"its billing period is {days}, but it lies in the folder {month.days}")


def _check_format(told: dict[str, Any]) -> None:
    compression, content = _text(told, "compression"), _text(told, "contentType")
    if compression.upper() != "GZIP" or "csv" not in content.lower():
        raise _Wrong(
            f"the report is written as {content or '?'} with compression {compression or '?'}; "
            "only text/csv with GZIP is read",
            hint="make a report of the format text/csv with GZIP compression",
        )
    charset = _text(told, "charset")
    if charset.upper().replace("-", "") not in {"", "UTF8"}:
        raise _Wrong(f"the report is written as {charset}; only UTF-8 is read")


def _files(told: dict[str, Any], month: Month) -> tuple[str, ...]:
    keys = told.get("reportKeys")
    if not isinstance(keys, list) or not all(isinstance(key, str) and key for key in keys):
        raise _Wrong("reportKeys is not a list of keys")
    if not keys:
        raise _Wrong("reportKeys names no file")
    if len(keys) > MAX_FILES:
        raise _Wrong(f"reportKeys names {len(keys)} files; at most {MAX_FILES} are read")
    for key in keys:
        if not key.startswith(month.root) or ".." in key.split("/"):
            raise _Wrong(f"the file {key!r} is foreign: it does not lie under {month.root}")
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Wrong(f"reportKeys names {twice} twice")
    return tuple(keys)


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(f"{name} is not a text")
    return value
