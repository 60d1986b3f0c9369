"""Prints which columns of each file of a report ogfd reads: `python -m benchmarks.headers FILE...`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from ogfd_aws.cur.columns import choose
from ogfd_aws.cur.fields import NUMBERS, RESOURCE

from benchmarks.columns import Projection
from ogfd.plugin import Wanted
from ogfd.plugin.tabular.opening import open_tables


def project(path: Path) -> Projection:
    """Find the columns in the header of a file."""
    tables = open_tables(path, path.name)
    columns = choose(tables.headers, Wanted(resource_ids=True), path.name)
    tables.close()
    names = {name: columns.headers[place] for name, place in columns.places.items()}
    maps = {columns.headers[lookup.place] for lookup in columns.lookups.values()}
    return Projection(
        words=[name for key, name in names.items() if key not in {*NUMBERS, RESOURCE}],
        resource=names[RESOURCE],
        amounts=[name for key, name in names.items() if key in NUMBERS],
        day=names["start"],
        end=names["end"],
        maps=sorted(maps),
    )


if __name__ == "__main__":
    print(json.dumps({name: asdict(project(Path(name))) for name in sys.argv[1:]}))
