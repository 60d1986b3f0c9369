"""The S3 stand-in and its faults, seen through a client of its own."""

import gzip
import os
import signal
import subprocess
import sys

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from ogfd_sandbox.faults import Rule
from ogfd_sandbox.s3 import Request, S3Server
from urllib3.exceptions import ProtocolError

BODY = gzip.compress(bytes(range(256)) * 64)


@pytest.fixture(scope="module")
def server():
    with S3Server() as running:
        running.create_bucket("billing")
        yield running


@pytest.fixture
def store(server):
    server.heal()
    server.forget_requests()
    for key in server.keys("billing"):
        server.delete("billing", key)
    return server


@pytest.fixture
def client(store):
    made = boto3.client(
        "s3",
        endpoint_url=store.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=5),
    )
    yield made
    made.close()


def _read(client, key="data/a.csv.gz"):
    with client.get_object(Bucket="billing", Key=key)["Body"] as stream:
        return stream.read()


@pytest.mark.parametrize("key", ["/lead", "a//b", "//", "a/../b", "ü +%20.gz", "tail/"])
def test_keys_are_kept_literally(store, client, key):
    """Real reports have keys with leading and double slashes; nothing may tidy them."""
    store.put("billing", key, key.encode())

    assert [key] == store.keys("billing")
    assert key.encode() == store.get("billing", key) == _read(client, key)


def test_files_are_put_as_they_are(store, client, tmp_path):
    """A path is as good as bytes."""
    (tmp_path / "a").write_bytes(BODY)
    store.put("billing", "data/a.csv.gz", tmp_path / "a")

    assert BODY == _read(client)


def test_requests_are_logged_by_operation_and_key(store, client):
    """What a client asks for is counted, what the test itself seeds is not."""
    store.put("billing", "cur/a.csv.gz", BODY)
    store.put("billing", "cur/m.json", b"{}")
    client.list_objects_v2(Bucket="billing", Prefix="cur/")
    client.head_object(Bucket="billing", Key="cur/m.json")
    _read(client, "cur/m.json")
    with pytest.raises(ClientError):
        _read(client, "cur/absent")

    assert (
        Request(operation="ListObjectsV2", bucket="billing", key="", status=200),
        Request(operation="HeadObject", bucket="billing", key="cur/m.json", status=200),
        Request(operation="GetObject", bucket="billing", key="cur/m.json", status=200),
        Request(operation="GetObject", bucket="billing", key="cur/absent", status=404),
    ) == store.requests()
    assert 0 == store.count("GetObject", "*.csv.gz")
    assert 1 == store.count("GetObject", "*.json")
    assert 3 == store.count(key="cur/*")


def test_a_truncated_body_breaks_the_promised_length(store, client):
    """The client learns of it, from its second read on all is well."""
    store.put("billing", "data/a.csv.gz", BODY)
    store.inject(Rule(action="truncate", key="*.csv.gz"))

    with pytest.raises(ProtocolError):
        _read(client)
    assert BODY == _read(client)


def test_a_truncated_body_without_a_length_looks_complete(store, client):
    """Only the end mark of gzip tells: the worst case for a reader."""
    store.put("billing", "data/a.csv.gz", BODY)
    store.inject(Rule(action="truncate", keep_bytes=40, hide_length=True))

    body = _read(client)

    assert BODY[:40] == body
    with pytest.raises(EOFError):
        gzip.decompress(body)


def test_a_reset_connection_gives_no_answer(store, client):
    """The rule acts on its nth hit alone."""
    store.put("billing", "data/a.csv.gz", BODY)
    store.inject(Rule(action="reset", first=2))

    assert BODY == _read(client)
    with pytest.raises(ConnectionClosedError):
        _read(client)
    assert BODY == _read(client)
    assert [200, 0, 200] == [request.status for request in store.requests()]


def test_an_error_carries_code_and_retry_after(store, client):
    """As S3 says that it is asked too often."""
    store.put("billing", "data/a.csv.gz", BODY)
    store.inject(Rule(action="status", operation="*", times=2, retry_after="3"))

    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            _read(client)
        answer = caught.value.response
        assert "SlowDown" == answer["Error"]["Code"]
        assert 503 == answer["ResponseMetadata"]["HTTPStatusCode"]
        assert "3" == answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]
    assert BODY == _read(client)


def test_a_stalled_body_arrives_in_the_end(store, client):
    """Half at once, the rest after the wait."""
    store.put("billing", "data/a.csv.gz", BODY)
    store.inject(Rule(action="stall", seconds=0.05))

    assert BODY == _read(client)


def test_objects_are_replaced_while_they_are_read(store, client, tmp_path):
    """A new version is there the moment the old one is asked for."""
    (tmp_path / "new").write_bytes(b"new")
    store.put("billing", "data//a.csv.gz", BODY)
    old = client.head_object(Bucket="billing", Key="data//a.csv.gz")["ETag"]
    store.inject(
        Rule(action="replace", objects=(("billing", "data//a.csv.gz", str(tmp_path / "new")),))
    )

    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.get_object(Bucket="billing", Key="data//a.csv.gz", IfMatch=old)
    assert b"new" == _read(client, "data//a.csv.gz")


def test_the_process_ends_with_close():
    """Nothing is left, and closing twice does no harm."""
    server = S3Server().start()
    process = server._process
    server.close()
    server.close()

    assert 0 == process.returncode


def test_the_process_ends_when_its_parent_is_killed():
    """Even where the parent had no chance to clean up."""
    code = (
        "from ogfd_sandbox.s3 import S3Server\n"
        "s = S3Server().start()\n"
        "print(s._process.pid, flush=True)\n"
        "input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child = os.pidfd_open(int(parent.stdout.readline()))
    try:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()

        assert _ended(child)
    finally:
        os.close(child)


def _ended(pidfd):
    import select

    ready, _, _ = select.select([pidfd], [], [], 10)
    return bool(ready)


def test_a_port_that_is_taken_is_reported(store):
    """Rather than waiting for an answer that never comes."""
    with pytest.raises(RuntimeError, match="did not start"):
        S3Server(port=store.port).start()
