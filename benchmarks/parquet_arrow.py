"""The bare floor for Parquet: decode the projected columns with pyarrow, keep nothing."""

from __future__ import annotations

import sys
from typing import Final

import pyarrow.parquet as pq

from benchmarks.columns import projections

BATCH_ROWS: Final = 1 << 15


def main() -> None:
    """Print how many rows the files have that follow their listing on the command line."""
    rows = 0
    for path, found in projections(sys.argv[1], sys.argv[2:]).items():
        file = pq.ParquetFile(path, read_dictionary=found.words, buffer_size=1 << 20)
        for batch in file.iter_batches(BATCH_ROWS, columns=found.columns):
            rows += batch.num_rows
    print(rows)


if __name__ == "__main__":
    main()
