"""The tokens that the stand-in of Google gives, and those that it takes."""

import json
import os
import subprocess
import sys

import pytest
from google.api_core import exceptions
from google.auth import identity_pool
from google.auth.exceptions import OAuthError, RefreshError
from google.auth.transport.requests import Request
from google.cloud.bigquery import Client
from google.oauth2 import service_account
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import PROJECT
from ogfd_sandbox.bigquery.tokens import CLIENT_EMAIL
from ogfd_sandbox.faults import Rule

SCOPES = ["https://www.googleapis.com/auth/bigquery"]


def key(bigquery: BigQueryServer, **changes: str) -> service_account.Credentials:
    info = {**json.loads(bigquery.credentials_json()), **changes}
    return service_account.Credentials.from_service_account_info(info, scopes=SCOPES)


def ask(bigquery: BigQueryServer, credentials) -> int:
    endpoint = {"api_endpoint": bigquery.url}
    with Client(PROJECT, credentials, client_options=endpoint) as client:
        (row,) = client.query_and_wait("SELECT 1 AS one", retry=None, job_retry=None)
    return row.one


def test_a_key_is_exchanged_for_a_token_once(bigquery):
    credentials = key(bigquery)

    assert [1, 1] == [ask(bigquery, credentials) for _ in range(2)]
    assert 1 == bigquery.count("Token", f"service_account {CLIENT_EMAIL}")


def test_a_revoked_token_is_refused_and_replaced(bigquery):
    credentials = key(bigquery)
    ask(bigquery, credentials)
    bigquery.revoke_tokens()

    assert 1 == ask(bigquery, credentials)
    assert 2 == bigquery.count("Token")
    assert [200, 401, 200] == [
        request.status for request in bigquery.requests() if request.operation == "Query"
    ]


def test_a_token_that_soon_expires_is_renewed_before_use(bigquery):
    bigquery.set_token_lifetime(60)
    credentials = key(bigquery)

    assert [1, 1] == [ask(bigquery, credentials) for _ in range(2)]
    assert 2 == bigquery.count("Token")


def test_a_token_that_the_account_signed_itself_is_taken(bigquery):
    assert 1 == ask(bigquery, key(bigquery).with_always_use_jwt_access(True))
    assert 0 == bigquery.count("Token")


def test_a_key_that_is_none_of_the_account_s_is_refused(bigquery):
    with pytest.raises(RefreshError, match=r"Invalid JWT Signature\.") as caught:
        ask(bigquery, key(bigquery, private_key_id="0" * 40))

    assert not caught.value.retryable


def test_a_token_for_something_else_is_refused(bigquery):
    other = key(bigquery).with_scopes(["https://www.googleapis.com/auth/drive"])

    with pytest.raises(exceptions.Forbidden) as caught:
        ask(bigquery, other)
    assert "insufficientPermissions" == caught.value.errors[0]["reason"]


def test_a_request_without_a_token_is_refused(bigquery):
    import requests

    answer = requests.get(f"{bigquery.url}/bigquery/v2/projects/p/datasets", timeout=5)

    assert 401 == answer.status_code
    assert "required" == answer.json()["error"]["errors"][0]["reason"]


def test_the_token_service_fails_on_demand(bigquery):
    bigquery.inject(Rule(action="status", operation="Token", status=400, code="invalid_grant"))

    with pytest.raises(RefreshError):
        ask(bigquery, key(bigquery))


@pytest.mark.parametrize("impersonate", [True, False])
def test_another_provider_s_token_is_exchanged(bigquery, tmp_path, impersonate):
    subject = tmp_path / "token"
    subject.write_text("from elsewhere")
    info = json.loads(bigquery.federation_json(subject, impersonate=impersonate))

    assert 1 == ask(bigquery, identity_pool.Credentials.from_info(info, scopes=SCOPES))
    assert [1, int(impersonate)] == [
        bigquery.count("ExchangeToken"),
        bigquery.count("ImpersonateAccount", CLIENT_EMAIL),
    ]


def test_another_provider_s_stale_token_is_refused(bigquery, tmp_path):
    subject = tmp_path / "token"
    subject.write_text("expired")
    info = json.loads(bigquery.federation_json(subject))

    with pytest.raises(OAuthError, match="invalid_grant"):
        identity_pool.Credentials.from_info(info, scopes=SCOPES).refresh(Request())


def test_the_default_credentials_of_a_virtual_machine_lead_here(bigquery, tmp_path):
    code = (
        "import google.auth; from google.auth.transport.requests import Request;"
        f"found, project = google.auth.default(scopes={SCOPES});"
        "found.refresh(Request()); print(found.service_account_email, project)"
    )
    environment = {**os.environ, **bigquery.metadata_environment, "HOME": str(tmp_path)}
    environment.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert f"{CLIENT_EMAIL} {PROJECT}" == done.stdout.strip()
    assert 1 == bigquery.count("MetadataToken", "*/token")
