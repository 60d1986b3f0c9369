"""
The S3 stand-in with one report in it, as a process of its own.

    python -m benchmarks.store FOLDER BUCKET
    prints one line of JSON with its url when all is in; ends when its standard input does
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ogfd_sandbox.s3 import S3Server


def main() -> None:
    """Serve the files below FOLDER, their paths as keys."""
    folder, bucket = Path(sys.argv[1]), sys.argv[2]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with S3Server() as server:
        server.create_bucket(bucket)
        for path in files:
            server.put(bucket, str(path.relative_to(folder)), path)
        print(json.dumps({"url": server.url}), flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
