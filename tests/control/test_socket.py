"""Operations over a real unix socket."""

import json
import socket
import stat

import anyio
import pytest

from ogfd.control.client import call
from ogfd.control.protocol import OperationError
from ogfd.control.serve import Doors, serve
from ogfd.plugin import FatalError, SinkError


class Scripted:
    """Operations whose behaviour a test chooses by the name."""

    def __init__(self):
        self.calls = []
        self.started = anyio.Event()
        self.cancelled = anyio.Event()
        self.finished = anyio.Event()

    async def call(self, name, params, emit):
        self.calls.append((name, params))
        return await getattr(self, name.replace(".", "_"))(params, emit)

    async def sync(self, params, emit):
        for done in range(3):
            emit({"event": "progress", "slice": "a/b/c", "done": done})
        return {"outcome": "succeeded", "runs": []}

    async def slices_show(self, params, emit):
        raise OperationError("there is no slice x/y/z", 64, hint="see ogfd slices list")

    async def slices_approve(self, params, emit):
        raise SinkError("the database is locked", hint="try again")

    async def check(self, params, emit):
        raise FatalError("the report is cut", code="InvalidReport")

    async def bug(self, params, emit):
        raise RuntimeError("secret detail")

    async def flood(self, params, emit):
        for done in range(20_000):
            emit({"event": "progress", "done": done})
        return {"big": "x" * 3_000_000}

    async def wait(self, params, emit):
        self.started.set()
        emit({"event": "started"})
        try:
            with anyio.CancelScope(shield=True):
                for _ in range(3):
                    await anyio.lowlevel.checkpoint()
            self.finished.set()
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled.set()
            raise


@pytest.fixture
def operations():
    return Scripted()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ogfd.sock"


@pytest.fixture
async def served(operations, path):
    async with anyio.create_task_group() as tasks:
        await tasks.start(start, Doors(socket=path), operations)
        yield path
        tasks.cancel_scope.cancel()


async def start(doors, operations, *, task_status=anyio.TASK_STATUS_IGNORED):
    await serve(
        doors,
        exposition=lambda accept: (b"metrics", "text/plain"),
        not_ready=list,
        operations=operations,
        task_status=task_status,
    )


async def raw(path, request):
    """Send *request* and return all that comes back."""
    async with await anyio.connect_unix(path) as stream:
        await stream.send(request)
        received = b""
        with anyio.fail_after(5):
            async for part in stream:
                received += part
    return received


async def test_events_come_before_the_result(served, operations):
    """In order, as they are emitted."""
    events = []
    result = await call(served, "sync", {"connectors": ["aws-prod"]}, events.append)

    assert {"outcome": "succeeded", "runs": []} == result
    assert [0, 1, 2] == [event["done"] for event in events]
    assert [("sync", {"connectors": ["aws-prod"]})] == operations.calls


async def test_the_answer_is_one_json_document_per_line(served):
    """As the protocol says; any HTTP client can speak it."""
    body = b'{"a": 1}'
    head = b"POST /operations/sync HTTP/1.0\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    head, _, lines = (await raw(served, head + body)).partition(b"\r\n\r\n")

    assert b"application/x-ndjson" in head
    assert ["event"] * 3 + ["result"] == [next(iter(json.loads(x))) for x in lines.splitlines()]


async def test_an_operation_error_arrives_with_its_exit_code(served):
    """And with its hint."""
    with pytest.raises(OperationError, match=r"no slice x/y/z \(see ogfd slices list\)") as caught:
        await call(served, "slices.show", {}, print)

    assert 64 == caught.value.code


@pytest.mark.parametrize(
    ("name", "message"),
    [("slices.approve", "the database is locked (try again)"), ("check", "the report is cut")],
)
async def test_any_error_of_ours_arrives_with_its_message(served, name, message):
    """Not as a bug; a provider's error code is no exit code."""
    with pytest.raises(OperationError) as caught:
        await call(served, name, {}, print)

    assert (1, message) == (caught.value.code, str(caught.value))


async def test_a_bug_fails_the_request_and_not_the_daemon(served, caplog):
    """The traceback is in the daemon's log, not in the answer."""
    with pytest.raises(OperationError) as caught:
        await call(served, "bug", {}, print)

    assert 1 == caught.value.code
    assert "secret detail" not in str(caught.value)
    assert "secret detail" in caplog.text
    await call(served, "sync", {}, lambda _: None)


async def test_a_flood_of_events_is_thinned_out_and_the_result_is_whole(served):
    """Events are best effort; nothing waits for a slow reader."""
    events = []
    result = await call(served, "flood", {}, events.append)

    assert 3_000_000 == len(result["big"])
    assert 0 < len(events) <= 20_000


async def test_a_client_that_goes_away_cancels_its_operation(served, operations):
    """By anyio's means: a shielded part is finished first."""
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, served, "wait", {}, lambda _: None)
            await operations.started.wait()
            tasks.cancel_scope.cancel()
        await operations.cancelled.wait()

    assert operations.finished.is_set()
    await call(served, "sync", {}, lambda _: None)


