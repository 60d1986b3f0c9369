"""The bare floor: inflate with ISA-L and parse the projected columns with pyarrow, keep nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
from isal import igzip
from pyarrow import csv

from benchmarks.columns import Projection, projections

BLOCK_BYTES: Final = 1 << 20


def batches(path: Path, found: Projection, words: pa.DataType) -> Iterator[pa.RecordBatch]:
    """Yield the projected columns of a gzipped report."""
    kinds = dict.fromkeys(found.words, words) | dict.fromkeys(found.amounts, pa.float64())
    kinds[found.resource] = pa.string()
    convert = csv.ConvertOptions(
        column_types=kinds,
        include_columns=found.columns,
        null_values=[""],
        strings_can_be_null=True,
    )
    parse = csv.ParseOptions(newlines_in_values=True)
    read = csv.ReadOptions(block_size=BLOCK_BYTES)
    with igzip.open(path, "rb") as stream:
        yield from csv.open_csv(
            stream, read_options=read, parse_options=parse, convert_options=convert
        )


def main() -> None:
    """Print how many rows the files have that follow their listing on the command line."""
    codes = pa.dictionary(pa.int32(), pa.string())
    rows = 0
    for path, found in projections(sys.argv[1], sys.argv[2:]).items():
        for batch in batches(path, found, codes):
            rows += batch.num_rows
    print(rows)


if __name__ == "__main__":
    main()
