"""Credentials and clients."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from aiobotocore.credentials import AioCredentials
from aiohttp import web
from ogfd_aws.config import AwsConfig
from ogfd_aws.faults import classify
from ogfd_aws.identity import before_the_role
from ogfd_aws.session import RenewableCredentials, open_clients, open_session

from ogfd.plugin import AuthError, Secret
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


SESSION = "arn:aws:sts::123456789012:assumed-role/ogfd/x"


async def signed_in(settings):
    """Sign two requests; return as whom."""
    told = []
    credentials = await (await open_session(settings, told.append)).get_credentials()
    for _ in range(2):
        await credentials.get_frozen_credentials()
    return told


async def test_a_connector_is_signed_in_as_the_session_of_its_role(sts):
    """As AWS told when the role was assumed; nothing is asked for it, and keys alone say nothing."""
    url, asked, expiry = sts
    expiry[0] = "2999-01-01T00:00:00Z"

    assert [] == await signed_in(config(endpoint_url=url))
    assert [SESSION] == await signed_in(config(endpoint_url=url, role_arn=ROLE))
    assert ["AssumeRole"] == [one["Action"] for one in asked]


async def test_it_is_not_signed_in_as_a_role_on_the_way(aws_config, monkeypatch, sts):
    """A profile's role that only assumes the one of the connector is not who asks."""
    url, asked, expiry = sts
    expiry[0] = "2999-01-01T00:00:00Z"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    aws_config(
        "[profile p]\nrole_arn = arn:aws:iam::1:role/way\nsource_profile = s\n"
        "[profile s]\naws_access_key_id = A\naws_secret_access_key = B\n"
    )

    assert [SESSION] == await signed_in(AwsConfig(profile="p"))
    assert [SESSION] == await signed_in(AwsConfig(profile="p", role_arn=ROLE))
    assert ["arn:aws:iam::1:role/way"] * 2 + [ROLE] == [one["RoleArn"] for one in asked]
    ctx = FakeContext(classify=classify)
    await before_the_role(ctx, AwsConfig(profile="p", role_arn=ROLE))
    assert [] == ctx.identities


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
