"""What configuration and environment together say, and what the SDKs are told of it."""

import os
import ssl
from pathlib import Path

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


@pytest.mark.parametrize("bad", ["socks5://proxy:1080", "http://", "://", "ftp://proxy"])
def test_another_kind_of_proxy_is_refused(bad):
    """Some libraries would go straight, some would fail: nobody would know which."""
    with pytest.raises(ValueError, match="must be an HTTP proxy"):
        completed(Network(), {"HTTPS_PROXY": bad})


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
    assert [bundle, tmp_path / "ca.pem"] == sorted(tmp_path.iterdir())


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
