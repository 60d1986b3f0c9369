"""What a SQLite sink holds, asked with SQL as any other program would ask it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final

from ogfd_sandbox.tables import Amounts, added

QUERY: Final = "SELECT connector, sums FROM ogfd_ledger"


def read_sums(database: Path) -> Mapping[str, Amounts]:
    """Return the exact sums of all slices, by connector, then by measure and unit."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as sink:
        rows = sink.execute(QUERY).fetchall()
    slices: dict[str, list[Amounts]] = {}
    for connector, sums in rows:
        amounts = {name: Decimal(amount) for name, amount in json.loads(sums).items()}
        slices.setdefault(connector, []).append(amounts)
    return {connector: added(found) for connector, found in slices.items()}
