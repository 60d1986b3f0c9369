"""dlt's documented default for CSV files: `filesystem | read_csv`, rows as dicts, as Parquet files."""

from __future__ import annotations

import sys

import dlt
from dlt.sources.filesystem import filesystem, read_csv

from benchmarks.columns import projections


def main() -> None:
    """Load the one file that follows the folder to load into and its listing."""
    folder, listing, name = sys.argv[1:]
    ((path, found),) = projections(listing, [name]).items()
    pipeline = dlt.pipeline(
        "ogfd_bench_rows",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.filesystem(f"{folder}/lake"),
        dataset_name="bench",
    )
    files = filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name)
    rows = (files | read_csv(usecols=found.columns, dtype=str)).with_name("activities")
    pipeline.run(rows, write_disposition="replace", loader_file_format="parquet")
    print(pipeline.last_trace.last_normalize_info.row_counts["activities"])


if __name__ == "__main__":
    main()
