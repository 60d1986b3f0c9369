"""Health and metrics over TCP."""

import json
import socket

import anyio
import pytest
from prometheus_client import CollectorRegistry

from ogfd.config import ConfigError
from ogfd.control.protocol import OperationError
from ogfd.control.serve import Doors, serve
from ogfd.telemetry.metrics import Metrics


class NoOperations:
    async def call(self, name, params, emit):
        raise AssertionError("operations are for the socket")


class Server:
    """A server on two free ports, whose readiness a test sets."""

    def __init__(self):
        self.reasons = []
        self.metrics = Metrics(CollectorRegistry())
        self.control = self.public = None

    async def run(self, *, task_status):
        await serve(
            Doors(listen="127.0.0.1:0", metrics_listen="0.0.0.0:0"),
            exposition=self.metrics.exposition,
            not_ready=lambda: self.reasons,
            operations=NoOperations(),
            task_status=task_status,
        )

    async def get(self, path, *, public=False, method="GET", host="127.0.0.1", headers=""):
        """Return status, headers (lower case) and body."""
        port = (self.public if public else self.control)[1]
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(f"{method} {path} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n".encode())
            received = b""
            with anyio.fail_after(5):
                async for part in stream:
                    received += part
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode().lower(), body.decode()


@pytest.fixture
async def server():
    made = Server()
    async with anyio.create_task_group() as tasks:
        made.control, made.public = await tasks.start(made.run)
        yield made
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("public", [False, True])
async def test_a_living_daemon_says_so(server, public):
    """Whatever else is wrong."""
    server.reasons = ["sink main is down"]
    status, head, body = await server.get("/livez", public=public)

    assert (200, {"alive": True}) == (status, json.loads(body))
    assert "cache-control: no-store" in head


@pytest.mark.parametrize("public", [False, True])
async def test_readiness_comes_with_its_reasons(server, public):
    """503 while any is left."""
    server.reasons = ["sink main is down"]
    status, _, body = await server.get("/readyz", public=public)
    assert (503, {"ready": False, "reasons": ["sink main is down"]}) == (status, json.loads(body))

    server.reasons = []
    status, _, body = await server.get("/readyz", public=public)
    assert (200, {"ready": True, "reasons": []}) == (status, json.loads(body))


@pytest.mark.parametrize("public", [False, True])
async def test_metrics_are_scraped(server, public):
    """In the format that the scraper accepts."""
    server.metrics.committed(sink="main", seconds=1)
    _, head, body = await server.get("/metrics", public=public)
    assert 'ogfd_commit_duration_seconds_count{sink="main"} 1.0' in body
    assert "content-type: text/plain; version=0.0.4" in head

    _, head, body = await server.get(
        "/metrics", public=public, headers="Accept: application/openmetrics-text;version=1.0.0\r\n"
    )
    assert body.endswith("# EOF\n")
    assert "content-type: application/openmetrics-text" in head
    assert "vary: accept" in head


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8090", "10.0.0.1", "", "[::"])
async def test_the_control_listener_answers_only_to_its_own_names(server, host):
    """A page that rebinds its name to 127.0.0.1 sends that name."""
    status, _, body = await server.get("/metrics", host=host)

    assert 421 == status
    assert "ogfd_" not in body


@pytest.mark.parametrize("host", ["localhost", "localhost:8090", "127.0.0.1", "[::1]:8090"])
async def test_loopback_goes_by_several_names(server, host):
    """With and without a port."""
    assert 200 == (await server.get("/livez", host=host))[0]


async def test_the_metrics_listener_answers_to_any_name(server):
    """Prometheus scrapes it by the machine's."""
    assert 200 == (await server.get("/metrics", public=True, host="ogfd.example.com"))[0]


@pytest.mark.parametrize("public", [False, True])
async def test_operations_are_not_served_over_tcp(server, public):
    """They are for the unix socket, whose file says who may."""
    assert 404 == (await server.get("/operations/sync", public=public, method="POST"))[0]


async def test_other_paths_and_methods_are_errors_in_json(server):
    """Without a page of the framework."""
    status, _, body = await server.get("/nothing")
    assert (404, {"error": "Not Found"}) == (status, json.loads(body))

    assert 405 == (await server.get("/metrics", method="DELETE"))[0]


async def test_a_bug_in_a_request_is_logged_and_stops_nothing(server, caplog):
    """500 without details."""

    def broken():
        raise RuntimeError("detail")

    server.reasons = type("Broken", (), {"__iter__": lambda self: broken()})()
    status, _, body = await server.get("/readyz")

    assert (500, {"error": "internal error"}) == (status, json.loads(body))
    assert "detail" in caplog.text
    assert 200 == (await server.get("/livez"))[0]


@pytest.mark.parametrize(
    ("doors", "message"),
    [
        (Doors(listen="0.0.0.0:8090"), r"daemon\.listen: .*TLS and a token.*metrics_listen"),
        (Doors(listen="[::]:8090"), "TLS and a token"),
        (Doors(listen="ogfd.example.com:80"), "TLS and a token"),
        (Doors(listen="127.0.0.1"), "host:port"),
        (Doors(listen="127.0.0.1:99999"), "host:port"),
        (Doors(listen="user@127.0.0.1:80"), "host:port"),
        (Doors(listen="127.0.0.1:80/path"), "host:port"),
        (Doors(metrics_listen="9188"), r"daemon\.metrics_listen: .*host:port"),
    ],
)
def test_addresses_are_checked_before_anything_listens(doors, message):
    """As mistakes of the configuration."""
    with pytest.raises(ConfigError, match=message):
        doors.check()


@pytest.mark.parametrize(
    "doors",
    [
        Doors(),
        Doors(listen="127.0.0.1:8090", metrics_listen="0.0.0.0:9188"),
        Doors(listen="localhost:0"),
        Doors(listen="[::1]:8090", metrics_listen="[::]:9188"),
    ],
)
def test_proper_addresses_pass(doors):
    """Loopback for control, anything for metrics."""
    doors.check()


async def test_a_port_that_is_taken_is_named():
    """With the exit code of an unreachable service."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OperationError, match=r"cannot listen on .*in use") as caught:
            await serve(
                Doors(listen=where),
                exposition=lambda accept: (b"", ""),
                not_ready=list,
                operations=NoOperations(),
            )

    assert 69 == caught.value.code
