"""What ogfd does to files before its pipeline: read, check and map every row, keep nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from ogfd_aws.cur.columns import choose
from ogfd_aws.cur.mapping import Mapper
from ogfd_aws.cur.reports import Layout
from ogfd_aws.cur.stream import SOURCES

from ogfd.plugin import Wanted
from ogfd.plugin.tabular import FileReader


def main() -> None:
    """Print how many rows the files on the command line have."""
    wanted = Wanted()
    mapper = Mapper(SOURCES[Layout.EXPORT], wanted.tags)
    rows = 0
    for name in sys.argv[1:]:
        reader = FileReader(
            Path(name),
            name,
            choose=lambda headers, file: choose(headers, wanted, file),
            map=mapper.map,
        )
        while (mapped := reader.next_batch()) is not None:
            rows += mapped.source_rows
        reader.close()
    print(rows)


if __name__ == "__main__":
    main()
