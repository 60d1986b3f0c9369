"""The login authority, seen through the credentials of azure-identity."""

import base64
import datetime as dt
import json
import time

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ClientSecretCredential as BlockingClientSecretCredential
from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Login
from ogfd_sandbox.azure.server import Request
from ogfd_sandbox.faults import Rule

ARM = "https://management.azure.com/.default"
SUBSCRIPTIONS = "/subscriptions?api-version=2022-12-01"


def options(azure, **more):
    verify = {"authority": azure.authority, "connection_verify": str(azure.ca_file)}
    return verify | {"retry_total": 0} | more


def credential(azure, tenant=TENANT_ID, client=CLIENT_ID, secret=CLIENT_SECRET):
    return ClientSecretCredential(tenant, client, secret, **options(azure))


def jwt(**claims):
    parts = ({"alg": "RS256"}, {"exp": time.time() + 600, "sub": "system:pod"} | claims)
    segments = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(segment.rstrip("=") for segment in segments), "AAAA"])


async def refusal(azure, scope=ARM, **changes):
    async with credential(azure, **changes) as asking:
        with pytest.raises(ClientAuthenticationError) as caught:
            await asking.get_token(scope)
    response = caught.value.response
    found = json.loads(response.text())
    return response.status_code, found["error"], found["error_codes"], found["error_description"]


@pytest.fixture(scope="module")
def certificate():
    """Return a key and a certificate signed with it, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ogfd")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + signed.public_bytes(serialization.Encoding.PEM)


async def test_a_secret_gets_a_token_that_resource_manager_takes(azure, client):
    """As long-lived as it was set, and noted in the log without the secret."""
    azure.set_login(Login(lifetime_seconds=1800))

    async with credential(azure) as asking:
        token = await asking.get_token(ARM)

    bearer = {"Authorization": f"Bearer {token.token}"}
    status, _, body = await client.ask("GET", SUBSCRIPTIONS, scope=None, headers=bearer)
    assert 1790 < token.expires_on - time.time() <= 1800
    assert (200, []) == (status, json.loads(body)["value"])
    assert (
        Request(operation="Token", key=f"{TENANT_ID} {CLIENT_ID} {ARM}", status=200),
        Request(operation="ListSubscriptions", key="1", status=200),
    ) == azure.requests()
    assert CLIENT_SECRET not in repr(azure.requests())
    assert token.token not in repr(azure.requests())


async def test_the_advice_to_refresh_is_passed_on(azure):
    """azure-identity asks again after it, though the token is still good."""
    azure.set_login(Login(refresh_in_seconds=1))

    async with credential(azure) as asking:
        token = await asking.get_token_info(ARM)

    assert token.refresh_on is not None
    assert token.refresh_on < token.expires_on


async def test_a_demand_for_claims_is_answered_with_a_token(azure):
    """After a challenge of continuous access evaluation; the log tells the two apart."""
    demanded = '{"access_token": {"nbf": {"essential": true, "value": "1790000000"}}}'
    async with credential(azure) as asking:
        first = await asking.get_token(ARM)
        second = await asking.get_token(ARM, claims=demanded)

    assert first.token != second.token
    assert 1 == azure.count("Token", f"* {ARM}")
    assert 1 == azure.count("Token", f"* {ARM} claims")


async def test_a_certificate_gets_a_token(azure, certificate):
    """The assertion that azure-identity makes of it is read, but for its signature."""
    async with CertificateCredential(
        TENANT_ID, CLIENT_ID, certificate_data=certificate, **options(azure)
    ) as asking:
        assert (await asking.get_token(ARM)).token
    assert 1 == azure.count("Token")


async def test_a_federated_workload_gets_a_token(azure, tmp_path):
    """The token of the cluster must be for Azure, of a trusted subject, and not have expired."""
    azure.set_login(Login(subject="system:pod"))
    file = tmp_path / "token"

    async def get(**claims):
        file.write_text(jwt(**({"aud": "api://AzureADTokenExchange"} | claims)))
        async with WorkloadIdentityCredential(
            tenant_id=TENANT_ID,
            client_id=CLIENT_ID,
            token_file_path=str(file),
            **options(azure),
        ) as asking:
            return (await asking.get_token(ARM)).token

    assert await get()
    for claims, code in (
        ({"sub": "another"}, "AADSTS700213"),
        ({"aud": "another"}, "AADSTS700213"),
        ({"exp": time.time() - 1}, "AADSTS700024"),
    ):
        with pytest.raises(ClientAuthenticationError, match=code):
            await get(**claims)


async def test_an_assertion_that_is_no_token_is_refused(azure, tmp_path):
    """A file with something else in it is a common mistake."""
    file = tmp_path / "token"
    file.write_text("not a token")

    async with WorkloadIdentityCredential(
        tenant_id=TENANT_ID, client_id=CLIENT_ID, token_file_path=str(file), **options(azure)
    ) as asking:
        with pytest.raises(ClientAuthenticationError, match="AADSTS50027"):
            await asking.get_token(ARM)


async def test_managed_identities_get_tokens(azure, client, monkeypatch):
    """Of an App Service, and of a virtual machine."""
    for name, value in azure.identity_environment.items():
        monkeypatch.setenv(name, value)
    async with ManagedIdentityCredential() as asking:
        first = (await asking.get_token(ARM)).token
    for name in azure.identity_environment:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds_endpoint)
    async with ManagedIdentityCredential() as asking:
        second = (await asking.get_token(ARM)).token

    for token in (first, second):
        bearer = {"Authorization": f"Bearer {token}"}
        assert 200 == (await client.ask("GET", SUBSCRIPTIONS, scope=None, headers=bearer))[0]
    resource = "https://management.azure.com"
    assert 1 == azure.count("IdentityToken", f"app_service {resource}")
    assert 1 <= azure.count("IdentityToken", f"imds {resource}")


def test_the_blocking_credentials_find_their_way(azure):
    """They are msal's, which asks for the configuration of the tenant first."""
    asking = BlockingClientSecretCredential(
        TENANT_ID, CLIENT_ID, CLIENT_SECRET, disable_instance_discovery=True, **options(azure)
    )

    with asking:
        assert asking.get_token(ARM).token
    assert 1 == azure.count("Discovery", f"/{TENANT_ID}/v2.0/.well-known/openid-configuration")


