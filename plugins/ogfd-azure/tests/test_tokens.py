"""Tokens from a login service over TLS: one at a time, renewed in time, refused for a reason."""

import base64
import json
import logging
import time

import anyio
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificate
from ogfd_azure.clouds import CLOUDS
from ogfd_azure.credentials import SignIn
from ogfd_azure.faults import HINTS
from ogfd_azure.tokens import Tokens
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Login
from ogfd_sandbox.faults import Rule

from ogfd.plugin import AuthError, ErrorClass, Secret, TransientError
from ogfd.testing import FakeContext

ARM = CLOUDS["public"].arm_scope
STORAGE = "https://storage.azure.com/.default"


async def shown(auth):
    return (await auth())["Authorization"].removeprefix("Bearer ")


async def settled():
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_twenty_cold_starts_are_one_request(estate):
    """Azure-identity would make twenty."""
    found = []
    ctx = estate.context()
    async with Tokens(ctx, SignIn(config=estate.config())) as tokens:

        async def start():
            found.append(await shown(tokens.auth(ARM)))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(start)

    assert 20 == len(found)
    assert 1 == len(set(found))
    assert 1 == estate.azure.count("Token")
    assert ["login:Token"] == [call.operation for call in ctx.calls]


async def test_each_scope_has_a_token_of_its_own(estate):
    """And always the same object, so that one refusal is one renewal."""
    async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
        assert tokens.auth(ARM) is tokens.auth(ARM)
        assert await shown(tokens.auth(ARM)) != await shown(tokens.auth(STORAGE))

    assert 1 == estate.azure.count("Token", f"{TENANT_ID} {CLIENT_ID} {ARM}")


async def test_a_token_near_its_end_is_renewed_beside_its_use(desk_of):
    """Nobody waits for the next one while this one is good."""
    desk = desk_of(200, 3600)
    async with Tokens(FakeContext(), desk) as tokens:
        auth = tokens.auth(ARM)
        assert "token-1" == await shown(auth)
        desk.open = anyio.Event()  # the login service hangs
        assert ["token-1"] * 3 == [await shown(auth) for _ in range(3)]
        await settled()
        assert 2 == len(desk.asked)
        desk.open.set()
        await settled()
        assert "token-2" == await shown(auth)

    assert 2 == len(desk.asked)


async def test_a_token_with_time_left_is_kept(desk_of):
    """Five minutes are enough."""
    desk = desk_of(310)
    async with Tokens(FakeContext(), desk) as tokens:
        for _ in range(3):
            assert "token-1" == await shown(tokens.auth(ARM))
        await settled()

    assert 1 == len(desk.asked)


async def test_a_renewal_that_fails_harms_nobody(desk_of, caplog):
    """It is told once, and tried again after a pause."""
    caplog.set_level(logging.WARNING)
    desk = desk_of(200)
    async with Tokens(FakeContext(), desk) as tokens:
        auth = tokens.auth(ARM)
        await auth()
        desk.error = TransientError("the login service is down")
        for _ in range(5):
            assert "token-1" == await shown(auth)
            await settled()

    assert 2 == len(desk.asked)
    (warning,) = caplog.messages
    assert "is not renewed yet: the login service is down" in warning
    assert "token-1" not in caplog.text


async def test_a_token_that_has_run_out_is_waited_for(desk_of):
    """Nobody is sent away with it."""
    desk = desk_of(5, 3600)
    async with Tokens(FakeContext(), desk) as tokens:
        assert "token-1" == await shown(tokens.auth(ARM))
        assert "token-2" == await shown(tokens.auth(ARM))


async def test_leaving_ends_a_renewal_that_hangs(desk_of):
    """The run does not wait for it."""
    desk = desk_of(200)
    with anyio.fail_after(5):
        async with Tokens(FakeContext(), desk) as tokens:
            await tokens.auth(ARM)()
            desk.open = anyio.Event()
            await tokens.auth(ARM)()
            await settled()


async def test_an_error_leaves_as_it_is(desk_of):
    """Not in a group, whatever runs beside."""
    desk = desk_of(200)

    async def run():
        async with Tokens(FakeContext(), desk) as tokens:
            await tokens.auth(ARM)()
            desk.open = anyio.Event()
            await tokens.auth(ARM)()
            raise AuthError("as it is")

    with pytest.raises(AuthError, match="as it is"):
        await run()


async def test_a_token_revoked_in_the_middle_is_replaced_once(estate):
    """The request that was refused is made again with another."""
    ctx = estate.context()
    async with Tokens(ctx, SignIn(config=estate.config())) as tokens:
        auth = tokens.auth(ARM)
        await auth()
        estate.azure.revoke_tokens()
        url = f"{estate.azure.arm_endpoint}/subscriptions?api-version=2022-12-01"
        answer = await ctx.request("GET", url, operation="arm:List", auth=auth)

    assert 200 == answer.status
    assert 1 == ctx.refreshes
    assert 2 == estate.azure.count("Token")


