"""Proxies, certificates and credentials of the HTTP client, on real sockets."""

import ssl
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from yarl import URL

from ogfd.plugin import (
    AuthError,
    FatalError,
    NotFoundError,
    TransientError,
)
from ogfd.traffic import Network, RetrySettings

ONE_TRY = RetrySettings(retries=0)


def http(status: Any, body: Any = b"", *headers: Any) -> Any:
    lines = [f"HTTP/1.1 {status} Reason".encode(), b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


OK = http(200, b"{}", b"Content-Type: application/json")


@pytest.fixture
def ask(make_traffic: Any) -> Any:
    """Makes one request to a server and returns the answer."""

    async def send(
        server: Any, method: Any = "GET", path: Any = "/x", settings: Any = None, **options: Any
    ) -> Any:
        async with make_traffic(allowed_origins=[server.url], **settings or {}) as traffic:
            return await traffic.request(method, server.url + path, operation="s3:Get", **options)

    return send


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://cloud.com/", True),
        ("https://corp.example/", False),
        ("https://a.corp.example./", False),
        ("https://notcorp.example/", True),
        ("https://x.dotted.example/", False),
        ("https://x.starred.example/", False),
        ("https://port.example:8443/", False),
        ("https://port.example/", True),
        ("http://cloud.com/", False),
        ("http://127.0.0.1:5000/", False),
        ("https://127.8.0.1/", False),
        ("https://localhost/", False),
        ("https://[::1]/", False),
        ("https://[fd12::1]/", False),
        ("https://[fd12::2]/", True),
        ("https://169.254.169.254/latest", False),
        ("https://[fd00:ec2::254]/latest", False),
        ("https://metadata.google.internal/", False),
    ],
)
def test_no_proxy_names_hosts_and_all_below(url: Any, proxied: Any) -> None:
    """Loopback and metadata services never go by the proxy, nor what speaks another scheme."""
    no_proxy = ["Corp.example", ".dotted.example", " *.starred.example", "port.example:8443", ""]
    no_proxy.append("[fd12::1]")
    network = Network(proxies={"https": "http://proxy:3128"}, no_proxy=no_proxy)
    found = network.proxy_for(URL(url))

    assert (URL("http://proxy:3128") if proxied else None) == (found.url if found else None)
    assert replace(network, no_proxy=["*"]).proxy_for(URL(url)) is None
    assert Network().proxy_for(URL(url)) is None


def test_a_login_goes_into_a_header_of_its_own() -> None:
    """Where no error of aiohttp shows it, and no repr of ours."""
    network = Network(proxies={"https": "http://u:p%40ss%C3%B6@proxy:3128"})
    found = network.proxy_for(URL("https://cloud.com/"))
    assert found is not None

    assert URL("http://proxy:3128") == found.url
    login = b64encode("u:p@ss\u00f6".encode()).decode()
    assert {"Proxy-Authorization": f"Basic {login}"} == found.headers
    assert not any(text in f"{network!r}{found!r}" for text in ("ss", login))


async def test_a_proxy_is_used_unless_the_host_goes_without(
    make_traffic: Any, raw_server: Any
) -> None:
    """CONNECT for TLS; the proxy's refusal is the error."""
    async with raw_server(http(407)) as proxy:
        network = Network(proxies={"https": proxy.url}, no_proxy=["direct.example"])
        settings = {"allowed_hosts": ["*.example"], "network": network, "retry": ONE_TRY}
        async with make_traffic(**settings) as traffic:
            with pytest.raises(AuthError, match="the proxy answered 407"):
                await traffic.request("GET", "https://cloud.example/?sig=1", operation="o")
            with pytest.raises(TransientError):
                await traffic.request("GET", "https://direct.example/", operation="o")

    assert [b"CONNECT cloud.example:443"] == [line[:25] for line in proxy.requests]


