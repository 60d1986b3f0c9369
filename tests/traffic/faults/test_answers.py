"""What the SDKs' exceptions say of the answer behind them: made by the SDKs themselves."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import urllib3
from anyio import to_thread
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ResourceModifiedError,
)
from azure.core.pipeline.transport import AsyncioRequestsTransport, RequestsTransport
from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.identity.aio import ManagedIdentityCredential
from botocore import exceptions as aws
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from faults.certificate import certificate
from google.api_core import exceptions as google
from google.auth import compute_engine, identity_pool
from google.auth.exceptions import OAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.cloud.bigquery.job.base import _error_result_to_exception
from google.oauth2 import credentials as user
from google.oauth2 import service_account
from google.protobuf.duration_pb2 import Duration
from google.resumable_media import InvalidResponse
from google.rpc.error_details_pb2 import RetryInfo

from ogfd.plugin import ErrorClass
from ogfd.traffic import classify as judge

classify: Any = judge  # may be None, which no test here expects
TRANSIENT, AUTH, BAD_REQUEST, NOT_FOUND, FATAL, UNKNOWN = ErrorClass
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
OPENID = {
    "authorization_endpoint": "https://login.test/t/oauth2/v2.0/authorize",
    "token_endpoint": "https://login.test/t/oauth2/v2.0/token",
    "issuer": "https://login.test/t/v2.0",
}


class Wire(requests.adapters.BaseAdapter):
    """Answers every request in the same way, or raises; OpenID's documents are there."""

    def __init__(self, status: int, body: Any, headers: Any = JSON, raises: Any = None) -> None:
        super().__init__()
        self.status, self.headers, self.raises = status, headers, raises
        self.body = body if isinstance(body, str) else json.dumps(body)

    def send(self, request: Any, **_: Any) -> Any:
        if self.raises is not None:
            raise self.raises
        if "/.well-known/" in request.url:
            return self.answer(request, 200, json.dumps(OPENID), JSON)
        return self.answer(request, self.status, self.body, self.headers)

    def answer(self, request: Any, status: Any, body: Any, headers: Any) -> Any:
        response = requests.Response()
        response.status_code, response.url, response.request = status, request.url, request
        response.headers.update(headers)
        raw = io.BytesIO(body.encode())
        response.raw = urllib3.HTTPResponse(
            raw, headers=headers, status=status, preload_content=False
        )
        return response

    def close(self) -> None:
        pass

    @property
    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", self)
        session.mount("http://", self)
        return session


REFUSED = Wire(0, "", raises=requests.exceptions.ConnectionError("refused"))
BUSY = JSON | {"Retry-After": "7"}
OPTIONS: Any = {
    "tenant_id": "t",
    "client_id": "c",
    "client_secret": "s",
    "authority": "https://login.test",
    "disable_instance_discovery": True,
    "retry_total": 0,
}


def oauth(error: str) -> Any:
    return {"error": error, "error_description": "in words", "error_codes": [1]}


async def azure_async(wire: Wire) -> Any:
    transport: Any = AsyncioRequestsTransport(session=wire.session, session_owner=False)
    credential = AsyncClientSecretCredential(transport=transport, **OPTIONS)
    with pytest.raises(Exception) as failed:  # noqa: PT011
        await credential.get_token("https://x/.default")
    return failed.value


async def azure_sync(wire: Wire) -> Any:
    transport = RequestsTransport(session=wire.session, session_owner=False)
    with pytest.raises(ClientAuthenticationError) as failed:
        ClientSecretCredential(transport=transport, **OPTIONS).get_token("https://x/.default")
    return failed.value


async def azure_machine(wire: Wire) -> Any:
    transport: Any = AsyncioRequestsTransport(session=wire.session, session_owner=False)
    credential = ManagedIdentityCredential(transport=transport, retry_total=0)
    with pytest.raises(ClientAuthenticationError) as failed:
        await credential.get_token("https://x/.default")
    return failed.value


async def google_user(wire: Wire) -> Any:
    credential = user.Credentials(
        None, refresh_token="r", token_uri="https://t.test", client_id="c", client_secret="s"
    )
    return refreshed(credential, wire)


async def google_service(wire: Wire) -> Any:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    info = {"client_email": "a@b", "token_uri": "https://t.test", "private_key": key.decode()}
    made: Any = service_account.Credentials
    return refreshed(made.from_service_account_info(info, scopes=["x"]), wire)


async def google_machine(wire: Wire) -> Any:
    return refreshed(compute_engine.Credentials(), wire)


@pytest.fixture
def google_federated(tmp_path: Any) -> Any:
    (tmp_path / "token").write_text("t")
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "token")},
    }

    async def refresh(wire: Wire) -> Any:
        made: Any = identity_pool.Credentials
        return refreshed(made.from_info(info, scopes=["x"]), wire)

    return refresh


