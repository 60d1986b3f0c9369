"""What configuration and environment together say, and what the SDKs are told of it."""

import os
import ssl
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
import trustme
from yarl import URL

from ogfd.traffic import Network, shared
from ogfd.traffic.web.environment import completed, variables, write_bundle

PROXY = "http://proxy:3128"
BUNDLE = Path("/state/ca-bundle.pem")
CERTIFICATES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Start without what the developer's own environment says."""
    for name in [*os.environ]:
        if name.lower().endswith("_proxy") or name in CERTIFICATES or name == "SSL_CERT_DIR":
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environ", "proxies"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": PROXY}, {"https": PROXY}),
        ({"http_proxy": PROXY}, {"http": PROXY}),
        ({"HTTPS_PROXY": "http://other", "https_proxy": PROXY}, {"https": PROXY}),
        ({"HTTPS_PROXY": PROXY, "https_proxy": ""}, {}),
        ({"HTTPS_PROXY": "proxy:3128"}, {"https": PROXY}),
        ({"https_proxy": "https://u:p@proxy"}, {"https": "https://u:p@proxy"}),
    ],
)
def test_the_environment_fills_in_what_is_left_out(environ, proxies):
    """Read as urllib reads it: the small spelling counts, empty is none."""
    assert proxies == completed(Network(), environ).proxies


def test_the_configuration_wins():
    """Key by key: without a no_proxy of its own, that of the environment holds."""
    environ = {"HTTPS_PROXY": "http://other", "NO_PROXY": "a.example, .b.example,"}
    network = completed(Network(proxies={"https": PROXY}), environ)

    assert ({"https": PROXY}, ("a.example", ".b.example")) == (network.proxies, network.no_proxy)
    assert ("c",) == completed(Network(no_proxy=["c"]), environ).no_proxy


@pytest.mark.parametrize(
    "bad",
    [
        "socks5://proxy:1080",
        "http://",
        "://",
        "ftp://proxy",
        "http://proxy:99999",
        "http://proxy:port",
        "http://proxy:0",
        "http://u:canary/1@proxy:3128",
        "http://u:1/canary@proxy:3128",
        "http://u:1?canary@proxy:3128",
        "http://u:1#canary@proxy:3128",
        "http://u:canary@pro xy:3128",
        "http://u:canary@proxy\n:3128",
        "http://[::1",
    ],
)
def test_another_kind_of_proxy_is_refused(bad):
    """Some libraries would go straight, some would fail: nobody would know which."""
    for network, environ in (
        (Network(), {"HTTPS_PROXY": bad}),
        (Network(proxies={"http": bad}), {}),
    ):
        with pytest.raises(ValueError, match="must be an HTTP proxy") as raised:
            completed(network, environ)

        assert "canary" not in str(raised.value)


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_a_proxy_that_is_configured_but_empty_is_no_leave_to_go_straight(nothing):
    """The file of a secret may be empty by mistake."""
    with pytest.raises(ValueError, match="must be an HTTP proxy"):
        completed(Network(proxies={"https": nothing}), {})
    assert {"https": PROXY} == completed(Network(proxies={"https": f" {PROXY}\n"}), {}).proxies


def test_nothing_is_set_if_nothing_is_said():
    """A machine that goes straight stays as it is."""
    assert {} == variables(Network(), {}, None)
    assert {} == variables(Network(no_proxy=["a"]), {"PATH": "/bin"}, None)


