"""Signing in: by which kinds of file, how often, and what is never told."""

import json

import pytest
from ogfd_gcp.credentials import Once, email_of, load
from ogfd_gcp.session import open_session
from ogfd_sandbox.faults import Rule
from requests import Session

from ogfd.plugin import AuthError, Secret, TransientError

TABLE = "acme-finops.billing.gcp_billing_export_v1_012345_6789AB_CDEF01"


async def asked(cloud, ctx=None, **keys):
    """Ask for something; return the session."""
    config = cloud.config(**keys)
    async with open_session(ctx or cloud.context(), config) as session:
        await session.datasets("acme-finops")
        return session


async def test_a_key_signs_its_own_tokens(cloud):
    """Without a request to a login service; its account is known, its key is not."""
    ctx = cloud.context()
    session = await asked(cloud, ctx)

    assert 0 == cloud.server.count("Token")
    assert "ogfd-reader@acme-finops.iam.gserviceaccount.com" == session.email
    assert [session.email] == ctx.identities


async def test_a_key_can_exchange_its_signature(cloud):
    """Once for many requests."""
    config = cloud.config(tokens="exchange")
    async with open_session(cloud.context(), config) as session:
        for _ in range(3):
            await session.datasets("acme-finops")

    assert 1 == cloud.server.count("Token")


async def test_federation_by_file_is_read_by_its_type(cloud, tmp_path, monkeypatch):
    """Its token is exchanged, and the account impersonated if it says so."""
    subject = tmp_path / "token"
    subject.write_text("of another provider")
    monkeypatch.setenv("OGFD_TEST_KEY", cloud.server.federation_json(subject))

    ctx = cloud.context()
    await asked(cloud, ctx)

    assert 1 == cloud.server.count("ExchangeToken")
    assert 1 == cloud.server.count("ImpersonateAccount")
    assert ["ogfd-reader@acme-finops.iam.gserviceaccount.com"] == ctx.identities


async def test_an_account_is_impersonated_by_another(cloud, monkeypatch):
    """As gcloud writes it with --impersonate-service-account; whom it acts as is told."""
    source = json.loads(cloud.server.credentials_json())
    monkeypatch.setenv("OGFD_TEST_KEY", acting_as(cloud.server.url, source))

    session = await asked(cloud)

    assert 1 == cloud.server.count("ImpersonateAccount")
    assert "ogfd-reader@acme-finops.iam.gserviceaccount.com" == session.email


def acting_as(url, source):
    """Return credentials of *source* to act as the account of the stand-in."""
    account = "ogfd-reader@acme-finops.iam.gserviceaccount.com"
    address = f"{url}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
    return json.dumps(
        {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": address,
            "source_credentials": source,
            "delegates": [],
        }
    )


USER = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}


def test_a_user_of_another_provider_can_sign_in(cloud, monkeypatch):
    """As gcloud writes it of a workforce pool."""
    said = {**USER, "type": "external_account_authorized_user", "token_url": "https://sts/token"}
    monkeypatch.setenv("OGFD_TEST_KEY", json.dumps(said))

    found = load(cloud.config(), Once(Session(), 1.0))

    assert "https://sts/token" == found.token_url


def test_a_user_is_asked_for_what_was_granted(cloud, monkeypatch):
    """Another scope than those that gcloud asked for may be refused."""
    monkeypatch.setenv("OGFD_TEST_KEY", json.dumps(USER))

    assert load(cloud.config(), Once(Session(), 1.0)).scopes is None


def test_another_universe_has_another_bigquery(cloud, monkeypatch):
    """Its tokens are not sent to that of the public cloud."""
    key = json.loads(cloud.server.credentials_json())
    key |= {"universe_domain": "cloud.example", "token_uri": "https://oauth2.cloud.example"}
    monkeypatch.setenv("OGFD_TEST_KEY", json.dumps(key))
    known = load(cloud.config(endpoint="https://bigquery.cloud.example"), Once(Session(), 1.0))

    assert "cloud.example" == known.universe_domain
    with pytest.raises(AuthError, match="another universe") as caught:
        load(cloud.config(endpoint=None), Once(Session(), 1.0))
    assert "endpoint" in caught.value.hint


