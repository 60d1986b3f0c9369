"""kill -9 while a slice is parked: the next process tries it at its `next_due`, not before."""

import json
import signal
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import starting
from ogfd_sandbox.configuration import CONNECTOR, environment, ogfd_toml
from ogfd_sandbox.cur import CurSettings, Month, Place, assemble, put_report
from ogfd_sandbox.faults import Rule
from ogfd_sandbox.s3 import S3Server

PLACE = Place(bucket="billing", report="acme")
AUGUST, SEPTEMBER = Month(2026, 8), Month(2026, 9)
PARKED = f"{CONNECTOR}/cost/{AUGUST}"
FILES = f"{PLACE.pointer(AUGUST).rpartition('/')[0]}/*"
THROTTLED = Rule(action="status", key=FILES, times=10**6, retry_after="70")
PATIENCE_SECONDS = 40  # of the test, on a busy machine; nothing is asserted about it


def eventually(holds):
    """Wait until *holds* gives something, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
    return found


@dataclass
class Site:
    """A bucket with a month in it, and the directory of a daemon."""

    s3: S3Server
    directory: Path

    def publish(self, month):
        put_report(self.s3, assemble(CurSettings(seed=3, rows=200, files=1), month), PLACE)

    def start(self, *arguments):
        config = self.directory / "ogfd.toml"
        config.write_text(
            ogfd_toml(
                endpoint_url=self.s3.url,
                place=PLACE,
                directory=self.directory,
                start=AUGUST,
                listen="127.0.0.1:0",
            )
        )
        return starting.Program("-c", config, *arguments, environ=environment())

    @contextmanager
    def daemon(self):
        """Run ``ogfd run``; in the end it is killed by SIGKILL, whatever it is doing."""
        daemon = self.start("run")
        try:
            yield
            assert daemon.running
        finally:
            daemon.kill()
            done = daemon.end()
        assert -signal.SIGKILL == done.returncode, done.stderr

    def standing(self):
        """Ask the running daemon how the connector stands, and when it runs next."""
        done = self.start("status", "--json").end()
        assert 0 == done.returncode, done.stderr
        [connector] = json.loads(done.stdout)["connectors"]
        return connector["status"], connector["next_run"]

    def query(self, sql, *values, name="state/state.db"):
        """Ask a database of the daemon, beside it; before it is made, nothing is there."""
        if not (self.directory / name).exists():
            return []
        with closing(sqlite3.connect(self.directory / name, timeout=10)) as db, db:
            try:
                return db.execute(sql, values).fetchall()
            except sqlite3.OperationalError as exc:
                if "no such table" not in str(exc):
                    raise
                return []

    def next_due(self):
        found = self.query("SELECT next_due FROM slices WHERE slice = ?", PARKED)
        return datetime.fromisoformat(found[0][0]) if found and found[0][0] else None

    def park_until(self, due):
        """Set the time that a daemon which is dead has put on record."""
        self.query("UPDATE slices SET next_due = ? WHERE slice = ?", due.isoformat(), PARKED)

    def committed(self):
        sql = "SELECT partition FROM ogfd_ledger ORDER BY partition"
        return [month for (month,) in self.query(sql, name="ogfd.db")]

    def reads(self):
        """Return when the parked month was asked for since the daemon was killed."""
        folder = FILES.rstrip("*")
        return [
            datetime.fromtimestamp(request.at, UTC)
            for request in self.s3.requests()
            if request.operation == "GetObject" and request.key.startswith(folder)
        ]


@pytest.fixture(scope="module")
def s3():
    with S3Server() as server:
        yield server


@pytest.fixture
def killed(s3, tmp_path):
    """Return a site whose daemon was killed while the provider made it wait for a month."""
    s3.create_bucket(PLACE.bucket)
    site = Site(s3, tmp_path)
    site.publish(AUGUST)
    s3.inject(THROTTLED)
    with site.daemon():
        due = eventually(site.next_due)
    assert timedelta(seconds=60) < due - site.reads()[-1] <= timedelta(seconds=72)
    s3.heal()
    s3.forget_requests()
    return site


def test_a_slice_is_tried_at_its_time_by_whichever_process_is_there_then(killed):
    """Not before, although a scheduled run comes before, nor by one that is killed before."""
    far = datetime.fromtimestamp(time.time(), UTC) + timedelta(hours=1)
    killed.park_until(far)
    killed.publish(SEPTEMBER)
    with killed.daemon():  # its scheduled run reads the other month; what comes next is that time
        eventually(lambda: killed.committed() == [str(SEPTEMBER)])
        eventually(lambda: ("error", far.isoformat()) == killed.standing())
    assert [] == killed.reads()
    assert far == killed.next_due()

    near = datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=4)
    killed.park_until(near)
    with killed.daemon():
        eventually(lambda: killed.committed() == [str(AUGUST), str(SEPTEMBER)])
        eventually(lambda: killed.next_due() is None)  # recorded after the commit

    assert near <= min(killed.reads())