def refreshed(credential: Any, wire: Wire) -> Any:
    with pytest.raises((RefreshError, TransportError, OAuthError)) as failed:
        credential.refresh(Request(wire.session))
    return failed.value


@pytest.fixture(autouse=True)
def patient(monkeypatch: Any) -> None:
    """google-auth sleeps between attempts that nobody can forbid it."""
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)


async def test_a_login_endpoint_that_is_down_is_no_refusal(google_federated: Any) -> None:
    """The credentials may be as good as ever; whoever asks for a token calls that a failed login."""
    down = Wire(503, oauth("temporarily_unavailable"), BUSY)
    google_down = Wire(503, {"error": {"code": 503, "status": "UNAVAILABLE"}})

    azures = (azure_async, azure_sync, azure_machine)
    for ask in (*azures, google_user, google_service, google_machine):
        for wire in (down, REFUSED):
            fault = classify(await ask(wire))
            assert (TRANSIENT, False) == (fault.error_class, fault.unauthenticated), (ask, wire)
    assert TRANSIENT is classify(await google_service(Wire(503, "no JSON"))).error_class
    for wire in (google_down, REFUSED, Wire(400, oauth("temporarily_unavailable"))):
        assert TRANSIENT is classify(await google_federated(wire)).error_class


async def test_the_wait_that_a_login_endpoint_asks_for_is_read() -> None:
    """As any other server's."""
    fault = classify(await azure_async(Wire(429, oauth("x"), BUSY)))

    assert (TRANSIENT, 429, True) == (fault.error_class, fault.status, fault.throttled)
    assert timedelta(seconds=7) == fault.retry_after
    assert timedelta(seconds=7) == classify(await azure_machine(Wire(503, "", BUSY))).retry_after


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (400, oauth("temporarily_unavailable"), TRANSIENT),
        (400, oauth("invalid_grant"), AUTH),
        (401, oauth("invalid_client"), AUTH),
        (400, oauth("invalid_scope"), BAD_REQUEST),
        (400, oauth("something_new"), AUTH),
        (404, oauth("invalid_tenant"), AUTH),
    ],
)
async def test_the_oauth_error_decides_before_the_login_endpoints_status(
    status: Any, body: Any, error_class: Any, google_federated: Any
) -> None:
    """Which says nothing of the request that the token was for: a 404 is no missing object."""
    wire = Wire(status, body)
    for ask in (azure_async, google_user, google_federated):
        fault = classify(await ask(wire))
        assert (error_class, error_class is AUTH) == (fault.error_class, fault.unauthenticated)


async def test_a_machine_without_an_identity_is_refused() -> None:
    """Its metadata service answers, with 400 (Azure) or 404 (Google)."""
    for exc in (
        await azure_machine(Wire(400, oauth("invalid_request"))),
        await google_machine(Wire(404, "no service account")),
    ):
        fault = classify(exc)
        assert (AUTH, True) == (fault.error_class, fault.unauthenticated)


def response_of(status: Any, body: Any = "", headers: Any = JSON) -> Any:
    """Return an answer as the SDKs that stand on requests hold it."""
    return Wire(status, body, headers).session.get("https://x.test/")


def azure_response(status: Any, body: Any, headers: Any = JSON) -> Any:
    transport = RequestsTransport(session=Wire(status, body, headers).session, session_owner=False)
    response: Any = transport.send(HttpRequest("GET", "https://x.test/"))
    response.read()
    return response


