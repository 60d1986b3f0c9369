"""
Sealed packages on disk.

    <package>/
        rows.parquet     activities, sorted by activity_id
        rejects.jsonl    rows that could not be used
        manifest.json    what the package is, digests of the files, and its own digest

A package is a directory that was renamed into place after all of it was on disk. What does not
verify is no package: the rows can always be read again from the source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ogfd.packages.disk import file_digest, sync
from ogfd.plugin import ACTIVITY_SCHEMA, Claim, Kind, OgfdError, PackageInfo, Period, SumRow

ROWS_FILE: Final = "rows.parquet"
REJECTS_FILE: Final = "rejects.jsonl"
MANIFEST_FILE: Final = "manifest.json"
_FORMAT: Final = 1
_BATCH_ROWS: Final = 65_536


class DamagedPackage(OgfdError):  # noqa: N818 - says what the package is
    """A package on disk does not verify."""


@dataclass(frozen=True, kw_only=True)
class SealedPackage:
    """
    A verified package; see `ogfd.plugin.Package`.

    Attributes:
        path: its directory.
        info: what it is.
        fate: counts of source rows, as `RowFate.counts` gives them.
        bytes: size of its files.
        bases: the generation of the slice in each sink when its read began.
    """

    path: Path
    info: PackageInfo
    fate: Mapping[str, Any]
    bytes: int
    bases: Mapping[str, int]

    def batches(self, columns: Sequence[str] = ACTIVITY_SCHEMA.names) -> Iterator[pa.RecordBatch]:
        """Yield *columns* as in ``ACTIVITY_SCHEMA``, sorted by ``activity_id``. Blocking."""
        schema = pa.schema([ACTIVITY_SCHEMA.field(name) for name in columns])
        with pq.ParquetFile(self.path / ROWS_FILE) as file:
            for batch in file.iter_batches(
                batch_size=_BATCH_ROWS, columns=list(columns), use_threads=False
            ):
                yield batch.select(schema.names).cast(schema)

    def rejects(self) -> list[dict[str, Any]]:
        """Return the kept rejected rows. Blocking."""
        with (self.path / REJECTS_FILE).open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def approved(self, actor: str, reason: str) -> SealedPackage:
        """Return the same package with an approval that goes to the history of the sink."""
        return replace(self, info=replace(self.info, actor=actor, reason=reason))


def write_manifest(
    directory: Path, info: PackageInfo, fate: Mapping[str, Any], bases: Mapping[str, int]
) -> None:
    """Digest and fsync the files of *directory* and write its manifest. Blocking."""
    files = {}
    for name in (ROWS_FILE, REJECTS_FILE):
        path = directory / name
        files[name] = {"bytes": path.stat().st_size, "blake2b": file_digest(path)}
        sync(path)
    body = {
        "format": _FORMAT,
        "info": _info_json(info),
        "fate": dict(fate),
        "bases": dict(bases),
        "files": files,
    }
    text = json.dumps({"body": body, "digest": _digest(body)}, indent=1, ensure_ascii=False)
    path = directory / MANIFEST_FILE
    path.write_text(text, encoding="utf-8")
    sync(path)


def open_package(directory: Path) -> SealedPackage:
    """
    Open and verify a package. Blocking: reads all of it.

    Raises:
        DamagedPackage: if a file is missing, cut or changed.
    """
    try:
        body = _manifest(directory)
        size = 0
        for name, expected in body["files"].items():
            path = directory / name
            if path.stat().st_size != expected["bytes"] or file_digest(path) != expected["blake2b"]:
                raise DamagedPackage(f"{name} of package {directory.name} does not verify")
            size += expected["bytes"]
        return SealedPackage(
            path=directory,
            info=_info(body["info"]),
            fate=body["fate"],
            bytes=size,
            bases=body["bases"],
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DamagedPackage(f"package {directory.name} cannot be read: {exc}") from exc


def read_info(directory: Path) -> PackageInfo:
    """
    Read what a package says of itself; its rows are not looked at. Blocking.

    Raises:
        DamagedPackage: if the manifest is missing, cut or changed.
    """
    try:
        return _info(_manifest(directory)["info"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DamagedPackage(f"package {directory.name} cannot be read: {exc}") from exc


def _manifest(directory: Path) -> dict[str, Any]:
    document = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
    body: dict[str, Any] = document["body"]
    if document["digest"] != _digest(body) or body["format"] != _FORMAT:
        raise DamagedPackage(f"the manifest of package {directory.name} does not verify")
    return body


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=32).hexdigest()


def _info_json(info: PackageInfo) -> dict[str, Any]:
    fields = {name: getattr(info, name) for name in info.__dataclass_fields__}
    fields["period"] = [info.period.start.isoformat(), info.period.end.isoformat()]
    fields["breakdown"] = [asdict(row) for row in info.breakdown]
    fields["claims"] = [asdict(claim) for claim in info.claims]
    return fields


def _info(fields: dict[str, Any]) -> PackageInfo:
    start, end = (datetime.fromisoformat(text) for text in fields["period"])
    claims = [Claim(**{**claim, "kind": Kind(claim["kind"])}) for claim in fields["claims"]]
    known = {
        **fields,
        "kind": Kind(fields["kind"]),
        "period": Period(start, end),
        "breakdown": tuple(SumRow(**row) for row in fields["breakdown"]),
        "claims": tuple(claims),
        "billing_periods": _tuple(fields.get("billing_periods")),
        "days": _tuple(fields.get("days")),
    }
    return PackageInfo(**known)


def _tuple(items: list[str] | None) -> Any:
    return None if items is None else tuple(items)
