"""Prints which columns of each gzipped report ogfd reads: `python -m benchmarks.headers FILE...`."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ogfd_aws.cur.columns import NUMBERS, OPTIONAL, REQUIRED, RESOURCE, canonical

from benchmarks.columns import Projection

_DAY: Final = "line_item_usage_start_date"
_END: Final = "line_item_usage_end_date"


def project(path: Path) -> Projection:
    """Find the columns in the header of a file."""
    with gzip.open(path, "rt", newline="") as lines:
        header = next(csv.reader(lines))
    # Of two spellings the first is taken.
    names = {canonical(name): name for name in reversed(header)}
    read = [name for name in (*REQUIRED, *OPTIONAL) if name in names]
    return Projection(
        words=[names[name] for name in read if name not in NUMBERS],
        resource=names[RESOURCE],
        amounts=[names[name] for name in read if name in NUMBERS],
        day=names[_DAY],
        end=names[_END],
    )


if __name__ == "__main__":
    print(json.dumps({name: asdict(project(Path(name))) for name in sys.argv[1:]}))
