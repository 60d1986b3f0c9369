"""The connector keeps the contract and gives the rows of its files."""

from decimal import Decimal
from pathlib import Path

import pytest
from ogfd_hello import HelloConfig, ogfd_connector

from ogfd.plugin import FatalError, NotFoundError, Partition, Period, SourceChanged, Stream
from ogfd.testing import Collected, FakeContext, check_connector

pytestmark = pytest.mark.anyio
OCTOBER = Period.month("2026-10")
FILE = """\
period_start,period_end,account_id,service,quantity,unit,billed_cost,currency
2026-10-01T00:00:00Z,2026-10-02T00:00:00Z,42,compute,24,Hrs,1.2000000000000001,EUR
2026-10-02T00:00:00Z,2026-10-03T00:00:00Z,42,storage,,,0.3,EUR
"""


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


def config(directory: Path) -> HelloConfig:
    return HelloConfig.model_validate({"directory": directory, "cost": {}})


async def opened(directory: Path) -> tuple[Stream, Partition]:
    """Return the stream and its partition of October."""
    async with ogfd_connector().open(config(directory), context()) as streams:
        (partition,) = await streams["cost"].partitions(OCTOBER)
        return streams["cost"], partition


async def test_it_keeps_the_contract(directory: Path) -> None:
    """Faults and cancellations at every call neither change rows nor get lost."""
    window = Period.months("2026-10", "2026-11")

    await check_connector(ogfd_connector(), config(directory), window=window, context=context)


async def test_rows_come_as_they_stand_in_the_file(directory: Path) -> None:
    """Money is exact, an empty cell is null, and months outside of the window are not listed."""
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
    """The read is pinned to the version, so that a slice is never a mix."""
    stream, partition = await opened(directory)
    (directory / "2026-10.csv").write_text(FILE + FILE.splitlines()[1] + "\n")

    with pytest.raises(SourceChanged):
        await stream.read(partition, Collected())


async def test_a_cell_that_is_no_amount_is_fatal(directory: Path) -> None:
    """A file that cannot be read in full is not read in part."""
    (directory / "2026-10.csv").write_text(FILE.replace("0.3", "a lot"))
    stream, partition = await opened(directory)

    with pytest.raises(FatalError, match="CSV column"):
        await stream.read(partition, Collected())


async def test_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """No directory is not the same as no months."""
    with pytest.raises(NotFoundError):
        await opened(tmp_path / "gone")