def test_an_error_of_azure_tells_status_code_and_wait() -> None:
    """The family of its rate limits too; the code is the one that support asks for."""
    headers = JSON | {"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "45"}
    body = {"error": {"code": "TooMany", "message": "m"}}
    fault = classify(HttpResponseError(response=azure_response(429, body, headers)))

    assert (TRANSIENT, 429, "TooMany", True) == (
        fault.error_class,
        fault.status,
        fault.code,
        fault.throttled,
    )
    assert timedelta(seconds=45) == fault.retry_after


def test_an_error_of_azure_is_judged_by_its_status_before_its_type() -> None:
    """A body that is no JSON is no news if the answer was a 404; a type may know what a 412 is."""
    assert NOT_FOUND is classify(DecodeError("m", response=azure_response(404, "<"))).error_class
    assert TRANSIENT is classify(DecodeError("m", response=azure_response(200, "<"))).error_class
    assert (
        TRANSIENT is classify(ResourceModifiedError(response=azure_response(412, ""))).error_class
    )
    assert UNKNOWN is classify(HttpResponseError(response=azure_response(412, ""))).error_class
    assert UNKNOWN is classify(HttpResponseError("no answer")).error_class


def test_a_resource_that_refuses_a_token_wants_another_one() -> None:
    """Azure's clients raise the same for it as for a login endpoint."""
    unauthorized = classify(ClientAuthenticationError(response=azure_response(401, "")))
    forbidden = classify(ClientAuthenticationError(response=azure_response(403, "")))

    assert (AUTH, True, True) == (
        unauthorized.error_class,
        unauthorized.expired,
        unauthorized.unauthenticated,
    )
    assert (AUTH, False, False) == (
        forbidden.error_class,
        forbidden.expired,
        forbidden.unauthenticated,
    )


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (308, FATAL), (400, BAD_REQUEST), (401, AUTH), (403, AUTH), (404, NOT_FOUND),
        (409, BAD_REQUEST), (412, TRANSIENT), (429, TRANSIENT), (500, TRANSIENT), (501, FATAL),
        (503, TRANSIENT), (418, UNKNOWN),
    ],
)  # fmt: skip
def test_an_error_of_google_tells_status_reason_and_wait(status: Any, error_class: Any) -> None:
    """requests calls an answer with an error status false, which must not hide its headers."""
    body = {"error": {"message": "m", "errors": [{"reason": "why", "message": "m"}]}}
    fault = classify(google.from_http_response(response_of(status, body, BUSY)))

    assert (error_class, status, "why") == (fault.error_class, fault.status, fault.code)
    assert (status == 429, status == 401) == (fault.throttled, fault.unauthenticated)
    assert timedelta(seconds=7) == fault.retry_after


def test_googles_retry_info_is_a_wait() -> None:
    """As JSON or as protobuf; the longest wait of all counts."""
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "soon"},
    ]
    body = {"error": {"message": "m", "details": details}}
    by_rest = classify(google.from_http_response(response_of(429, body, BUSY)))
    delay = RetryInfo(retry_delay=Duration(seconds=3, nanos=500_000_000))
    by_grpc = classify(google.ResourceExhausted("m", details=[delay]))

    assert (timedelta(seconds=12.5), "RATE") == (by_rest.retry_after, by_rest.code)
    assert (timedelta(seconds=3.5), True) == (by_grpc.retry_after, by_grpc.throttled)


def test_a_status_that_no_server_sent_is_none() -> None:
    """google-cloud-bigquery calls each failed job that it does not understand a 500."""
    made: Any = _error_result_to_exception
    costly = classify(made({"reason": "bytesBilledLimitExceeded", "message": "m"}))
    denied = classify(made({"reason": "accessDenied", "message": "m"}))
    stopped = classify(made({"reason": "stopped", "message": "m"}))

    assert (UNKNOWN, None) == (costly.error_class, costly.status)
    assert "bytesBilledLimitExceeded" == costly.code
    assert (AUTH, "accessDenied") == (denied.error_class, denied.code)
    assert (UNKNOWN, "stopped") == (stopped.error_class, stopped.code)


def test_an_error_of_botocore_tells_status_code_and_wait() -> None:
    """For connectors that have no table of codes of their own."""
    meta = {"HTTPStatusCode": 503, "HTTPHeaders": {"x-amz-retry-after": "1500"}}
    error: Any = {"Error": {"Code": "SlowDown", "Message": "m"}, "ResponseMetadata": meta}
    fault = classify(aws.ClientError(error, "GetObject"))

    assert (TRANSIENT, 503, "SlowDown") == (fault.error_class, fault.status, fault.code)
    assert timedelta(seconds=1.5) == fault.retry_after
    assert UNKNOWN is classify(aws.ClientError({}, "GetObject")).error_class


def test_an_error_of_requests_tells_status_and_wait() -> None:
    """And what google-resumable-media makes of it."""
    response = response_of(503, "", {"Retry-After": "Thu, 01 Oct 2026 12:00:09 GMT"})
    with pytest.raises(requests.HTTPError) as failed:
        response.raise_for_status()

    for exc in (failed.value, InvalidResponse(response)):
        fault = classify(exc, now=NOW)
        assert (TRANSIENT, 503) == (fault.error_class, fault.status)
        assert timedelta(seconds=9) == fault.retry_after


async def test_a_certificate_that_is_not_trusted_is_fatal_however_deep(
    raw_server: Any, tmp_path: Any
) -> None:
    """Every library wraps it as a connection error, in its own way."""
    async with raw_server(b"", ssl=certificate(tmp_path / "cert.pem").context) as server:

        def by_google() -> Any:
            Request()(server.url)

        def by_azure() -> Any:
            with RequestsTransport() as transport:
                transport.send(HttpRequest("GET", server.url))

        for call in (by_google, by_azure, lambda: requests.get(server.url, timeout=5)):
            with pytest.raises(Exception) as failed:  # noqa: PT011
                await to_thread.run_sync(call)
            assert FATAL is classify(failed.value).error_class, failed.value
