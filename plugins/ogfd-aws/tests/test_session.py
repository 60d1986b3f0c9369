"""Credentials and clients."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from aiobotocore.credentials import AioCredentials
from aiohttp import web
from botocore.exceptions import ConnectionClosedError
from ogfd_aws.config import AwsConfig
from ogfd_aws.faults import classify
from ogfd_aws.session import RenewableCredentials, client_config, open_clients, open_session

from ogfd.plugin import AuthError, FatalError, Secret, SourceError
from ogfd.testing import FakeContext

ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>ASIA{n}</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>{expiry}</Expiration></Credentials><AssumedRoleUser>
<Arn>arn:aws:sts::123456789012:assumed-role/ogfd/x</Arn>
<AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser>
</AssumeRoleResult></AssumeRoleResponse>"""
ROLE = "arn:aws:iam::123456789012:role/ogfd"


@pytest.fixture
async def sts():
    """A token service whose credentials expire as *expiry* says; keeps what it was asked."""
    asked = []
    expiry = ["2020-01-01T00:00:00Z"]

    async def answer(request):
        signed = {"signed": request.headers.get("Authorization", "")}
        asked.append(dict(await request.post()) | signed)
        text = ASSUMED.replace("AssumeRole", asked[-1]["Action"])
        text = text.format(n=len(asked), expiry=expiry[0])
        return web.Response(text=text, content_type="text/xml")

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked, expiry
    await runner.cleanup()


def config(**values):
    static = {"access_key_id": "AKIA", "secret_access_key": Secret("x")}
    return AwsConfig.model_validate(static | values)


async def test_a_role_is_assumed_with_its_external_id(sts):
    """With the credentials that were found first."""
    url, asked, expiry = sts
    expiry[0] = "2999-01-01T00:00:00Z"
    session = await open_session(
        config(endpoint_url=url, role_arn=ROLE, external_id="e1", role_session_name="me")
    )
    credentials = await session.get_credentials()
    frozen = [await credentials.get_frozen_credentials() for _ in range(2)]

    assert ["ASIA1", "ASIA1"] == [one.access_key for one in frozen]
    (request,) = asked
    assert ("AssumeRole", ROLE, "e1", "me") == (
        request["Action"],
        request["RoleArn"],
        request["ExternalId"],
        request["RoleSessionName"],
    )


async def test_a_role_is_assumed_again_when_its_credentials_run_out(sts):
    """Long downloads outlive the hour that they last."""
    url, asked, expiry = sts
    expiry[0] = f"{datetime.now(UTC) + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    session = await open_session(config(endpoint_url=url, role_arn=ROLE))
    credentials = await session.get_credentials()

    first = await credentials.get_frozen_credentials()
    later = await credentials.get_frozen_credentials()
    assert ("ASIA1", "ASIA2") == (first.access_key, later.access_key)
    assert 2 == len(asked)


