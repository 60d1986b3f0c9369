"""
The manifest of a run: what was exported, over which days, in which blobs.

    2021-01-01           blobs and counts; the days and the run stand in its path alone:
                         .../<export>/20260801-20260831/202609020600/<run>/manifest.json
    2023-07-01-preview   and later: also exportConfig (whose costs, as which dataset) and runInfo
                         (when, over which days)

Azure writes it after the blobs that it names.
https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from ogfd.plugin import FatalError
from ogfd_azure.exports.dates import instant

NAMES: Final = frozenset({"manifest.json", "_manifest.json"})
MAX_BYTES: Final = 5 << 20
MAX_PARTS: Final = 20_000

_DAYS: Final = re.compile(r"(\d{8})-(\d{8})")
_MINUTE: Final = re.compile(r"\d{12}")
_ZONE: Final = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
_EXPORTS: Final = "/providers/microsoft.costmanagement/exports/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A blob of a run: its *name* in the container, and how many *rows* it has, if that is told."""

    name: str
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """
    What runs are of.

    Attributes:
        name: of the export.
        kind: ``FocusCost``, ``ActualCost``, ``AmortizedCost``, ``Usage``, ...; empty if nobody
            tells.
        scope: whose costs, such as ``/subscriptions/ID``, in lower case; empty if nobody tells.
        root: the folder of its runs.
    """

    name: str
    kind: str
    scope: str
    root: str

    @property
    def costs(self) -> str:
        """Which costs it has, whatever it is called: dataset and scope, or else its folder."""
        return f"{self.kind} of {self.scope}" if self.scope else self.root


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    One run of an export.

    Attributes:
        manifest: name of the manifest.
        export: what it is a run of.
        version: of the dataset, such as ``1.0``; empty if nobody tells.
        id: of the run.
        submitted: when it was asked for, in UTC.
        first: the first day.
        last: the last day, which is part of it.
        parts: its blobs.
        rows: how many they have together, if that is told.
    """

    manifest: str
    export: Export
    version: str
    id: str
    submitted: datetime
    first: date
    last: date
    parts: tuple[Part, ...]
    rows: int | None

    @property
    def age(self) -> tuple[datetime, str]:
        """Where it stands among the runs of a month: the newest one counts."""
        return self.submitted, self.id

    @property
    def reach(self) -> date:
        """The last day that it may have costs of: a run of days to come has those until it was."""
        return min(self.last, self.submitted.date())

    @property
    def span(self) -> str:
        """Its days, for messages."""
        return f"{self.first} to {self.last}"


class _Wrong(Exception):  # noqa: N818 - becomes a FatalError that names the manifest
    """What is wrong with a manifest."""


def parse(body: bytes, name: str, modified: datetime) -> Run:
    """
    Read a manifest strictly.

    Args:
        body: of the blob.
        name: of the blob.
        modified: when it was written: when the run was asked for, if the manifest does not tell.

    Raises:
        FatalError: if it is malformed, or names no blobs although it has rows, or one twice.
    """
    try:
        return _run(_document(body), name, modified)
    except _Wrong as exc:
        raise FatalError(
            f"{name} is no manifest of a cost export that can be read: {exc}",
            hint="if it belongs to something else, make prefix more exact",
        ) from None


def _run(told: dict[str, Any], name: str, modified: datetime) -> Run:
    root, days = _placed(name)
    config, info = _section(told, "exportConfig"), _section(told, "runInfo")
    if info:
        first, last = (_day(info, key) for key in ("startDate", "endDate"))
    elif days is not None:
        first, last = days
    else:
        raise _Wrong("neither runInfo nor its path tells of which days it is")
    if last < first:
        raise _Wrong(f"it ends on {last}, before it begins on {first}")
    parts = _parts(told)
    folder = name.rpartition("/")[0]
    return Run(
        manifest=name,
        export=Export(
            name=_text(config, "exportName") or root.rstrip("/").rpartition("/")[2],
            kind=_text(config, "type"),
            scope=_scope(_text(config, "resourceId")),
            root=root,
        ),
        version=_text(config, "dataVersion"),
        id=_text(info, "runId") or folder.rpartition("/")[2],
        submitted=instant(_text(info, "submittedTime")) or _minute(folder) or modified,
        first=first,
        last=last,
        parts=parts,
        rows=_rows(told, parts),
    )


def _parts(told: dict[str, Any]) -> tuple[Part, ...]:
    blobs = told.get("blobs")
    if not isinstance(blobs, list) or not all(isinstance(blob, dict) for blob in blobs):
        raise _Wrong("blobs is not a list of blobs")
    if len(blobs) > MAX_PARTS:
        raise _Wrong(f"it names {len(blobs)} blobs; at most {MAX_PARTS} are read")
    count = _count(told, "blobCount")
    if count is not None and count != len(blobs):
        raise _Wrong(f"blobCount is {count}, but it names {len(blobs)} blobs")
    parts = tuple(
        Part(name=_text(blob, "blobName"), rows=_count(blob, "dataRowCount")) for blob in blobs
    )
    names = [part.name for part in parts]
    if not all(names):
        raise _Wrong("a blob has no blobName")
    if len(set(names)) < len(names):
        raise _Wrong(f"it names {next(one for one in names if names.count(one) > 1)} twice")
    return parts


def _rows(told: dict[str, Any], parts: Sequence[Part]) -> int | None:
    rows = _count(told, "dataRowCount")
    counted = rows if rows is not None else _count(told, "blobCount")
    # An empty month must be said by somebody: the first manifests with runInfo have no counts.
    if not parts and (counted or (counted is None and not told.get("runInfo"))):
        raise _Wrong(f"it names no blobs, and dataRowCount is {rows} rather than 0")
    known = [part.rows for part in parts if part.rows is not None]
    if rows is not None and len(known) == len(parts) and sum(known) != rows:
        raise _Wrong(f"dataRowCount is {rows}, but its blobs have {sum(known)} rows")
    return rows


def _placed(name: str) -> tuple[str, tuple[date, date] | None]:
    """Return the folder of the export in the path of a manifest, and the days of the run in it."""
    folders = name.split("/")[:-1]
    for place, folder in enumerate(folders):
        found = _DAYS.fullmatch(folder)
        days = [_compact(text) for text in found.groups()] if found else []
        if len(days) == 2 and days[0] and days[1]:
            return "/".join([*folders[:place], ""]), (days[0], days[1])
    return "/".join([*folders, ""]) if folders else "", None


def _minute(folder: str) -> datetime | None:
    """Return when a run was made, if a folder on its path says so."""
    found = [name for name in folder.split("/") if _MINUTE.fullmatch(name)]
    return instant(f"{found[-1][:8]}T{found[-1][8:]}") if found else None


def _compact(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _scope(resource: str) -> str:
    """Return what an export is of, given its resource id."""
    lowered = f"/{resource.strip('/')}".lower() if resource else ""
    return lowered.partition(_EXPORTS)[0]


def _day(info: Mapping[str, Any], key: str) -> date:
    text = _text(info, key)
    moment = instant(_ZONE.sub("", text))  # a day of a bill is the day that is written
    if moment is None:
        raise _Wrong(f"runInfo.{key} is {text!r}, which is no time")
    return moment.date()


def _section(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = told.get(key) or {}
    if not isinstance(value, dict):
        raise _Wrong(f"{key} is not an object")
    return value


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(f"{key} is not a text")
    return value


def _count(told: Mapping[str, Any], key: str) -> int | None:
    value = told.get(key)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise _Wrong(f"{key} is {value!r}, which is no number of things")
    return value


def _document(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as exc:
        raise _Wrong(f"it is not JSON: {exc}") from None
    if not isinstance(told, dict):
        raise _Wrong("it is not a JSON object")
    return told
