"""Clients of the SDK: one attempt each, sent where it is meant to go, and signed for its Region."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiobotocore.session import AioSession
from aiohttp import web
from botocore.exceptions import ConnectionClosedError
from ogfd_aws.config import AwsConfig
from ogfd_aws.faults import classify
from ogfd_aws.session import client_config, open_clients, open_session

from ogfd.plugin import FatalError, Secret, SourceError
from ogfd.testing import FakeContext

EVENT = "before-call.s3.HeadBucket"


def config(**values):
    static = {"access_key_id": "AKIA", "secret_access_key": Secret("x")}
    return AwsConfig.model_validate(static | values)


async def test_the_sdk_makes_one_attempt_whatever_the_environment_says(monkeypatch):
    """There is one retry layer."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    hits = []

    async def answer(request):
        hits.append(request.path)
        return web.Response(status=503)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with open_clients(FakeContext(), config(endpoint_url=url)) as clients:
        client = await clients.open("s3")
        with pytest.raises(client.exceptions.ClientError):
            await client.list_objects_v2(Bucket="b")
    await runner.cleanup()

    assert ["/b"] == hits


@asynccontextmanager
async def raw(*answers):
    """A server of raw answers, the last one for ever, on connections that it ends after the n-th."""
    asked = []

    async def handle(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asked.append(head.decode().partition(" HTTP/")[0].partition("?")[0])
                answer = answers[min(len(asked), len(answers)) - 1]
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status):
    """botocore follows none either: it could lead anywhere, and S3 wants another signature there."""
    ctx = FakeContext(classify=classify)
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (elsewhere, led):
        answer = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere}/x\r\nContent-Length: 0\r\n\r\n"
        async with (
            raw(answer.encode()) as (url, asked),
            open_clients(ctx, config(endpoint_url=url)) as clients,
        ):
            client = await clients.open("s3")
            with pytest.raises(SourceError) as raised:
                await ctx.call("s3:List", client.list_objects_v2, Bucket="b")

    assert (status, []) == (raised.value.status, led)
    assert ["GET /b", "HEAD /b"][: len(asked)] == asked
    assert isinstance(raised.value, FatalError)


async def test_a_bucket_in_another_region_is_read_there():
    """S3 says where; asked once more with a signature for that region."""
    moved = b"<Error><Code>PermanentRedirect</Code></Error>"
    head = b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: %d\r\n\r\n"
    empty = b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
    found = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(empty) + empty
    async with (
        raw(head % len(moved) + moved, found) as (url, asked),
        open_clients(FakeContext(), config(endpoint_url=url)) as clients,
    ):
        client = await clients.open("s3")
        assert 0 == (await client.list_objects_v2(Bucket="b"))["KeyCount"]

    assert ["GET /b"] * 2 == asked


async def test_a_request_on_a_stale_connection_is_not_repeated_behind_the_policys_back():
    """aiohttp would, without a token."""
    empty = b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(empty) + empty
    async with (
        raw(answer, None, answer) as (url, asked),
        open_clients(FakeContext(), config(endpoint_url=url)) as clients,
    ):
        client = await clients.open("s3")
        await client.list_objects_v2(Bucket="b")
        with pytest.raises(ConnectionClosedError):
            await client.list_objects_v2(Bucket="b")

    assert ["GET /b"] * 2 == asked


def test_clients_sign_with_sigv4_and_pool_more_than_a_run_needs():
    """An installed awscrt must not change what is sent."""
    settings = client_config(config())

    assert "sigv4" == settings.auth_scheme_preference
    assert settings.max_pool_connections >= 8


@pytest.mark.parametrize(
    ("region", "service", "host"),
    [
        ("eu-west-1", "sts", "sts.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "sts", "sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "sts", "sts.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "s3", "s3.us-gov-west-1.amazonaws.com"),
        ("cn-northwest-1", "s3", "s3.cn-northwest-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "s3", "s3.eusc-de-east-1.amazonaws.eu"),
    ],
)
async def test_every_partition_has_endpoints_of_its_own(region, service, host):
    """GovCloud, China and the sovereign cloud know nothing of the others' credentials."""
    async with open_clients(FakeContext(), config(region=region)) as clients:
        client = await clients.open(service)

        assert f"https://{host}" == client.meta.endpoint_url


async def test_sessions_share_the_handlers_of_the_sdk_and_no_other():
    """What one run listens to must not reach another."""
    one, other = await open_session(config()), await open_session(config())
    one.register(EVENT, lambda **_: None)
    found = [each.get_component("event_emitter") for each in (one, other, AioSession())]
    mine, theirs, plain = ([*each._emitter._handlers.prefix_search(EVENT)] for each in found)

    assert plain == theirs
    assert len(plain) + 1 == len(mine)
