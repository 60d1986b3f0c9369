"""
Finds a carbon export and its months in a bucket, by what is listed; no path is put together.

    <prefix>/<export>/metadata/carbon_model_version=v3.0.0/usage_period=2026-08/<export>-Manifest.json
                      data/carbon_model_version=v3.0.0/usage_period=2026-08/<export>-00001.csv.gz
                      data/carbon_model_version=v3.0.0/usage_period=2026-08/<time>-<execution>/...

The pages of AWS call the first folder ``model_version=``, a reader of real deliveries
(``cmd/cost/carbonreport.go`` of openshift/osdctl) ``carbon_model_version=``. Either is taken, in any
case and order. That manifests lie as those of the other exports do is by analogy.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-carbon-emissions.html
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ogfd.plugin import BadRequestError, NotFoundError, Period
from ogfd_aws.bucket import Bucket, Listed
from ogfd_aws.config import CarbonExportConfig
from ogfd_aws.exports.roots import find

_METADATA: Final = "metadata/"
_DATA: Final = "data/"
_MODEL: Final = re.compile(r"(?:carbon_)?model_version=(.+)", re.IGNORECASE)
_MONTH: Final = re.compile(r"usage_period=([12]\d{3}-(?:0[1-9]|1[0-2]))", re.IGNORECASE)
_LEVELS: Final = 2  # a folder of the model and one of the month


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A carbon export: its *name* and the literal *root* of its keys."""

    name: str
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """
    One month of an export by one model.

    Attributes:
        key: ``YYYY-MM``.
        model: version of the carbon model, in lower case.
        manifest: key of the manifest that names the current files.
        etag: of the manifest.
        root: of the export; no file of it lies elsewhere.
    """

    key: str
    model: str
    manifest: str
    etag: str
    root: str

    @property
    def period(self) -> Period:
        """The month itself."""
        return Period.month(self.key)

    @property
    def version(self) -> str:
        """What changes when AWS delivers the month anew, or by another model."""
        return f"{self.model} {self.etag}"

    def owns(self, key: str) -> bool:
        """Return whether *key* may be a file of this month and model."""
        data = f"{self.root}{_DATA}"
        if not key.startswith(data) or ".." in key.split("/"):
            return False
        found = _partition(key.removeprefix(data))
        return found is not None and found == (self.key, self.model)

    def overwrites(self, key: str) -> bool:
        """Return whether a delivery puts its file *key* in the place of an older one."""
        return key.removeprefix(f"{self.root}{_DATA}").count("/") == _LEVELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """
    What an export holds.

    Attributes:
        delivered: month to model version to the month, for those that have a manifest.
        begun: months and models of which there are folders and no manifest.
    """

    delivered: Mapping[str, Mapping[str, Month]] = field(default_factory=dict)
    begun: frozenset[tuple[str, str]] = frozenset()


async def find_export(bucket: Bucket, config: CarbonExportConfig) -> Export:
    """
    Find the one carbon export that *config* names.

    Raises:
        NotFoundError: if there is none.
        BadRequestError: if there are several, or too many folders to look into.
        SourceError: if the bucket cannot be listed.
    """

    async def look(root: str, name: str, folders: tuple[str, ...]) -> list[Export]:
        for inner in (f"{root}{_METADATA}", f"{root}{_DATA}"):
            if inner not in folders:
                continue
            parts = (_last(folder) for folder in (await bucket.level(inner)).folders)
            if any(_MODEL.fullmatch(part) or _MONTH.fullmatch(part) for part in parts):
                return [Export(name=name, root=root)]
        return []

    listed = await find(bucket, config.prefix, config.export, look)
    found = {export.root: export for export in listed}
    if not found:
        name = f" {config.export}" if config.export else ""
        raise NotFoundError(
            f"no carbon export{name} under s3://{bucket.name}/{config.prefix}",
            hint="check bucket, prefix and export; AWS delivers a new export within 24 hours",
        )
    if len(found) > 1:
        raise BadRequestError(
            f"s3://{bucket.name} holds several carbon exports: {', '.join(sorted(found))}",
            hint="set export to the name of one of them, or make prefix more exact",
        )
    return next(iter(found.values()))


async def catalogue(bucket: Bucket, export: Export) -> Catalogue:
    """
    List what *export* holds: manifests at once, folders of data once a model.

    Raises:
        SourceError: if the bucket cannot be listed.
    """
    metadata = f"{export.root}{_METADATA}"
    begun: set[tuple[str, str]] = set()
    candidates: dict[tuple[str, str], dict[str, Listed]] = {}
    for key, listed in (await bucket.below(metadata)).items():
        inside = key.removeprefix(metadata)
        if (partition := _partition(inside)) is None:
            continue
        begun.add(partition)
        if inside.count("/") == _LEVELS and inside.casefold().endswith("manifest.json"):
            candidates.setdefault(partition, {})[key] = listed
    begun |= await _with_data(bucket, f"{export.root}{_DATA}")
    delivered: dict[str, dict[str, Month]] = {}
    for (key, model), manifests in candidates.items():
        manifest = _current(manifests, export)
        delivered.setdefault(key, {})[model] = Month(
            key=key,
            model=model,
            manifest=manifest,
            etag=manifests[manifest].etag,
            root=export.root,
        )
    return Catalogue(delivered=delivered, begun=frozenset(begun - candidates.keys()))


async def _with_data(bucket: Bucket, data: str) -> set[tuple[str, str]]:
    """Return the months and models that have a folder of data."""
    found = set()
    for outer in (await bucket.level(data)).folders:
        if _MODEL.fullmatch(_last(outer)) or _MONTH.fullmatch(_last(outer)):
            for inner in (await bucket.level(outer)).folders:
                found.add(_partition(inner.removeprefix(data)))
    return {partition for partition in found if partition is not None}


def _current(manifests: Mapping[str, Listed], export: Export) -> str:
    """
    Return the key of the manifest that counts.

    Deliveries leave one in a folder, by the name of the export. There may be two, if AWS wrote the
    folder in another case at some time, and other names, if the export was copied to another folder.
    """
    named = f"/{export.name}-Manifest.json".casefold()
    own = [key for key in manifests if key.casefold().endswith(named)]
    return max(own or manifests, key=lambda key: (manifests[key].written, key))


def _partition(inside: str) -> tuple[str, str] | None:
    """Return month and model of a key below the folder of data or of manifests."""
    folders = inside.split("/")[:_LEVELS]
    months = [found[1] for one in folders if (found := _MONTH.fullmatch(one))]
    models = [found[1] for one in folders if (found := _MODEL.fullmatch(one))]
    return (months[0], models[0].casefold()) if months and models else None


def _last(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]