async def test_a_role_without_credentials_to_assume_it_is_an_auth_error(monkeypatch, tmp_path):
    """One sentence, not a traceback of the SDK."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(AuthError, match=f"no credentials to assume {ROLE}"):
        await open_session(AwsConfig(role_arn=ROLE))
    with pytest.raises(AuthError, match="no credentials to assume"):
        await open_session(AwsConfig(role_arn=ROLE, profile="absent"))


async def test_static_keys_come_from_their_references(monkeypatch):
    """Revealed when the session opens."""
    monkeypatch.setenv("KEY", "k1")
    monkeypatch.setenv("TOKEN", "t1")
    session = await open_session(
        config(secret_access_key=Secret("env:KEY"), session_token=Secret("env:TOKEN"))
    )
    credentials = await (await session.get_credentials()).get_frozen_credentials()

    assert ("AKIA", "k1", "t1") == (
        credentials.access_key,
        credentials.secret_key,
        credentials.token,
    )


@pytest.mark.parametrize(
    "keys",
    [
        {"access_key_id": "A\nB"},
        {"secret_access_key": Secret("secret\tb")},
        {"session_token": Secret("secret\r\n")},
    ],
    ids=["key", "secret", "token"],
)
async def test_a_key_that_is_no_line_is_no_fault_of_the_network(keys):
    """Such as a file with more than the key in it; what it holds is not told."""
    with pytest.raises(AuthError, match="holds a control character") as raised:
        await open_session(config(**keys))

    assert "secret\t" not in str(raised.value)


async def test_dropped_credentials_are_looked_for_anew(tmp_path):
    """A key that was replaced in its file, and a role whose session was revoked."""
    key = tmp_path / "key"
    key.write_text("old")
    session = await open_session(config(secret_access_key=Secret(f"file:{key}")))
    credentials = await session.get_credentials()
    key.write_text("new")
    before = await credentials.get_frozen_credentials()
    await credentials.drop()
    after = await credentials.get_frozen_credentials()

    assert ("old", "new") == (before.secret_key, after.secret_key)


async def test_credentials_that_are_being_loaded_are_dropped_too():
    """They were read before whoever drops them knew better; many ask, and one load answers all."""
    go_on, loaded = anyio.Event(), []

    async def load():
        loaded.append(f"K{len(loaded)}")
        found = AioCredentials(loaded[-1], "s")
        await go_on.wait()
        return found

    credentials = RenewableCredentials(load)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(credentials.get)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(credentials.drop)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    async with anyio.create_task_group() as tasks:
        for _ in range(9):
            tasks.start_soon(credentials.get_frozen_credentials)

    assert "K1" == (await credentials.get_frozen_credentials()).access_key
    assert ["K0", "K1"] == loaded


async def test_a_role_is_assumed_again_when_its_session_is_refused(sts):
    """Before its time is up: the SDK would go on with it until then."""
    url, asked, expiry = sts
    expiry[0] = "2999-01-01T00:00:00Z"
    session = await open_session(config(endpoint_url=url, role_arn=ROLE))
    credentials = await session.get_credentials()
    await credentials.get_frozen_credentials()
    await credentials.drop()

    assert "ASIA2" == (await credentials.get_frozen_credentials()).access_key
    assert 2 == len(asked)


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


async def list_a_bucket(settings):
    ctx = FakeContext(classify=classify)
    async with open_clients(ctx, settings) as clients:
        client = await clients.open("s3")
        await ctx.call("s3:List", client.list_objects_v2, Bucket="b")


async def test_a_web_identity_is_read_anew_each_time(aws_config, monkeypatch, tmp_path, sts):
    """Kubernetes replaces the token in its file; the role is that of the environment."""
    url, asked, expiry = sts
    aws_config("")
    token = tmp_path / "token"
    token.write_text("first")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    expiry[0] = f"{datetime.now(UTC) + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    session = await open_session(AwsConfig())
    credentials = await session.get_credentials()
    await credentials.get_frozen_credentials()
    token.write_text("second")
    await credentials.get_frozen_credentials()

    assert [("AssumeRoleWithWebIdentity", "first"), ("AssumeRoleWithWebIdentity", "second")] == [
        (one["Action"], one["WebIdentityToken"]) for one in asked
    ]


async def test_a_web_identity_without_its_token_is_an_auth_error(aws_config, monkeypatch, tmp_path):
    """The SDK lets out what Python raised."""
    aws_config("")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "absent"))
    with pytest.raises(AuthError):
        await list_a_bucket(AwsConfig())


async def test_a_role_of_a_profile_is_assumed_in_the_partition_of_the_bucket(
    aws_config, monkeypatch, sts
):
    """Without a Region, the SDK would ask the partition of most people."""
    url, asked, expiry = sts
    expiry[0] = "2999-01-01T00:00:00Z"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    aws_config(
        "[profile p]\nrole_arn = arn:aws-cn:iam::123456789012:role/ogfd\nsource_profile = s\n"
        "[profile s]\naws_access_key_id = A\naws_secret_access_key = B\n"
    )
    session = await open_session(AwsConfig(profile="p", region="cn-north-1"))
    credentials = await session.get_credentials()
    await credentials.get_frozen_credentials()

    assert "/cn-north-1/sts/aws4_request" in asked[0]["signed"]


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
