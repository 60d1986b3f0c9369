"""
The BigQuery stand-in with one generated billing export in it, as a process of its own.

    python -m benchmarks.warehouse ROWS
    prints one line of JSON with where it is when all is in; when its standard input ends, one of
    what it was asked and has sent
"""

from __future__ import annotations

import json
import sys

from ogfd_sandbox.bigquery.bill import BillSettings, assemble, put
from ogfd_sandbox.bigquery.server import BigQueryServer


def main() -> None:
    """Serve an export of so many rows."""
    # One for each resource and hour of a month, as Google exports them, make a million.
    bill = assemble(BillSettings(seed=7, rows=int(sys.argv[1]), months=1, resources=1_400))
    with BigQueryServer() as bigquery:
        [table] = put(bigquery, bill)
        place = {
            "url": bigquery.url,
            "storage_url": bigquery.storage_url,
            "key": bigquery.credentials_json(),
            "project": table.project,
            "table": table.path,
        }
        print(json.dumps(place), flush=True)
        sys.stdin.buffer.read()
        asked = {
            "requests": len(bigquery.requests()),
            "bytes_sent": bigquery.bytes_sent(),
            "bytes_billed": sum(job.bytes_billed for job in bigquery.jobs()),
        }
        print(json.dumps(asked), flush=True)


if __name__ == "__main__":
    main()
