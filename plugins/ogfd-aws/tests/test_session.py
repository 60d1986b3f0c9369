"""Credentials and clients."""

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from ogfd_aws.config import AwsConfig
from ogfd_aws.session import client_config, open_client, open_session

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
        asked.append(dict(await request.post()))
        text = ASSUMED.format(n=len(asked), expiry=expiry[0])
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
    async with open_client(FakeContext(), config(endpoint_url=url), "s3") as client:
        with pytest.raises(client.exceptions.ClientError):
            await client.list_objects_v2(Bucket="b")
    await runner.cleanup()

    assert ["/b"] == hits


def test_clients_sign_with_sigv4_and_pool_more_than_a_run_needs():
    """An installed awscrt must not change what is sent."""
    settings = client_config(config())

    assert "sigv4" == settings.auth_scheme_preference
    assert settings.max_pool_connections >= 8
