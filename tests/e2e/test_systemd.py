"""The installed service under a real systemd: installed, started, killed, hung, stopped, extended."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

OGFD = "/opt/ogfd/venv/bin/ogfd"
PYTHON = "/opt/ogfd/venv/bin/python"
STORE = "file:/var/lib/ogfd/ogfd.db?mode=ro"
MEMBER = ("runuser", "-u", "nobody", "-g", "ogfd", "--")
SQL = """
import sqlite3, sys
print(*sqlite3.connect(sys.argv[1], uri=True).execute(sys.argv[2]).fetchone())
"""
BILL = """\
period_start,period_end,billing_period,service,charge_category,billed_cost,currency
2026-10-01T00:00:00Z,2026-10-02T00:00:00Z,2026-10,Storage,usage,0.5,USD
2026-10-02T00:00:00Z,2026-10-03T00:00:00Z,2026-10,Storage,usage,0.25,USD
"""
HELLO = """\
[connectors.hi]
type = "hello"
schedule = "1h"
start = "2026-10"
directory = "/etc/ogfd/hello"
[connectors.hi.cost]
"""
GET = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


@pytest.fixture
def service(machine: Any) -> Any:
    """Return the machine with the service just started."""
    machine.restart_cleanly()
    return machine


@pytest.fixture
def drop_in(machine: Any) -> Iterator[Callable[[str], None]]:
    """Return a function that overrides lines of the unit until the test ends."""
    path = "/run/systemd/system/ogfd.service.d/test.conf"

    def override(text: str) -> None:
        # /run is a file system of the machine's own, so it is written from inside.
        machine.run("install", "-D", "/dev/null", path)
        machine.run("/bin/sh", "-c", f"printf '%s' '{text}' > {path}")
        machine.run("systemctl", "daemon-reload")

    yield override
    machine.run("rm", "-f", path)
    machine.run("systemctl", "daemon-reload")


def test_it_starts_and_says_that_it_is_ready(service: Any) -> None:
    """`systemctl start` returns after READY=1: then the daemon must be up and answer."""
    assert "active" == service.run("systemctl", "is-active", "ogfd")
    assert "notify" == service.show("Type")
    assert service.run(PYTHON, "-c", GET, "http://127.0.0.1:8090/livez")
    assert "ogfd_build_info" in service.run(PYTHON, "-c", GET, "http://127.0.0.1:8090/metrics")


def test_the_journal_tells_of_the_start(service: Any) -> None:
    """An operator reads the journal first; a clean start must leave no warning and no traceback."""
    service.eventually(lambda: "ready" in service.journal_of_this_start())

    assert not re.search("Traceback|WARNING|ERROR", service.journal_of_this_start())


def test_members_of_the_group_can_use_the_socket(service: Any) -> None:
    """The CLI works beside the service without root: what it asks goes to the daemon."""
    assert "ogfd 660" == service.run("stat", "-c", "%G %a", "/run/ogfd/ogfd.sock")

    seen = service.run(*MEMBER, OGFD, "status", "--json")

    assert json.loads(seen)["daemon"]["running"] is True


def test_members_of_the_group_can_read_the_store_and_nobody_else(service: Any) -> None:
    """Any tool may read the SQLite file while the daemon runs, if its user may."""
    read = (PYTHON, "-c", SQL, STORE, "select count(*) from ogfd_ledger")

    assert service.run(*MEMBER, *read).isdigit()
    assert "" == service.run("runuser", "-u", "nobody", "--", *read, check=False)


def test_a_killed_daemon_is_started_again(service: Any) -> None:
    """kill -9 must cost a restart and nothing else."""
    before = service.show("MainPID")
    service.run("systemctl", "kill", "--signal=KILL", "ogfd")
    service.eventually(lambda: service.show("MainPID") not in {"0", before})
    service.eventually(lambda: "active" == service.show("ActiveState"))

    assert "1" == service.show("NRestarts")


def test_a_hung_daemon_is_killed_and_started_again(
    machine: Any, drop_in: Callable[[str], None]
) -> None:
    """The watchdog must be fed from the event loop: a process that stands still is replaced."""
    drop_in("[Service]\nWatchdogSec=2\nRestartSec=100ms\nTimeoutAbortSec=1\n")
    machine.restart_cleanly()
    time.sleep(3)

    assert "0" == machine.show("NRestarts"), "a healthy daemon must feed the watchdog"

    machine.run("systemctl", "kill", "--signal=STOP", "ogfd")
    machine.eventually(lambda: "1" == machine.show("NRestarts"))
    machine.eventually(lambda: "active" == machine.show("ActiveState"))

    assert "Watchdog timeout" in machine.journal()


def test_stopping_is_clean_and_quick(service: Any) -> None:
    """A stop must end the program by itself, with success, well before systemd loses patience."""
    began = time.monotonic()
    service.run("systemctl", "stop", "ogfd")

    assert 20 > time.monotonic() - began
    assert ("inactive", "success") == (service.show("ActiveState"), service.show("Result"))
    assert "0" == service.show("ExecMainStatus")
    assert "Killing process" not in service.journal_of_this_start()


def test_a_wrong_configuration_ends_with_78_and_is_not_tried_again(
    machine: Any, request: pytest.FixtureRequest
) -> None:
    """A restart loop would bury the message that tells what to mend."""
    wrong = "/etc/ogfd/ogfd.d/wrong.toml"
    machine.write(wrong, '[daemon]\nlisten_on = "127.0.0.1:1"\n')
    request.addfinalizer(lambda: machine.run("rm", "-f", wrong))
    machine.run("systemctl", "stop", "ogfd")
    machine.run("systemctl", "start", "ogfd", check=False)
    machine.eventually(lambda: "failed" == machine.show("ActiveState"))

    assert ("78", "0") == (machine.show("ExecMainStatus"), machine.show("NRestarts"))
    assert "wrong.toml:2" in machine.journal()


def test_an_installed_plugin_works_after_a_restart(
    service: Any, request: pytest.FixtureRequest
) -> None:
    """A stranger's connector needs one pip install, a table in the configuration and a restart."""
    service.run("/bin/sh", "-ec", f"{PYTHON} -m pip install --no-index --no-deps /src/wheels/*.whl")
    service.write("/etc/ogfd/hello/2026-10.csv", BILL)
    service.write("/etc/ogfd/ogfd.d/hello.toml", HELLO)
    request.addfinalizer(lambda: service.run("rm", "-f", "/etc/ogfd/ogfd.d/hello.toml"))
    service.run("systemctl", "restart", "ogfd")
    done = json.loads(service.run(OGFD, "sync", "hi", "--from", "2026-10", "--json"))

    assert "succeeded" == done["outcome"]
    query = "select sum(billed_cost) from activities where connector = 'hi'"
    assert "0.75" == service.run(PYTHON, "-c", SQL, STORE, query)
