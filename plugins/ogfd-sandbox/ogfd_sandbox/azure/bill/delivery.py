"""
A month as Cost Management delivers it to a container.

    <directory>/<export>/20260801-20260831/<run id>/part_0_0001.csv.gz ...
    <directory>/<export>/20260801-20260831/<run id>/manifest.json                           the last

    <directory>/<export>/20260801-20260831/202609020600/<run id>/000001.csv ...     manifest of 2021

Every run is a complete month to date, in a folder of its own; with `Overwrite.PREVIOUS` the runs
before it go. Azure writes a manifest after the files that it names.
https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports, 2025-09
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from ogfd_sandbox.azure.bill.assembly import Bill
from ogfd_sandbox.azure.bill.datasets import Dataset, Files, Format

MANIFEST: Final = "manifest.json"

TimeFrame = Literal["MonthToDate", "TheLastMonth", "OneTime"]


class Overwrite(StrEnum):
    """``dataOverwriteBehavior``."""

    NEW = "CreateNewReport"
    PREVIOUS = "OverwritePreviousReport"


class Generation(StrEnum):
    """The form of a manifest, by the version it bears or, for the second, that of its API."""

    Y2021 = "2021-01-01"
    Y2023 = "2023-07-01-preview"


class Store(Protocol):
    """Where `put` puts blobs; `ogfd_sandbox.azure.server.AzureServer` is one."""

    def put_blob(self, container: str, name: str, body: bytes) -> object:
        """Store *body* under *name*."""
        ...

    def delete_blob(self, container: str, name: str) -> None:
        """Delete *name*."""
        ...

    def blobs(self, container: str, prefix: str = "") -> list[str]:
        """Return the names that begin with *prefix*."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    An export: where it goes, and how.

    Attributes:
        container: its container.
        export: its name.
        directory: its ``rootFolderPath``; may be empty.
        dataset: what it exports.
        format: of the files.
        overwrite: what becomes of the run before.
        generation: the form of the manifest.
        time_frame: how its periods are chosen. ``OneTime`` has the days of the bill in the name
            of its folder, others the month.
        scope: whose costs; the whole billing account's if empty.
        account: resource id of the storage account.
    """

    container: str = "exports"
    export: str = "acme-costs"
    directory: str = "costs"
    dataset: Dataset = Dataset.FOCUS_1_0
    format: Format = Format.GZIP
    overwrite: Overwrite = Overwrite.NEW
    generation: Generation = Generation.Y2023
    time_frame: TimeFrame = "MonthToDate"
    scope: str = ""
    account: str = (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/finance"
        "/providers/Microsoft.Storage/storageAccounts/acmecosts"
    )

    @property
    def root(self) -> str:
        """What the names of all its blobs begin with."""
        return f"{self.directory}/{self.export}/" if self.directory else f"{self.export}/"

    def folder(self, bill: Bill) -> str:
        """Return the folder of the period of *bill*, whose runs are versions of each other."""
        month = bill.month
        days = bill.through_day if self.time_frame == "OneTime" else month.days
        last = month.start + timedelta(days=days - 1)
        return f"{self.root}{month.start:%Y%m%d}-{last:%Y%m%d}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One run of an export.

    Attributes:
        run_id: of the run.
        submitted: when it was asked for.
        blobs: name to content, in the order of delivery: the manifest is the last.
        manifest: the name of the manifest.
        folder: the folder of the period.
        overwrite: what becomes of other blobs of *folder*.
    """

    run_id: str
    submitted: datetime
    blobs: Mapping[str, bytes]
    manifest: str
    folder: str
    overwrite: Overwrite


def deliver(
    bill: Bill, place: Place, *, run_id: str | None = None, submitted: datetime | None = None
) -> Delivery:
    """
    Return the run that exports *bill*.

    Args:
        bill: the bill; what is outside the scope of *place* is left out.
        place: the export.
        run_id: of the run; one that is the same at every call if None.
        submitted: when the run was asked for, with its zone; the morning after the last day of
            the bill, and half a day later for each restatement, if None.

    Raises:
        ValueError: if the customer has no such scope.
    """
    run = _run(bill, place, run_id, submitted)
    files = Files(run.bill, place.dataset, place.format)
    blobs = {run.name(number): files.content(number) for number in range(len(files))}
    sizes = {name: len(content) for name, content in blobs.items()}
    blobs[run.folder + MANIFEST] = run.manifest(files, sizes)
    return Delivery(
        run_id=run.id,
        submitted=run.submitted,
        blobs=blobs,
        manifest=run.folder + MANIFEST,
        folder=place.folder(bill),
        overwrite=place.overwrite,
    )


