"""From a bound stream and a partition to the header, shape and recipe of a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ogfd.packages import PIPELINE_VERSION, PackageHeader, Shape
from ogfd.plugin import FatalError, Partition, PartitionState, PluginConfig
from ogfd.registry import BoundConnector, BoundStream
from ogfd.slices import Recipe, recipe

_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What all slices of a stream share; *sinks* are the sinks that the connector feeds."""

    connector: BoundConnector
    stream: BoundStream
    org_id: str
    sinks: tuple[str, ...]
    shape: Shape
    recipe: Recipe

    def slice(self, partition: Partition) -> str:
        """Return the name of the slice."""
        return f"{self.connector.name}/{self.stream.name}/{partition.key}"

    def header(self, partition: Partition) -> PackageHeader:
        """Return what a package of *partition* says of itself."""
        return PackageHeader(
            slice=self.slice(partition),
            org_id=self.org_id,
            provider=self.connector.spec.provider,
            connector=self.connector.name,
            stream=self.stream.name,
            partition=partition.key,
            kind=self.stream.spec.kind,
            period=partition.period,
            closed=partition.state is PartitionState.CLOSED,
            source=partition.source,
            version=partition.version,
            recipe=self.recipe.id,
            recipe_body=self.recipe.body,
        )


def blueprint(
    connector: BoundConnector, stream: BoundStream, *, org_id: str, sinks: Sequence[str]
) -> Blueprint:
    """Make the blueprint of a stream."""
    table = connector.table
    org = table.org_id or org_id
    wanted = stream.wanted
    body: dict[str, Any] = {
        "type": connector.spec.name,
        "mapping_version": connector.spec.mapping_version,
        "pipeline_version": PIPELINE_VERSION,
        "org_id": org,
        "grain": str(wanted.grain),
        "tags": sorted(wanted.tags),
        "resource_ids": wanted.resource_ids,
        "accounts": {
            "include": sorted(table.accounts.include),
            "exclude": sorted(table.accounts.exclude),
        },
        "config": connector.config.shaping(),
        "stream": _stream_config(connector, stream.name).shaping(),
    }
    shape = Shape(kind=stream.spec.kind, wanted=wanted, account_kept=table.accounts.keeps)
    return Blueprint(
        connector=connector,
        stream=stream,
        org_id=org,
        sinks=tuple(sinks),
        shape=shape,
        recipe=recipe(body),
    )


def checked(partitions: Sequence[Partition]) -> list[Partition]:
    """
    Return the partitions newest first.

    Raises:
        FatalError: if a key comes twice, is empty, too long or holds control characters.
    """
    seen = set()
    for partition in partitions:
        key = partition.key
        if not key or len(key) > _LONGEST_KEY or not key.isprintable():
            raise FatalError(f"the connector lists a partition with the key {key[:200]!r}")
        if key in seen:
            raise FatalError(f"the connector lists the partition {key!r} twice")
        seen.add(key)
    return sorted(partitions, key=lambda each: (each.period.end, each.key), reverse=True)


def _stream_config(connector: BoundConnector, stream: str) -> PluginConfig:
    config = getattr(connector.config, stream, None)
    return config if isinstance(config, PluginConfig) else PluginConfig()
