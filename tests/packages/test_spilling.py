"""What does not fit into memory goes to disk and comes back as if it had stayed."""

from decimal import Decimal
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from making import batch_of, row

from ogfd.packages.accumulate import Accumulator
from ogfd.packages.groups import aggregated, lines
from ogfd.packages.identity import text_lanes
from ogfd.packages.rows import rows_of
from ogfd.packages.shape import Shape, shaped
from ogfd.plugin import Grain, Kind, Wanted

SLICE = text_lanes("slice", "aws/cost/2026-10")
EVERYTHING = 1 << 40
BLOCKS = 6


def blocks(by_line):
    """Yield blocks with rows in common, columns that come and go, and values of any size."""
    wanted = Wanted(grain=Grain.LINE if by_line else Grain.DAILY, tags=("t",), resource_ids=True)
    for number in range(BLOCKS):
        rows = [
            row(
                service=("S3", "Ünïcode", "")[place % 3],
                resource_id=f"r-{place % 7}" * (1 + 40 * (place % 2)),
                billed_cost=Decimal(place - number),
                metadata={"a": str(place % 2)} if place % 5 else {},
                tags={"t": "xyz"[place % 3]} if place % 2 else {},
                **({"sku": None if place % 4 else "sku"} if number % 3 else {}),
            )
            for place in range(20 + number)
        ]
        made, _ = shaped(rows_of(batch_of(rows)), Shape(kind=Kind.COST, wanted=wanted))
        yield (lines if by_line else aggregated)(made, SLICE)


def gathered(directory, budget, *, by_line):
    """Return all rows with their hashes, and how many runs went to disk."""
    accumulator = Accumulator(directory, budget_bytes=budget, by_line=by_line)
    for block in blocks(by_line):
        accumulator.add(block)
    found = []
    for block in accumulator.blocks():
        hashes = list(zip(*(lane.tolist() for lane in block.lanes), strict=True))
        columns = {name: _plain(block.table[name]) for name in block.table.column_names}
        for place, hashed in enumerate(hashes):
            values = {name: column[place] for name, column in columns.items()}
            found.append((hashed, {name: each for name, each in values.items() if each}))
    return found, len(list(directory.iterdir()))


def _plain(column):
    kind = column.type
    return (column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column).to_pylist()


@pytest.fixture(scope="module")
def gather(tmp_path_factory):
    """Return a function that gathers once what it is asked for, and says where."""

    @cache
    def once(budget, *, by_line):
        directory = tmp_path_factory.mktemp("spill")
        return *gathered(directory, budget, by_line=by_line), directory

    return once


@pytest.mark.parametrize("by_line", [False, True])
def test_rows_are_the_same_whatever_fits(gather, by_line):
    """Sorted by hash, across blocks too; a run for each block, for some, or none."""
    whole, none, _ = gather(EVERYTHING, by_line=by_line)
    spilled = {}
    for budget in (1, 12_000):
        rows, spilled[budget], _ = gather(budget, by_line=by_line)
        assert whole == rows

    assert (0, BLOCKS) == (none, spilled[1])
    assert 1 < spilled[12_000] < BLOCKS if by_line else spilled[12_000] < BLOCKS
    assert [hashed for hashed, _ in whole] == sorted({hashed for hashed, _ in whole})


def test_no_file_stays_open(gather):
    """A large slice has hundreds of runs, and several slices are read at once."""
    _, _, directory = gather(1, by_line=True)

    held = {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
    assert not any(str(directory) in path for path in held)
