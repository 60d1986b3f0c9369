"""The installed program on a directory of files, as an operator runs it."""

import json
import os
import signal
import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import starting

HEADER = "period_start,period_end,service,account_id,billing_account_id,billed_cost,currency"


@dataclass
class Site:
    """One daemon's state over a shared sink and source."""

    directory: Path
    name: str = "a"

    @property
    def config(self) -> Path:
        path = self.directory / f"{self.name}.toml"
        if not path.exists():
            path.write_text(
                f'[daemon]\nstate_dir = "{self.directory}/state-{self.name}"\n'
                f'[sinks.main]\ntype = "sqlite"\npath = "{self.directory}/ogfd.db"\n'
                f'[connectors.hi]\ntype = "hello"\ndirectory = "{self.directory}/data"\n'
                "[connectors.hi.cost]\n"
            )
        return path

    def restate(self, *costs: str) -> None:
        """Replace the month's file, atomically, by rows with these costs."""
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        hours = [f"2026-10-01T{hour:02}" for hour in range(24)]
        lines = [
            f"{hours[i % 23]}:00:00Z,{hours[i % 23 + 1]}:00:00Z,s{i},1,9,{cost},USD"
            for i, cost in enumerate(costs)
        ]
        new = data / "2026-10.csv.new"
        new.write_text("\n".join([HEADER, *lines]) + "\n")
        new.replace(data / "2026-10.csv")

    def start(self, *arguments: str, fp: str = "") -> starting.Program:
        return starting.Program("-c", self.config, *arguments, environ=os.environ | {"OGFD_FP": fp})

    def sync(self, fp: str = "") -> dict:
        """Sync to the end and return the document."""
        done = self.start("sync", "--json", fp=fp).end()
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def die(self, fp: str) -> None:
        """Sync until the failpoint kills the program."""
        assert -signal.SIGKILL == self.start("sync", "--json", fp=fp).end().returncode

    def costs(self) -> list[Decimal]:
        """Return what the sink holds, as any other program sees it."""
        with sqlite3.connect(self.directory / "ogfd.db") as db:
            rows = db.execute("SELECT billed_cost FROM activities ORDER BY service").fetchall()
        db.close()
        return [Decimal(str(cost)) for (cost,) in rows]

    def ledger_sum(self) -> str:
        with sqlite3.connect(self.directory / "ogfd.db") as db:
            [(sums,)] = db.execute("SELECT sums FROM ogfd_ledger").fetchall()
        db.close()
        return json.loads(sums)["billed_cost:USD"]

    def leftovers(self) -> list[Path]:
        """Return files that wait for nobody."""
        state = self.directory / f"state-{self.name}"
        return [*(state / "packages").glob("*"), *(state / "spool").glob("*")]


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.restate("1.5", "2.5")
    return made
