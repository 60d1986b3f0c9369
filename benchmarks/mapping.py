"""What ogfd does to files before its pipeline: read, check and map every row, keep nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from ogfd_aws.cur.mapping import Mapper
from ogfd_aws.cur.reader import FileReader
from ogfd_aws.cur.reports import Layout
from ogfd_aws.cur.stream import SOURCES

from ogfd.plugin import Wanted


def main() -> None:
    """Print how many rows the files on the command line have."""
    wanted = Wanted()
    mapper = Mapper(SOURCES[Layout.EXPORT], wanted.tags)
    rows = 0
    for name in sys.argv[1:]:
        reader = FileReader(Path(name), name, wanted, mapper)
        while (mapped := reader.next_batch()) is not None:
            rows += mapped.source_rows
        reader.close()
    print(rows)


if __name__ == "__main__":
    main()