def write_month(bill: Bill, place: Place, directory: Path) -> list[tuple[str, Path]]:
    """
    Write the blobs of a run under *directory*, with no more than some rows in memory.

    Returns:
        Name and file of each blob in the order of delivery, the manifest last.
    """
    run = _run(bill, place, None, None)
    files = Files(run.bill, place.dataset, place.format)
    written = [(run.name(number), directory / run.name(number)) for number in range(len(files))]
    (directory / run.folder).mkdir(parents=True, exist_ok=True)
    for number, (_, path) in enumerate(written):
        files.write(number, path)
    sizes = {name: path.stat().st_size for name, path in written}
    manifest = directory / run.folder / MANIFEST
    manifest.write_bytes(run.manifest(files, sizes))
    return [*written, (run.folder + MANIFEST, manifest)]


def put(store: Store, delivery: Delivery, container: str) -> None:
    """Put *delivery* into *container* of *store*, and delete what it overwrites."""
    for name, content in delivery.blobs.items():
        store.put_blob(container, name, content)
    if delivery.overwrite is Overwrite.PREVIOUS:
        for name in store.blobs(container, delivery.folder):
            if name not in delivery.blobs:
                store.delete_blob(container, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run of *place*; *bill* is what its scope sees."""

    id: str
    bill: Bill
    place: Place
    submitted: datetime

    @property
    def folder(self) -> str:
        period = self.place.folder(self.bill)
        if self.place.generation is Generation.Y2021:
            period += f"{self.submitted:%Y%m%d%H%M}/"
        return f"{period}{self.id}/"

    def name(self, number: int) -> str:
        """Return the name of file *number*, counted from 0."""
        if self.place.generation is Generation.Y2021:
            return f"{self.folder}{number + 1:06}{self.place.format.value}"
        return f"{self.folder}part_{number}_0001{self.place.format.value}"

    def manifest(self, files: Files, sizes: Mapping[str, int]) -> bytes:
        old = self.place.generation is Generation.Y2021
        blobs = [
            {
                "blobName": name,
                "byteCount": size,
                "dataRowCount": files.rows(number),
                **({"headerRowCount": 1} if old else {}),
            }
            for number, (name, size) in enumerate(sizes.items())
        ]
        counts = {
            "byteCount": sum(sizes.values()),
            "blobCount": len(blobs),
            "dataRowCount": sum(files.rows(number) for number in range(len(files))),
        }
        if old:
            head = {
                "manifestVersion": self.place.generation.value,
                "dataFormat": self.place.format.words[0].lower(),
            }
            content = {**head, **counts, "blobs": blobs}
        else:
            content = {"manifestVersion": "2024-04-01", **counts, **self._told(), "blobs": blobs}
        return json.dumps(content, indent=2).encode()

    def _told(self) -> dict[str, Any]:
        """What manifests since 2023 say of the export and of its run."""
        place, month = self.place, self.bill.month
        scope = (place.scope or self.bill.book.scope).strip("/")
        packed, compression = place.format.words
        last = month.start + timedelta(days=self.bill.through_day - 1)
        return {
            "exportConfig": {
                "exportName": place.export,
                "resourceId": f"/{scope}/providers/Microsoft.CostManagement/exports/{place.export}",
                "dataVersion": place.dataset.data_version,
                "apiVersion": Generation.Y2023.value,
                "type": place.dataset.type,
                "timeFrame": place.time_frame,
                "granularity": "Daily",
            },
            "deliveryConfig": {
                "partitionData": True,
                "dataOverwriteBehavior": place.overwrite.value,
                "fileFormat": packed,
                "compressionMode": compression,
                "containerUri": place.account,
                "rootFolderPath": place.directory,
            },
            "runInfo": {
                "executionType": "OnDemand" if place.time_frame == "OneTime" else "Scheduled",
                # seven digits of a second, as .NET writes them
                "submittedTime": f"{self.submitted.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z",
                "runId": self.id,
                "startDate": f"{month.start:%Y-%m-%dT%H:%M:%S}",
                "endDate": f"{last:%Y-%m-%dT%H:%M:%S}",
            },
        }


def _run(bill: Bill, place: Place, run_id: str | None, submitted: datetime | None) -> _Run:
    if submitted is None:
        last = bill.month.start + timedelta(days=bill.through_day)
        submitted = last + timedelta(hours=6 + 12 * bill.revision, microseconds=103_207)
    purpose = ("run", bill.month, bill.revision, bill.through_day, submitted.isoformat(), place)
    return _Run(
        id=run_id or bill.settings.uuid(*purpose),
        bill=bill.within(place.scope),
        place=place,
        submitted=submitted,
    )
