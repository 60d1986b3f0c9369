"""dlt's best path: a resource of one's own that yields Arrow tables, loaded as Parquet files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import dlt
import pyarrow as pa

from benchmarks.columns import Projection, projections
from benchmarks.floor_arrow import batches


def tables(files: Mapping[Path, Projection]) -> Iterator[pa.Table]:
    """Yield the projected columns of all *files*, amounts as numbers, as a dlt resource does."""
    for path, found in files.items():
        for batch in batches(path, found, pa.string()):
            yield pa.Table.from_batches([batch])


def main() -> None:
    """Load the files that follow the folder to load into and their listing."""
    folder, listing, *names = sys.argv[1:]
    pipeline = dlt.pipeline(
        "ogfd_bench_arrow",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.filesystem(f"{folder}/lake"),
        dataset_name="bench",
    )
    resource = dlt.resource(tables, name="activities", write_disposition="replace")
    pipeline.run(resource(projections(listing, names)), loader_file_format="parquet")
    print(pipeline.last_trace.last_normalize_info.row_counts["activities"])


if __name__ == "__main__":
    main()
