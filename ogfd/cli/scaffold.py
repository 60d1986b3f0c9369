"""The files of a new connector plugin: a small one that works, and its test."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def is_plugin_name(name: str) -> bool:
    """Tell whether *name* may name a plugin."""
    return _NAME.fullmatch(name) is not None


def scaffold(name: str) -> dict[str, str]:
    """Return the texts of the distribution ``ogfd-NAME``, by path."""
    module = f"ogfd_{name.replace('-', '_')}"
    texts = {
        "pyproject.toml": _PROJECT,
        "README.md": _README,
        f"{module}.py": _MODULE,
        f"tests/test_{name.replace('-', '_')}.py": _TEST,
    }
    words = {
        "@NAME@": name,
        "@MODULE@": module,
        "@CLASS@": "".join(word.capitalize() for word in name.split("-")),
    }
    return {path: _filled(text, words) for path, text in texts.items()}


def _filled(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


_PROJECT: Final = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "ogfd-@NAME@"
version = "0.1.0"
description = "The connector @NAME@ of ogfd"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["ogfd>=0.1,<0.2", "pyarrow>=20"]

[dependency-groups]
test = ["pytest>=8.4"]

[project.entry-points."ogfd.connectors"]
@NAME@ = "@MODULE@"

[tool.hatch.build.targets.wheel]
packages = ["@MODULE@.py"]
"""

_README: Final = """\
# ogfd-@NAME@

The connector `@NAME@` of ogfd: one CSV file per month, such as `2026-10.csv`.

```
pip install -e . pytest
ogfd plugins try @NAME@
pytest
```

```toml
[connectors.my-@NAME@]
type = "@NAME@"
directory = "/srv/@NAME@"
[connectors.my-@NAME@.cost]
```
"""

_MODULE: Final = """\
\"\"\"
A connector for a directory of CSV files, one per month: `2026-10.csv`, `2026-11.csv`, ...

The header names columns of ACTIVITY_SCHEMA; period_start and period_end must be among them.
\"\"\"

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


class @CLASS@Config(ogfd.PluginConfig):
    \"\"\"
    Table of the connector.

    Attributes:
        directory: where the files lie.
        cost: the stream, which has no keys of its own.
    \"\"\"

    directory: Path
    cost: ogfd.PluginConfig | None = None


@dataclass
class Costs:
    \"\"\"The stream: each file is a partition, and the digest of its bytes is its version.\"\"\"

    directory: Path
    ctx: ogfd.Context
    name: str = "cost"

    async def partitions(self, window: ogfd.Period) -> list[ogfd.Partition]:
        found = []
        for file in await self.ctx.call("files:List", lambda: sorted(self.directory.iterdir())):
            monthly = re.fullmatch(r"[12][0-9]{3}-(0[1-9]|1[0-2])\\.csv", file.name)
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
    \"\"\"Announce the connector.\"\"\"
    return ogfd.ConnectorSpec(
        name="@NAME@",
        provider="@NAME@",
        config=@CLASS@Config,
        streams={"cost": ogfd.StreamSpec(config=ogfd.PluginConfig, kind=ogfd.Kind.COST)},
        open=lambda config, ctx: nullcontext({"cost": Costs(config.directory, ctx)}),
        mapping_version=1,
        classify=lambda exc: FAULTS.get(type(exc)),
        summary="cost from CSV files in a directory, one file per month",
    )
"""

_TEST: Final = """\
\"\"\"The connector keeps the contract and gives the rows of its files.\"\"\"

from decimal import Decimal
from pathlib import Path

import pytest
from @MODULE@ import @CLASS@Config, ogfd_connector

from ogfd.plugin import FatalError, NotFoundError, Partition, Period, SourceChanged, Stream
from ogfd.testing import Collected, FakeContext, check_connector

pytestmark = pytest.mark.anyio
OCTOBER = Period.month("2026-10")
FILE = \"\"\"\\
period_start,period_end,account_id,service,quantity,unit,billed_cost,currency
2026-10-01T00:00:00Z,2026-10-02T00:00:00Z,42,compute,24,Hrs,1.2000000000000001,EUR
2026-10-02T00:00:00Z,2026-10-03T00:00:00Z,42,storage,,,0.3,EUR
\"\"\"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "2026-10.csv").write_text(FILE)
    (tmp_path / "2026-11.csv").write_text(FILE.replace("2026-10", "2026-11"))
    for name in ("notes", "data-v1", "2026-13", "2026-10-old"):
        (tmp_path / f"{name}.csv").write_text("not a month")
    return tmp_path


def context() -> FakeContext:
    return FakeContext(classify=ogfd_connector().classify)


def config(directory: Path) -> @CLASS@Config:
    return @CLASS@Config.model_validate({"directory": directory, "cost": {}})


async def opened(directory: Path) -> tuple[Stream, Partition]:
    \"\"\"Return the stream and its partition of October.\"\"\"
    async with ogfd_connector().open(config(directory), context()) as streams:
        (partition,) = await streams["cost"].partitions(OCTOBER)
        return streams["cost"], partition


async def test_it_keeps_the_contract(directory: Path) -> None:
    \"\"\"Faults and cancellations at every call neither change rows nor get lost.\"\"\"
    window = Period.months("2026-10", "2026-11")

    await check_connector(ogfd_connector(), config(directory), window=window, context=context)


async def test_rows_come_as_they_stand_in_the_file(directory: Path) -> None:
    \"\"\"Money is exact, an empty cell is null, and months outside of the window are not listed.\"\"\"
    stream, partition = await opened(directory)
    out = Collected()
    await stream.read(partition, out)
    first, second = out.rows()

    assert "2026-10" == partition.key
    assert Decimal("1.2000000000000001") == first["billed_cost"]
    assert ("42", "compute", Decimal(24)) == (
        first["account_id"],
        first["service"],
        first["quantity"],
    )
    assert "unit" not in second


async def test_a_file_that_changes_after_it_was_listed_is_not_read(directory: Path) -> None:
    \"\"\"The read is pinned to the version, so that a slice is never a mix.\"\"\"
    stream, partition = await opened(directory)
    (directory / "2026-10.csv").write_text(FILE + FILE.splitlines()[1] + "\\n")

    with pytest.raises(SourceChanged):
        await stream.read(partition, Collected())


async def test_a_cell_that_is_no_amount_is_fatal(directory: Path) -> None:
    \"\"\"A file that cannot be read in full is not read in part.\"\"\"
    (directory / "2026-10.csv").write_text(FILE.replace("0.3", "a lot"))
    stream, partition = await opened(directory)

    with pytest.raises(FatalError, match="CSV column"):
        await stream.read(partition, Collected())


async def test_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    \"\"\"No directory is not the same as no months.\"\"\"
    with pytest.raises(NotFoundError):
        await opened(tmp_path / "gone")
"""