async def test_refusals_are_those_of_the_authority(azure):
    """By status, by the word of OAuth, and by number."""
    other = "00000000-0000-0000-0000-000000000001"
    refused = await refusal(azure, secret="wrong")

    assert (401, "invalid_client", [7000215]) == refused[:3]
    assert refused[3].startswith("AADSTS7000215: Invalid client secret provided.")
    assert "wrong" not in refused[3]
    assert (400, "invalid_request", [90002]) == (await refusal(azure, tenant=other))[:3]
    assert (400, "unauthorized_client", [700016]) == (await refusal(azure, client=other))[:3]
    assert (400, "invalid_resource", [500011]) == (
        await refusal(azure, scope="https://example.org/.default")
    )[:3]
    assert (400, "invalid_scope", [70011]) == (
        await refusal(azure, scope="https://management.azure.com/user")
    )[:3]


async def test_transient_errors_come_by_rule(azure):
    """They carry the word that tells them from a refusal, though the status is 400."""
    azure.inject(Rule(action="status", operation="Token", status=400, code="AADSTS90033"))

    assert (400, "temporarily_unavailable", [90033]) == (await refusal(azure))[:3]
    async with credential(azure) as asking:
        assert await asking.get_token(ARM)


async def test_a_portal_in_front_of_the_authority_is_no_refusal_of_it(azure):
    """azure-identity has its own word for a body that is not JSON."""
    azure.inject(Rule(action="html", operation="Token"))

    async with credential(azure) as asking:
        with pytest.raises(HttpResponseError):
            await asking.get_token(ARM)


async def test_tokens_are_checked(azure, client):
    """Missing, invented, expired, revoked and for another audience: each says so."""
    azure.set_login(Login(lifetime_seconds=0))
    expired = await client.token()
    azure.set_login(Login())
    revoked = await client.token()
    azure.revoke_tokens()
    foreign = await client.token("https://storage.azure.com/.default")

    async def code(headers):
        status, found, body = await client.ask("GET", SUBSCRIPTIONS, scope=None, headers=headers)
        assert 401 == status
        assert found["WWW-Authenticate"].startswith("Bearer authorization_uri=")
        return json.loads(body)["error"]["code"]

    assert "AuthenticationFailed" == await code({})
    assert "InvalidAuthenticationToken" == await code({"Authorization": "Bearer made-up"})
    for token in (expired, revoked):
        found = await code({"Authorization": f"Bearer {token}"})
        assert "ExpiredAuthenticationToken" == found
    assert "InvalidAuthenticationTokenAudience" == await code(
        {"Authorization": f"Bearer {foreign}"}
    )
