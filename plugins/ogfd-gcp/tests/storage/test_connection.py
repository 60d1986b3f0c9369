"""The connection: whom it trusts, and that whoever lets go of it is free at once."""

import anyio
import grpc
import pytest
import trustme
from google.api_core.exceptions import GoogleAPICallError
from ogfd_gcp.faults import HINTS, classify
from ogfd_gcp.storage.connection import Connection, roots, schema_of, target_of
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FatalError, TransientError

TABLE = "projects/p/datasets/d/tables/t"
STREAM = "projects/p/locations/us/sessions/s/streams/t"


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("trusted", [True, False])
async def test_it_trusts_the_certificates_of_ogfd(tmp_path, monkeypatch, trusted):
    """By the variable that ca_file sets, at any time in the life of the process."""
    ca, other, file = trustme.CA(), trustme.CA(), tmp_path / "ca.pem"
    (ca if trusted else other).cert_pem.write_to_path(file)
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(file))
    own = ca.issue_cert("localhost")
    keys = (own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())
    server = grpc.aio.server()
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([keys]))
    await server.start()

    connection = Connection(f"https://localhost:{port}", roots())
    with pytest.raises(GoogleAPICallError) as caught:
        await connection.create_session("my-project", TABLE, ())
    await connection.close()
    await server.stop(None)
    fault = classify(caught.value)

    assert ErrorClass.FATAL is fault.error_class
    assert ("UNIMPLEMENTED" if trusted else None) == fault.code
    assert trusted or HINTS["trust"] == fault.hint


def test_certificates_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    """Rather than others trusted."""
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(tmp_path / "none.pem"))
    with pytest.raises(FatalError, match=r"none\.pem"):
        roots()
    monkeypatch.delenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    assert roots() is None


async def _created(connection):
    await connection.create_session("my-project", TABLE, ())


async def _read(connection):
    await connection.read(STREAM, 0, ()).next()


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("seconds", [0.002, 0.1])
@pytest.mark.parametrize("asked", [_created, _read])
async def test_a_time_that_is_up_is_up_for_who_waits_and_not_for_the_task(cloud, asked, seconds):
    """
    The scope that was cancelled catches it.

    gRPC raises a cancellation of its own, which ends the task: no time would ever be up, and what
    the task was for would be gone without an error.
    """
    cloud.server.inject(Rule(action="hang", operation="*", seconds=30.0))
    connection = Connection(cloud.server.storage_url, None)

    with anyio.move_on_after(seconds) as scope:
        await asked(connection)
    await connection.close()

    assert scope.cancelled_caught


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("asked", [_created, _read])
async def test_what_is_no_message_is_asked_for_again(asked):
    """It was spoilt on the way."""

    async def spoilt(request, context):
        await context.write(b"\xff")

    async def answered(request, context):
        return b"\xff"

    handlers = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(answered),
        "ReadRows": grpc.unary_stream_rpc_method_handler(spoilt),
    }
    service = "google.cloud.bigquery.storage.v1.BigQueryRead"
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    connection = Connection(f"http://127.0.0.1:{port}", None)
    with pytest.raises(TransientError, match="no message"):
        await asked(connection)
    await connection.close()
    await server.stop(None)


@pytest.mark.parametrize(
    ("url", "target", "encrypted"),
    [
        ("https://bigquerystorage.googleapis.com", "bigquerystorage.googleapis.com:443", True),
        ("https://example.com:8443", "example.com:8443", True),
        ("http://localhost", "localhost:80", False),
        ("http://[::1]:8085", "[::1]:8085", False),
        ("https://[2001:db8::1]", "[2001:db8::1]:443", True),
    ],
)
def test_an_address_is_read_as_it_is_written(url, target, encrypted):
    """Also one whose host has colons of its own."""
    assert (target, encrypted) == target_of(url)


@pytest.mark.parametrize(
    "raw",
    [b"", b"abc", b"\xff\xff\xff\xff\x10\x00\x00\x00" + b"\x01" * 16],
    ids=["none", "cut", "odd"],
)
def test_what_is_no_schema_is_asked_for_again(raw):
    """It is an answer that was cut."""
    with pytest.raises(TransientError, match="no schema"):
        schema_of(raw)