def test_proxies_are_set_in_both_spellings():
    """Some read the one, some the other."""
    found = variables(Network(proxies={"https": PROXY}, no_proxy=["a"]), {}, None)

    assert {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"} == found.keys()
    assert found["https_proxy"] == found["HTTPS_PROXY"] == PROXY
    assert found["no_proxy"] == found["NO_PROXY"]


def test_loopback_and_metadata_services_never_go_by_the_proxy():
    """A proxy would answer with its own credentials, or not at all."""
    network = Network(proxies={"http": PROXY}, no_proxy=["*.a.example", ".b", "c", "::1"])
    entries = variables(network, {}, None)["no_proxy"].split(",")

    assert [".a.example", ".b", "c", "::1"] == entries[:4]
    assert {"localhost", "127.0.0.1", "[::1]", "169.254.169.254"} < set(entries)
    assert len(entries) == len(set(entries))
    assert (
        "*"
        == variables(Network(proxies={"http": PROXY}, no_proxy=["a", "*"]), {}, None)["no_proxy"]
    )


def test_certificates_reach_every_library_by_its_own_variable():
    """Those of the configuration win; one variable of the environment is enough for all."""
    environ = {"SSL_CERT_FILE": "/a.pem", "AWS_CA_BUNDLE": "/aws.pem"}
    rest = {"REQUESTS_CA_BUNDLE": "/a.pem", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/a.pem"}

    assert dict.fromkeys(CERTIFICATES, str(BUNDLE)) == variables(Network(), environ, BUNDLE)
    assert rest == variables(Network(), environ, None)
    assert {} == variables(Network(), {"AWS_CA_BUNDLE": "/aws.pem"}, None)


async def test_the_environment_is_as_before_afterwards(tmp_path, monkeypatch):
    """Inside, the network holds for everybody; the file with the certificates may be read."""
    monkeypatch.setenv("NO_PROXY", "a.example")
    before = dict(os.environ)
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    configured = Network(proxies={"https": PROXY}, ca_file=tmp_path / "ca.pem")
    async with shared(configured, tmp_path) as network:
        inside = dict(os.environ)
        bundle = Path(inside["AWS_CA_BUNDLE"])
        assert 0o644 == bundle.stat().st_mode & 0o777

    assert PROXY == inside["https_proxy"]
    assert inside["no_proxy"].startswith("a.example,")
    assert network.proxy_for(URL("https://a.example/")) is None
    assert before == dict(os.environ)
    assert [] == list(tmp_path.glob("*.tmp"))
    assert [bundle, tmp_path / "ca.pem"] == sorted(tmp_path.iterdir())


async def test_what_aiohttp_trusts_is_as_before_afterwards(tmp_path):
    """Inside, its own sessions trust the certificates too; nobody does afterwards."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with aiohttp.TCPConnector() as connector:
        asked = SimpleNamespace(is_ssl=lambda: True, ssl=True)
        outside = connector._get_ssl_context(asked)
        with pytest.raises(RuntimeError):
            async with shared(Network(ca_file=tmp_path / "ca.pem"), tmp_path):
                inside = connector._get_ssl_context(asked)
                raise RuntimeError
        assert connector._get_ssl_context(asked) is outside

    assert der(ca) in inside.get_ca_certs(binary_form=True)
    assert der(ca) not in outside.get_ca_certs(binary_form=True)


async def test_an_environment_that_cannot_be_set_is_left_as_it_was(tmp_path, monkeypatch):
    """The one half of it would be the worse."""
    monkeypatch.setattr(
        "ogfd.traffic.web.environment.variables", lambda *_: {"A_B": "1", "C": "\0"}
    )
    with pytest.raises(ValueError, match="null"):
        async with shared(Network(), tmp_path):
            pass

    assert "A_B" not in os.environ


def test_a_bundle_holds_no_private_key(tmp_path):
    """Some keep it in the same file as the certificate, and the bundle may be read by all."""
    ca = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(
        b"# a note" + ca.private_key_pem.bytes() + b"\n" + ca.cert_pem.bytes().strip()
    )
    write_bundle(tmp_path / "ca.pem", tmp_path / "bundle.pem")

    assert b"PRIVATE" not in (tmp_path / "bundle.pem").read_bytes()
    assert der(ca) in trusted(tmp_path / "bundle.pem")


def test_a_bundle_holds_the_file_and_what_is_trusted_already(tmp_path, monkeypatch):
    """The variable for it says whom else; without it the system and the SDKs do."""
    system, company = trustme.CA(), trustme.CA()
    system.cert_pem.write_to_path(tmp_path / "system.pem")
    company.cert_pem.write_to_path(tmp_path / "company.pem")

    write_bundle(tmp_path / "company.pem", tmp_path / "default.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    write_bundle(tmp_path / "company.pem", tmp_path / "named.pem")

    assert {der(system), der(company)} == trusted(tmp_path / "named.pem")
    assert der(company) in trusted(tmp_path / "default.pem")
    assert len(trusted(tmp_path / "default.pem")) > 50


def der(ca):
    return ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())


def trusted(path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return set(context.get_ca_certs(binary_form=True))