async def test_a_tunnel_that_the_proxy_refuses_is_no_request(
    make_traffic: Any, raw_server: Any
) -> None:
    """The provider saw nothing, so what is not idempotent is sent again too."""
    async with raw_server(http(503)) as proxy:
        network = Network(proxies={"https": proxy.url})
        async with make_traffic(allowed_hosts=["cloud.example"], network=network) as traffic:
            with pytest.raises(TransientError, match="the proxy answered 503"):
                await traffic.request("POST", "https://cloud.example/", operation="o", json={})

    assert 4 == len(proxy.requests)


def test_certificates_are_read_once(tmp_path: Any) -> None:
    """Not for each run of each connector; another network has its own, and a failure none."""
    ca_file = tmp_path / "ca.pem"
    network = Network(ca_file=ca_file)
    with pytest.raises(FileNotFoundError):
        network.trust()
    trustme.CA().cert_pem.write_to_path(ca_file)
    with ThreadPoolExecutor() as threads:
        contexts = {context.result() for context in [threads.submit(network.trust) for _ in "1234"]}

    assert {network.trust()} == contexts
    assert replace(network, ca_file=None).trust() not in contexts
    assert network == Network(ca_file=ca_file)


@pytest.fixture
def certificate(tmp_path: Any) -> Any:
    """A certificate for 127.0.0.1 that no system trusts."""
    x509 = pytest.importorskip("cryptography.x509")
    import ipaddress

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ogfd test")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)
    return pem, context


async def test_a_certificate_that_is_not_trusted_is_fatal(
    make_traffic: Any, raw_server: Any, certificate: Any
) -> None:
    """No retry mends it; with the right ca_file it is fine."""
    pem, context = certificate
    async with raw_server(OK, ssl=context) as server:
        for trusted in (None, pem):
            settings = {"allowed_origins": [server.url], "network": Network(ca_file=trusted)}
            async with make_traffic(**settings) as traffic:
                if trusted:
                    assert 200 == (await traffic.request("GET", server.url, operation="o")).status
                else:
                    with pytest.raises(FatalError) as raised:
                        await traffic.request("GET", server.url, operation="o")
                    assert 1 == raised.value.attempts


async def test_each_attempt_is_authorised_anew(ask: Any, raw_server: Any) -> None:
    """A token may have been renewed meanwhile; it never shows in an error."""
    tokens = iter(["one", "two"])

    async def auth() -> Any:
        return {"Authorization": f"Bearer {next(tokens)}"}

    async with raw_server(http(503), http(404)) as server:
        with pytest.raises(NotFoundError) as raised:
            await ask(server, auth=auth)

    assert b"Authorization: Bearer one\r\n" in server.requests[0]
    assert b"Authorization: Bearer two\r\n" in server.requests[1]
    assert "Bearer" not in repr(raised.value.__cause__)


class Renewing:
    """An auth that can be told that its token is no good."""

    def __init__(self) -> None:
        self.generation = 0

    async def refresh(self) -> Any:
        self.generation += 1

    async def __call__(self) -> Any:
        return {"Authorization": f"Bearer {self.generation}"}


async def test_a_401_renews_the_token_once(ask: Any, raw_server: Any) -> None:
    """And the request goes out with the new one."""
    async with raw_server(http(401), OK) as server:
        assert 200 == (await ask(server, auth=Renewing())).status
    assert b"Bearer 1" in server.requests[1]

    async with raw_server(http(401)) as server:
        with pytest.raises(AuthError):
            await ask(server, auth=Renewing())
    assert 2 == len(server.requests)


async def test_a_failed_authorisation_sends_nothing(ask: Any, raw_server: Any) -> None:
    """Its error is the error of the request; not idempotent or not, it may be repeated."""
    failures = [ConnectionResetError(), None]

    async def auth() -> Any:
        failure = failures.pop(0)
        if failure:
            raise failure
        return {}

    async with raw_server(OK) as server:
        assert 200 == (await ask(server, "POST", auth=auth)).status
    assert 1 == len(server.requests)
