"""How commands find the operations: in this process, or in the daemon."""

import io
import logging
import socket
import sys
from base64 import b64encode
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import pytest

import ogfd.control.socket
import ogfd.daemon
from ogfd.cli.logs import redactor_of, start_logs
from ogfd.cli.session import operations
from ogfd.config import DaemonConfig
from ogfd.control.protocol import OperationError
from ogfd.control.serve import Doors, serve
from ogfd.daemon import StateLocked
from ogfd.plugin import PluginConfig, Secret

BOUND = SimpleNamespace(settings="settings")


class Named:
    def __init__(self, name):
        self.name = name

    async def call(self, name, params, emit):
        emit({"event": name})
        return {"by": self.name, **params}


@pytest.fixture
def daemon(monkeypatch, tmp_path):
    """Replace what opens the application; returns what to raise or yield."""
    app = SimpleNamespace(opened=SimpleNamespace(operations=Named("here")), closed=False)
    app.socket = tmp_path / "ogfd.sock"

    @asynccontextmanager
    async def open_app(bound):
        assert BOUND is bound
        if isinstance(app.opened, Exception):
            raise app.opened
        yield app.opened
        app.closed = True

    monkeypatch.setattr(ogfd.daemon, "open_app", open_app)
    monkeypatch.setattr(ogfd.control.socket, "socket_path", lambda settings: app.socket)
    return app


@asynccontextmanager
async def running(path):
    async def start(*, task_status):
        await serve(
            Doors(socket=path),
            exposition=lambda accept: (b"", "text/plain"),
            not_ready=list,
            operations=Named("daemon"),
            task_status=task_status,
        )

    async with anyio.create_task_group() as tasks:
        await tasks.start(start)
        yield
        tasks.cancel_scope.cancel()


async def test_without_a_daemon_the_command_works_itself(daemon):
    """And closes what it opened."""
    async with operations(BOUND) as ops:
        assert {"by": "here", "a": 1} == await ops.call("sync", {"a": 1}, lambda _: None)
    assert daemon.closed


@pytest.mark.parametrize(
    "refusal", [StateLocked("locked"), OperationError("the state directory cannot be used", 69)]
)
async def test_beside_a_daemon_the_command_asks_it(daemon, refusal):
    """Also if the state directory is closed to the user who may use the socket."""
    daemon.opened = refusal
    events = []
    async with running(daemon.socket), operations(BOUND) as ops:
        result = await ops.call("sync", {"a": 1}, events.append)

    assert ({"by": "daemon", "a": 1}, [{"event": "sync"}]) == (result, events)


async def test_a_locked_state_without_a_socket_is_unreachable(daemon):
    """Another command may hold it."""
    daemon.opened = StateLocked("locked")
    async with operations(BOUND) as ops:
        with pytest.raises(OperationError, match=r"cannot connect .*another command") as caught:
            await ops.call("status", {}, lambda _: None)

    assert 69 == caught.value.code


async def test_without_a_daemon_the_reason_is_what_failed(daemon):
    """Not that there is no socket."""
    daemon.opened = OperationError("sink main cannot be opened", 69)
    with pytest.raises(OperationError, match="sink main"):
        async with operations(BOUND):
            pass


async def test_the_socket_of_a_killed_daemon_does_not_hide_what_failed(daemon):
    """It stays behind, and nobody listens."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(daemon.socket))
    daemon.opened = OperationError("sink main cannot be opened", 69)
    with pytest.raises(OperationError, match="sink main"):
        async with operations(BOUND):
            pass
    assert daemon.socket.is_socket()


class Inner(PluginConfig):
    key: Secret


class Config(PluginConfig):
    name: str = "x"
    secret: Secret
    cost: Inner | None = None
    keys: tuple[Secret, ...] = ()
    missing: Secret = Secret("env:OGFD_TEST_NOT_SET")


def bound(proxy=None, **values):
    config = Config.model_validate(values, context={"allow_plain_secrets": True})
    daemon = DaemonConfig(log_level="warning", log_format="json", proxy=proxy)
    return SimpleNamespace(
        connectors={"a": SimpleNamespace(config=config)},
        sinks={"s": SimpleNamespace(config=Inner(key=Secret("sink-secret")))},
        warnings=("no stream of cloud is on",),
        settings=SimpleNamespace(daemon=daemon),
    )


def test_secrets_of_the_configuration_never_reach_the_logs(monkeypatch, tmp_path):
    """By value, wherever they hide in it; one that does not resolve stops nothing."""
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("OGFD_TEST_SECRET", "from-environ")
    redactor = redactor_of(
        bound(
            secret="env:OGFD_TEST_SECRET",
            cost={"key": f"file:{tmp_path / 'key'}"},
            keys=["plain-one", "plain-two"],
        )
    )

    assert "*** *** *** *** *** x" == redactor.redact(
        "from-environ from-a-file plain-one plain-two sink-secret x"
    )


@pytest.mark.parametrize("where", ["plain", "reference", "environment", "bare"])
def test_the_password_of_a_proxy_never_reaches_the_logs(monkeypatch, where):
    """As it is quoted in the URL, as it is meant, and as it goes over the wire."""
    url = "http://ogfd:p%40ss-word@proxy:3128"
    monkeypatch.setenv("OGFD_TEST_WAY", url)  # urllib takes whatever ends with _PROXY for one
    said = {"environment": url, "bare": url.removeprefix("http://")}
    monkeypatch.setenv("https_proxy", said.get(where, "http://["))
    proxies = {"plain": url, "reference": "env:OGFD_TEST_WAY"}
    redactor = redactor_of(bound(secret="plain-secret", proxy=proxies.get(where)))

    login = b64encode(b"ogfd:p@ss-word").decode()
    assert "***, ***, *** and ***" == redactor.redact(
        f"p%40ss-word, p@ss-word, ogfd:p@ss-word and {login.rstrip('=')}"
    )


def test_logs_go_to_stderr_at_the_configured_level(monkeypatch):
    """Unless the command says otherwise."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    try:
        start_logs(bound(secret="hunter2-hunter2"), "")
        logging.getLogger("ogfd.test").warning("key is hunter2-hunter2")
        logging.getLogger("ogfd.test").info("quiet")
        start_logs(bound(secret="hunter2-hunter2"), "info")
        logging.getLogger("ogfd.test").info("louder")
    finally:
        logging.captureWarnings(False)
        root.setLevel(before[0])
        root.handlers[:] = before[1]

    assert "no stream of cloud is on" in stream.getvalue().splitlines()[0]
    assert "key is ***" in stream.getvalue()
    assert "quiet" not in stream.getvalue()
    assert "louder" in stream.getvalue()