@pytest.mark.parametrize(
    ("keys", "code", "hint"),
    [
        ({"client_secret": Secret("wrong")}, "AADSTS7000215", "secret"),
        ({"tenant_id": "11111111-0000-4000-8000-000000000000"}, "AADSTS90002", "directory"),
        ({"client_id": "11111111-0000-4000-8000-000000000000"}, "AADSTS700016", "app"),
    ],
)
async def test_wrong_credentials_say_which(estate, keys, code, hint):
    """The class, the code of the service, and what to do; the secret nowhere."""
    async with Tokens(estate.context(), SignIn(config=estate.config(**keys))) as tokens:
        with pytest.raises(AuthError) as caught:
            await tokens.auth(ARM)()

    assert (code, HINTS[hint]) == (caught.value.code, caught.value.hint)
    assert str(caught.value).startswith(f"login:Token: sign-in failed: {code}: ")
    assert "wrong" not in str(caught.value).replace(HINTS[hint], "")
    assert CLIENT_SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (Rule(action="status", operation="Token", status=503, code="90033"), 503),
        (Rule(action="status", operation="Token", status=503, body="<html>busy"), 503),
        (Rule(action="status", operation="Token", status=400, code="90033"), 400),
        (Rule(action="status", operation="Token", status=429, code="90055"), 429),
        (Rule(action="reset", operation="Token"), None),
    ],
)
async def test_a_login_service_in_trouble_is_no_error_of_the_credentials(estate, rule, status):
    """Azure-identity calls all of it a failed login; it asks once, and the policy decides."""
    estate.azure.inject(rule)
    async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
        with pytest.raises(TransientError) as caught:
            await tokens.auth(ARM)()
        assert await tokens.auth(ARM)()

    assert status == caught.value.status
    assert ErrorClass.TRANSIENT is caught.value.error_class
    assert 2 == estate.azure.count("Token")


async def test_a_page_of_a_proxy_is_no_token(estate):
    """Whatever its status says."""
    estate.azure.inject(Rule(action="html", operation="Token"))
    async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
        with pytest.raises(TransientError):
            await tokens.auth(ARM)()


async def test_a_secret_in_a_file_is_read_at_each_sign_in(estate, tmp_path):
    """So that it can be replaced in the middle of a run."""
    file = tmp_path / "secret"
    file.write_text("wrong")
    config = estate.config(client_secret=Secret(f"file:{file}"))
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        with pytest.raises(AuthError):
            await tokens.auth(ARM)()
        file.write_text(CLIENT_SECRET)
        assert await tokens.auth(ARM)()


@pytest.mark.parametrize("form", ["pem", "pfx"])
async def test_a_certificate_signs_in(estate, form):
    """As PEM, or as a PFX file in base64."""
    config = estate.config(
        auth="certificate", client_secret=None, certificate=Secret(certificate(form))
    )
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        assert await tokens.auth(ARM)()


@pytest.mark.parametrize("text", ["no certificate", "-----BEGIN NONSENSE-----", ""])
async def test_a_certificate_that_is_none_is_an_error_of_the_credentials(estate, text):
    """Which does not quote it."""
    config = estate.config(auth="certificate", client_secret=None, certificate=Secret(text))
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        with pytest.raises(AuthError) as caught:
            await tokens.auth(ARM)()

    assert not text or text not in str(caught.value)


async def test_a_federated_token_signs_in(estate, tmp_path):
    """That of the file which the platform keeps new."""
    file = tmp_path / "token"
    parts = [{"alg": "RS256"}, {
        "aud": "api://AzureADTokenExchange", "sub": "system:serviceaccount:a:b",
        "exp": time.time() + 600,
    }]  # fmt: skip
    file.write_text(".".join([*(_segment(part) for part in parts), "c2ln"]))
    estate.azure.set_login(Login(subject="system:serviceaccount:a:b"))
    config = estate.config(auth="workload_identity", client_secret=None, token_file=str(file))
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        assert await tokens.auth(ARM)()
        estate.azure.set_login(Login(subject="another"))
        await tokens.auth(ARM).refresh()
        with pytest.raises(AuthError) as caught:
            await tokens.auth(ARM)()

    assert HINTS["federation"] == caught.value.hint


async def test_a_managed_identity_signs_in(estate, monkeypatch):
    """That of a virtual machine, and that of an App Service."""
    config = estate.config(
        auth="managed_identity", tenant_id=None, client_id=None, client_secret=None
    )
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", estate.azure.imds_endpoint)
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        assert await tokens.auth(ARM)()
    for name, value in estate.azure.identity_environment.items():
        monkeypatch.setenv(name, value)
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        assert await tokens.auth(ARM)()

    asked = [r.key.split()[0] for r in estate.azure.requests() if r.operation == "IdentityToken"]
    assert ["imds", "app_service"] == asked


async def test_the_default_takes_what_the_environment_has(estate, monkeypatch):
    """As the SDKs of Azure do."""
    config = estate.config(auth="default", tenant_id=None, client_id=None, client_secret=None)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        with pytest.raises(AuthError) as caught:
            await tokens.auth(ARM)()
        assert HINTS["identity"] == caught.value.hint
        for name, value in (("TENANT_ID", TENANT_ID), ("CLIENT_ID", CLIENT_ID)):
            monkeypatch.setenv(f"AZURE_{name}", value)
        monkeypatch.setenv("AZURE_CLIENT_SECRET", CLIENT_SECRET)
        assert await tokens.auth(ARM)()


def certificate(form):
    """Return a self-signed certificate with its key."""
    pem = (
        trustme.CA()
        .issue_cert("ogfd.example", key_type=trustme.KeyType.RSA)
        .private_key_and_cert_chain_pem.bytes()
    )
    if form == "pem":
        return pem.decode()
    key = serialization.load_pem_private_key(pem, None)
    found = load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    packed = pkcs12.serialize_key_and_certificates(
        b"ogfd", key, found, None, serialization.NoEncryption()
    )
    return base64.b64encode(packed).decode()


def _segment(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