async def test_a_stopping_daemon_tells_its_clients(operations, path):
    """With the exit code of an unreachable service."""
    caught = []

    async def client():
        try:
            await call(path, "wait", {}, lambda _: None)
        except OperationError as exc:
            caught.append(exc)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as clients, anyio.create_task_group() as tasks:
            await tasks.start(start, Doors(socket=path), operations)
            clients.start_soon(client)
            await operations.started.wait()
            tasks.cancel_scope.cancel()

    assert [69] == [exc.code for exc in caught]
    assert "the daemon is stopping" in str(caught[0])
    assert operations.cancelled.is_set()


async def test_an_answer_that_breaks_off_is_an_error(path):
    """Half an answer never passes for a result."""
    listener = await anyio.create_unix_listener(path)

    async def half(stream):
        async with stream:
            await stream.receive()
            await stream.send(b'HTTP/1.0 200 OK\r\n\r\n{"event": {}}\n{"result": {"a"')

    async with anyio.create_task_group() as tasks, listener:
        tasks.start_soon(listener.serve, half)
        with pytest.raises(OperationError, match="went away") as caught:
            await call(path, "sync", {}, lambda _: None)
        tasks.cancel_scope.cancel()

    assert 69 == caught.value.code


async def test_a_stranger_on_the_socket_is_recognised(path):
    """Rather than a traceback."""
    listener = await anyio.create_unix_listener(path)

    async def ssh(stream):
        async with stream:
            await stream.receive()
            await stream.send(b"SSH-2.0-OpenSSH\r\n\r\n")

    async with anyio.create_task_group() as tasks, listener:
        tasks.start_soon(listener.serve, ssh)
        with pytest.raises(OperationError, match="no ogfd daemon"):
            await call(path, "sync", {}, lambda _: None)
        tasks.cancel_scope.cancel()


async def test_nobody_there_is_code_69(path):
    """No file, or a file that a dead daemon left."""
    with pytest.raises(OperationError, match="cannot connect") as caught:
        await call(path, "sync", {}, print)
    assert 69 == caught.value.code

    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with pytest.raises(OperationError, match="refused") as caught:
        await call(path, "sync", {}, print)
    assert 69 == caught.value.code


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"\xff", b"[" * 20_000])
async def test_a_body_that_is_no_json_object_is_refused(served, operations, body):
    """With status 400, before any operation."""
    request = b"POST /operations/sync HTTP/1.0\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    answer = await raw(served, request % len(body) + body)

    assert answer.startswith(b"HTTP/1.0 400")
    assert [] == operations.calls


async def test_a_huge_body_is_refused(served, operations):
    """64 KiB are plenty; the client says what was wrong."""
    with pytest.raises(OperationError, match=r"refused the request: .*Too Large"):
        await call(served, "sync", {"connectors": ["x" * 70_000]}, print)

    assert [] == operations.calls


async def test_the_socket_also_serves_health_and_metrics(served):
    """So that a local check needs no port."""
    for path in (b"/livez", b"/readyz", b"/metrics"):
        assert b" 200 OK" in (await raw(served, b"GET %s HTTP/1.0\r\n\r\n" % path)).splitlines()[0]


async def test_only_the_owner_and_the_group_may_connect(served):
    """Its file's mode decides."""
    assert 0o660 == stat.S_IMODE(served.stat().st_mode)


async def test_the_file_is_removed_at_the_end(operations, path):
    """So that the next command does the work itself."""
    async with anyio.create_task_group() as tasks:
        await tasks.start(start, Doors(socket=path), operations)
        assert path.exists()
        tasks.cancel_scope.cancel()

    assert not path.exists()


async def test_the_socket_of_a_dead_daemon_is_replaced(operations, path):
    """kill -9 leaves it behind."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    async with anyio.create_task_group() as tasks:
        await tasks.start(start, Doors(socket=path), operations)
        await call(path, "sync", {}, lambda _: None)
        tasks.cancel_scope.cancel()


async def refusal(doors, operations):
    with pytest.raises(OperationError) as caught:
        await start(doors, operations)
    return caught.value


async def test_the_socket_of_a_living_daemon_is_left_alone(served, operations):
    """Two daemons must not steal each other's clients."""
    error = await refusal(Doors(socket=served), operations)

    assert (69, True) == (error.code, "another daemon" in str(error))
    await call(served, "sync", {}, lambda _: None)


async def test_a_file_that_is_no_socket_is_left_alone(operations, path):
    """It may be the operator's."""
    path.write_text("precious")
    error = await refusal(Doors(socket=path), operations)

    assert (78, "precious") == (error.code, path.read_text())


async def test_a_path_that_is_too_long_is_named(operations, tmp_path):
    """The system would only say that it is too long, not for what."""
    error = await refusal(Doors(socket=tmp_path / ("x" * 120)), operations)

    assert 78 == error.code
    assert "107" in str(error)


async def test_a_missing_directory_is_named(operations, tmp_path):
    """With what to do."""
    error = await refusal(Doors(socket=tmp_path / "gone" / "s"), operations)

    assert 69 == error.code
    assert "No such file or directory" in str(error)
