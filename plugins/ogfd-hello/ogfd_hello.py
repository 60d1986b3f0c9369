# ruff: noqa: INP001 - the distribution is this one module
"""
A connector for a directory of CSV files, one per month: `2026-10.csv`, `2026-11.csv`, ...

The header names columns of ACTIVITY_SCHEMA; period_start and period_end must be among them.
"""

import re
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

import ogfd.plugin as ogfd

TYPES = {f.name: f.type for f in ogfd.ACTIVITY_SCHEMA if f.type != ogfd.LABELS}
FAULTS = {FileNotFoundError: ogfd.ErrorClass.NOT_FOUND, pa.ArrowInvalid: ogfd.ErrorClass.FATAL}
OPTIONS = {"convert_options": csv.ConvertOptions(column_types=TYPES, strings_can_be_null=True)}


class HelloConfig(ogfd.PluginConfig):
    """
    Table of the connector.

    Attributes:
        directory: where the files lie.
        cost: the stream, which has no keys of its own.
    """

    directory: Path
    cost: ogfd.PluginConfig | None = None


@dataclass
class Costs:
    """The stream: each file is a partition, and the digest of its bytes is its version."""

    directory: Path
    ctx: ogfd.Context
    name: str = "cost"

    async def partitions(self, window: ogfd.Period) -> list[ogfd.Partition]:
        found = []
        for file in await self.ctx.call("files:List", lambda: sorted(self.directory.iterdir())):
            monthly = re.fullmatch(r"[12][0-9]{3}-(0[1-9]|1[0-2])\.csv", file.name)
            if monthly and (month := ogfd.Period.month(file.stem)).overlaps(window):
                version = sha256(await self.ctx.call("files:Read", file.read_bytes)).hexdigest()
                found.append(ogfd.Partition(key=file.stem, period=month, version=version))
        return found

    async def read(self, partition: ogfd.Partition, out: ogfd.Output) -> None:
        file = f"{partition.key}.csv"
        content = await self.ctx.call("files:Read", (self.directory / file).read_bytes)
        if sha256(content).hexdigest() != partition.version:
            raise ogfd.SourceChanged(f"{file} was changed since it was listed")
        table = await self.ctx.call("files:Parse", csv.read_csv, pa.py_buffer(content), **OPTIONS)
        for batch in table.to_batches():
            await out.write(batch)


@ogfd.hookimpl
def ogfd_connector() -> ogfd.ConnectorSpec:
    """Announce the connector."""
    return ogfd.ConnectorSpec(
        name="hello",
        provider="hello",
        config=HelloConfig,
        streams={"cost": ogfd.StreamSpec(config=ogfd.PluginConfig, kind=ogfd.Kind.COST)},
        open=lambda config, ctx: nullcontext({"cost": Costs(config.directory, ctx)}),
        mapping_version=1,
        classify=lambda exc: FAULTS.get(type(exc)),
        summary="cost from CSV files in a directory, one file per month",
    )
