"""sd_notify over a real datagram socket."""

import logging
import os
import secrets
import socket
from datetime import timedelta

import pytest

from ogfd.telemetry.notify import Notifier, watchdog_interval


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path):
    """Return the address that a service manager would pass, and its socket."""
    name = secrets.token_hex(4)
    address = str(tmp_path / "notify") if request.param == "file" else f"@ogfd-test-{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        sock.settimeout(5)
        yield address, sock


def test_the_service_manager_is_told_each_state(manager):
    """The messages are those of sd_notify(3)."""
    address, sock = manager
    notifier = Notifier({"NOTIFY_SOCKET": address}, monotonic=lambda: 12.5)
    notifier.status("starting")
    notifier.ready()
    notifier.watchdog()
    notifier.reloading()
    notifier.stopping()

    assert [
        b"STATUS=starting",
        b"READY=1",
        b"WATCHDOG=1",
        b"RELOADING=1\nMONOTONIC_USEC=12500000",
        b"STOPPING=1",
    ] == [sock.recv(4096) for _ in range(5)]


def test_a_status_stays_one_assignment(manager):
    """A line break in it would start another one."""
    address, sock = manager
    Notifier({"NOTIFY_SOCKET": address}).status("one\nREADY=1")

    assert b"STATUS=one READY=1" == sock.recv(4096)


def test_without_a_socket_nothing_happens(caplog):
    """As on a terminal."""
    Notifier({}).ready()

    assert [] == caplog.records


def test_a_vanished_service_manager_does_not_stop_the_daemon(tmp_path, caplog):
    """It is logged."""
    with caplog.at_level(logging.WARNING):
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()

    assert ["the service manager cannot be notified"] == [r.message for r in caplog.records]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, timedelta(seconds=15)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=15)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_wants(environ, expected):
    """Unless it watches another process."""
    assert expected == watchdog_interval(environ)
