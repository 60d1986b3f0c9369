"""Everything goes by an HTTP proxy with a CA of its own, whichever library it is that asks."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme
from proxying import Proxy

from ogfd.plugin import AuthError, TransientError
from ogfd.traffic import Network, RetrySettings

CLIENTS = Path(__file__).with_name("proxied_clients.py")
JSON = "application/json"
BACKGROUND = "iamcredentials.googleapis.com"  # google-auth asks it in a thread, when it gets to it
ANSWERS = {
    "api.example.com": (JSON, {"name": "answer"}),
    "billing.s3.eu-central-1.amazonaws.com": (
        "application/xml",
        "<ListBucketResult><Contents><Key>answer</Key></Contents></ListBucketResult>",
    ),
    "login.microsoftonline.com": (
        JSON,
        {"access_token": "answer", "token_type": "Bearer", "expires_in": 3600},
    ),
    "oauth2.googleapis.com": (
        JSON,
        {"access_token": "token", "token_type": "Bearer", "expires_in": 3600},
    ),
    BACKGROUND: (JSON, {"locations": [], "encodedLocations": "0x0"}),
    "bigquery.googleapis.com": (
        JSON,
        {"datasets": [{"datasetReference": {"projectId": "project", "datasetId": "answer"}}]},
    ),
}
ANSWERED = {
    "ctx_request": "answer",
    "aiobotocore": "answer",
    "azure_identity": "answer",
    "google_auth": ["token", "answer"],
}
ASKED_FOR = {
    "ctx_request": ["api.example.com"],
    "aiobotocore": ["billing.s3.eu-central-1.amazonaws.com"],
    "azure_identity": ["login.microsoftonline.com"],
    "google_auth": ["oauth2.googleapis.com"],
}
UNTRUSTED = dict.fromkeys(ANSWERED, "certificate")
FOREIGN = ("_proxy", "_PROXY", "_CA_BUNDLE", "SSL_CERT", "AWS_", "AZURE_", "GOOGLE_", "GRPC_")


class Cloud(http.server.BaseHTTPRequestHandler):
    """Answers for every host that the SDKs know."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, answer = ANSWERS[self.headers["Host"].removesuffix(":443")]
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as the library wants it

    def log_message(self, *_):
        """Keep stderr to the test."""


@pytest.fixture
def cloud():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cloud) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[:2]
        server.shutdown()
        thread.join()


def ask(directory, cases, **environ):
    """Return what came of *cases* in a process with a clean environment and *environ*."""
    kept = {
        name: value for name, value in os.environ.items() if not any(f in name for f in FOREIGN)
    }
    done = subprocess.run(
        [sys.executable, str(CLIENTS), str(directory), json.dumps(cases)],
        env={**kept, **environ, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(directory)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout), done.stdout + done.stderr


def test_all_clients_use_proxy_and_certificates_of_the_configuration(cloud, tmp_path):
    """With its login, and only with its CA; none asks a name server; no_proxy goes straight."""
    with Proxy(trustme.CA(), {"*": cloud}, login="ogfd:p@ss-word") as proxy:
        url = proxy.url_for("ogfd:p%40ss-word")
        both = {"http": url, "https": url}
        ca_file = str(proxy.trusted(tmp_path))
        outcomes, shown = ask(
            tmp_path,
            {
                "untrusted": {"proxies": both},
                "trusted": {"proxies": both, "ca_file": ca_file},
                "direct": {
                    "proxies": both,
                    "no_proxy": ["example.com", "*.amazonaws.com", "microsoftonline.com", ".com"],
                },
                "again": {"proxies": both, "ca_file": ca_file},
                "untrusted again": {"proxies": both},
                "bare": {},
            },
        )

    assert {
        "untrusted": UNTRUSTED,
        "trusted": ANSWERED,
        "direct": ASKED_FOR,
        "again": ANSWERED,
        "untrusted again": UNTRUSTED,
        "bare": ASKED_FOR,
    } == outcomes
    assert sorted(ANSWERS) == sorted({*proxy.hosts, BACKGROUND})
    assert "ss-word" not in shown


def test_without_configuration_the_environment_speaks_to_all_clients(cloud, tmp_path):
    """Its proxy, and its one variable for certificates."""
    with Proxy(trustme.CA(), {"*": cloud}) as proxy:
        outcomes, _ = ask(
            tmp_path,
            {"environment": {}, "exempt": {"no_proxy": ["*"]}},
            HTTPS_PROXY=proxy.url,
            SSL_CERT_FILE=str(proxy.trusted(tmp_path)),
        )

    assert {"environment": ANSWERED, "exempt": ASKED_FOR} == outcomes


@pytest.fixture
def request_by(make_traffic, tmp_path):
    """Makes a request by a proxy, with a login or without."""

    async def send(proxy, login=None, url="https://api.example.com/", **settings):
        by = proxy.url_for(login) if login else proxy.url
        network = Network(proxies={"http": by, "https": by}, ca_file=proxy.trusted(tmp_path))
        settings = {"allowed_hosts": ["*.example.com"], "network": network, **settings}
        async with make_traffic(**settings, retry=RetrySettings(retries=0)) as traffic:
            return (await traffic.request("GET", url, operation="o")).json()["name"]

    return send


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_may_speak_tls_and_ask_for_a_login(cloud, request_by, tls, scheme):
    """Whatever the request speaks; the login is quoted in the URL and goes out as it is."""
    url = f"{scheme}://api.example.com:{443 if scheme == 'https' else 80}/"
    with Proxy(trustme.CA(), {"*": cloud}, login="ogfd:p@ss-wörd", tls=tls) as proxy:
        answer = await request_by(proxy, "ogfd:p%40ss-w%C3%B6rd", url, allowed_origins=[url])

    assert "answer" == answer
    assert 0 == proxy.refused
    assert [scheme == "https"] == [line.startswith("CONNECT") for line in proxy.seen]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_login_shows_in_no_error(cloud, request_by, scheme):
    """Neither when the proxy refuses it nor when there is no proxy; not in its repr either."""
    url = f"{scheme}://api.example.com/"
    errors = []
    with Proxy(trustme.CA(), {"*": cloud}, login="ogfd:other") as proxy:
        with pytest.raises(AuthError, match="407") as refused:
            await request_by(proxy, "ogfd:p%40ss-word", url, allowed_origins=[url])
        errors.append(refused.value)
    with pytest.raises(TransientError, match="connect") as gone:
        await request_by(proxy, "ogfd:p%40ss-word", url, allowed_origins=[url])
    errors.append(gone.value)

    assert [] == proxy.seen
    text = "".join(f"{each!r}{each}{vars(each)}" for exc in errors for each in chain(exc))
    assert "word" not in text
    assert "b2dmZDpw" not in text  # the same in base64


async def test_what_goes_by_a_proxy_is_resolved_there(cloud, request_by):
    """Whether the host is in a private network is the proxy's to say; it is one itself."""
    with Proxy(trustme.CA(), {"*": cloud}) as proxy:
        assert "answer" == await request_by(proxy)


def chain(exc):
    """Yield what a traceback of *exc* shows."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
