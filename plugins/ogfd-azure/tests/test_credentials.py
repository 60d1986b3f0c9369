"""Sign-ins at a login service over TLS, each way; what is refused says why."""

import base64
import gc
import json
import logging
import time
import traceback
import warnings

import anyio
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificate
from ogfd_azure.clouds import CLOUDS
from ogfd_azure.credentials import SignIn
from ogfd_azure.faults import HINTS
from ogfd_azure.identity import principal_in
from ogfd_azure.tokens import Tokens
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Login
from ogfd_sandbox.faults import Rule

from ogfd.plugin import AuthError, ErrorClass, Secret, TransientError

ARM = CLOUDS["public"].arm_scope


async def shown(auth):
    return (await auth())["Authorization"].removeprefix("Bearer ")


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


@pytest.mark.parametrize(
    "rule",
    [
        Rule(action="html", operation="Token"),
        Rule(action="status", operation="Token", status=503, body="<html>busy"),
        Rule(action="status", operation="Token", status=302, body="<html>elsewhere"),
    ],
)
async def test_a_page_of_a_proxy_is_no_token(estate, rule):
    """Whatever its status says; nor is it quoted."""
    estate.azure.inject(rule)
    async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
        with pytest.raises(TransientError) as caught:
            await tokens.auth(ARM)()

    assert "<html" not in str(caught.value)


async def test_a_token_that_is_cut_is_quoted_nowhere(estate):
    """What came of it may be most of it."""
    estate.azure.inject(
        Rule(action="truncate", operation="Token", keep_bytes=300, hide_length=True)
    )
    async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
        with pytest.raises(TransientError) as caught:
            await tokens.auth(ARM)()

    assert "access_token" not in "".join(traceback.format_exception(caught.value))


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


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
async def test_a_federated_token_that_cannot_be_read_is_an_error_of_the_credentials(
    estate, tmp_path, content
):
    """It is read at the sign-in, so a file that is gone shows no sooner."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    config = estate.config(auth="workload_identity", client_secret=None, token_file=str(file))
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        with pytest.raises(AuthError, match="auth = workload_identity") as caught:
            await tokens.auth(ARM)()

    assert "file that belongs to auth" in caught.value.hint
    assert 0 == estate.azure.count("Token")


async def test_a_certificate_with_a_password_signs_in(estate):
    """One that is wrong is an error of the credentials."""
    keys = {
        "auth": "certificate",
        "client_secret": None,
        "certificate": Secret(certificate("pem", b"geheim")),
    }
    config = estate.config(certificate_password=Secret("geheim"), **keys)
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        assert await tokens.auth(ARM)()
    config = estate.config(certificate_password=Secret("verraten"), **keys)
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        with pytest.raises(AuthError) as caught:
            await tokens.auth(ARM)()

    assert "verraten" not in str(caught.value)


async def test_a_user_assigned_identity_is_asked_for_by_its_id(estate, monkeypatch):
    """A machine may have several."""
    config = estate.config(auth="managed_identity", tenant_id=None, client_secret=None)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", estate.azure.imds_endpoint)
    async with Tokens(estate.context(), SignIn(config=config)) as tokens:
        assert CLIENT_ID == principal_in(await shown(tokens.auth(ARM))).app_id


async def test_a_sign_in_that_is_cancelled_leaves_nothing_open(estate):
    """No connection to the login service, however far it got."""
    estate.azure.inject(Rule(action="hang", operation="Token", seconds=1, times=9))
    gc.collect()  # what other tests left is none of its business
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for seconds in (0.0, 0.02, 0.1):
            with anyio.move_on_after(seconds) as scope:
                async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
                    await tokens.auth(ARM)()
            assert scope.cancelled_caught
        gc.collect()

    assert [] == [str(warning.message) for warning in found]


async def test_neither_secret_nor_token_is_logged(estate, caplog):
    """Whatever the libraries beneath have to say."""
    caplog.set_level(logging.DEBUG)
    for name in ("azure.core", "azure.identity", "msal"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with Tokens(estate.context(), SignIn(config=estate.config())) as tokens:
        token = await shown(tokens.auth(ARM))

    assert CLIENT_SECRET not in caplog.text
    assert token not in caplog.text


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


def certificate(form, password=None):
    """Return a self-signed certificate with its key, which in PEM may have a password."""
    pem = (
        trustme.CA()
        .issue_cert("ogfd.example", key_type=trustme.KeyType.RSA)
        .private_key_and_cert_chain_pem.bytes()
    )
    key = serialization.load_pem_private_key(pem, None)
    if password is not None:
        locked = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        )
        pem = locked + pem[pem.index(b"-----BEGIN CERTIFICATE") :]
    if form == "pem":
        return pem.decode()
    found = load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    packed = pkcs12.serialize_key_and_certificates(
        b"ogfd", key, found, None, serialization.NoEncryption()
    )
    return base64.b64encode(packed).decode()


def _segment(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