def test_a_user_can_sign_in(cloud, monkeypatch):
    """As gcloud writes it; whose it is, may be in it."""
    said = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    monkeypatch.setenv("OGFD_TEST_KEY", json.dumps(said))

    found = load(cloud.config(), Once(Session(), 1.0))

    assert "r" == found.refresh_token
    assert email_of(found) is None
    assert "jo@acme.example" == email_of(found.with_account("jo@acme.example"))


def test_a_machine_without_any_credentials_is_told_what_to_set(cloud, tmp_path, monkeypatch):
    """Rather than what google-auth looked for."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)

    with pytest.raises(AuthError, match=r"gcp\.json"):
        load(cloud.config(credentials=None), Once(Session(), 1.0))


async def test_without_a_reference_the_environment_decides(cloud, tmp_path, monkeypatch):
    """The file that it names, of the same kinds."""
    key = tmp_path / "key.json"
    key.write_text(cloud.server.credentials_json())
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))

    await asked(cloud, credentials=None)

    assert 1 == cloud.server.count("ListDatasets")


@pytest.mark.parametrize(
    "content",
    [
        "sesame",
        "[]",
        '{"private_key": "sesame"}',
        '{"type": "sesame_account"}',
        '{"type": "service_account", "private_key": "sesame", "client_email": "x@y"}',
        '{"type": "external_account", "credential_source": {"executable": {"command": "sesame"}}}',
        '{"type": "impersonated_service_account", "source": "sesame"}',
        acting_as("sesame", "sesame"),
        acting_as("sesame", {"type": "impersonated_service_account"}),
        acting_as("sesame", {"type": "authorized_user", "client_id": "sesame"}),
        '{"type": "gdch_service_account", "private_key": "sesame"}',
    ],
)
async def test_what_cannot_be_used_is_refused_without_being_told(cloud, monkeypatch, content):
    """What it should be is told instead."""
    monkeypatch.setenv("OGFD_TEST_KEY", content)

    with pytest.raises(AuthError) as caught:
        await asked(cloud)

    assert "sesame" not in str(caught.value).replace("of type sesame_account", "")
    assert caught.value.hint


async def test_tokens_go_to_encrypted_addresses_alone(cloud, monkeypatch):
    """But for a stand-in, whose key leads to one without."""
    key = json.loads(cloud.server.credentials_json())
    for content in (json.dumps(key), acting_as("https://iam.example", key)):
        monkeypatch.setenv("OGFD_TEST_KEY", content)
        for endpoint in (None, "https://bigquery.example"):
            with pytest.raises(AuthError, match=r"token_uri of .* no https"):
                await asked(cloud, endpoint=endpoint, tokens="exchange")


async def test_a_login_that_fails_is_tried_once(cloud):
    """google-auth would try three times by itself, and hide the wait that was asked for."""
    cloud.server.inject(
        Rule(action="status", operation="Token", status=503, retry_after="7", times=9)
    )

    with pytest.raises(TransientError):
        await asked(cloud, tokens="exchange")

    assert 1 == cloud.server.count("Token")


async def test_a_token_that_ran_out_is_renewed_once(cloud):
    """Calls go on; google-auth would repeat them by itself."""
    ctx = cloud.context()
    config = cloud.config(tokens="exchange")
    async with open_session(ctx, config) as session:
        await session.datasets("acme-finops")
        cloud.server.revoke_tokens()
        await session.datasets("acme-finops")

    assert 1 == ctx.refreshes
    assert 2 == cloud.server.count("Token")
    assert 3 == cloud.server.count("ListDatasets")


async def test_a_file_is_read_again_when_its_token_is_refused(cloud, tmp_path):
    """So that a new key needs no restart."""
    key = tmp_path / "key.json"
    key.write_text(cloud.server.credentials_json())
    config = cloud.config(credentials=Secret(f"file:{key}"), tokens="exchange")
    async with open_session(cloud.context(), config) as session:
        await session.datasets("acme-finops")
        cloud.server.revoke_tokens()
        key.unlink()
        with pytest.raises(AuthError, match="cannot be read"):
            await session.datasets("acme-finops")
