"""Where names may lead."""

import ipaddress
import socket
import ssl

import pytest
import trustme

from ogfd.plugin import FatalError
from ogfd.traffic import Network
from ogfd.traffic.web.addresses import reachable

PRIVATE = (ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd12::/48"))


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "::10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)
def test_what_is_not_public_is_not_reachable(address):
    """In every spelling that a gateway would understand; another listed network does not help."""
    assert not reachable(address, ())
    assert not reachable(address, PRIVATE)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"],
)
def test_what_is_public_is_reachable(address):
    """A network without IPv4 reaches it by NAT64."""
    assert reachable(address, ())


@pytest.mark.parametrize("address", ["10.20.255.1", "::ffff:10.20.0.1", "fd12::1"])
def test_a_listed_network_is_reachable(address):
    """And only by being listed."""
    assert reachable(address, PRIVATE)
    assert not reachable(address, ())


@pytest.fixture
def names(monkeypatch):
    """Stands in for the name server: host to addresses, and what was asked for."""
    known, look_up = {}, socket.getaddrinfo

    def getaddrinfo(host, port, *arguments, **options):
        if host not in known:
            return look_up(host, port, *arguments, **options)
        return [
            found
            for address in known[host]
            for found in look_up(address, port, type=socket.SOCK_STREAM)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


async def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(
    make_traffic, raw_server, names, recorder
):
    """At once and for good, with what to do; one bad address among good ones is enough."""
    names["api.example.com"] = ["2606:4700::1", "127.0.0.1"]
    async with raw_server(OK) as server, make_traffic(allowed_hosts=["*.example.com"]) as traffic:
        url = f"https://api.example.com:{server.url.rpartition(':')[2]}/?sig=1"
        for _ in range(2):
            with pytest.raises(FatalError) as raised:
                await traffic.request("GET", url, operation="o")

    assert 1 == raised.value.attempts
    assert ["fatal", "fatal"] == recorder.results
    assert (
        "api.example.com is not on the internet but in a private network "
        "(if that is meant, name the network in [daemon] private_networks)"
    ) == str(raised.value)
    assert [] == server.requests


async def test_a_listed_network_may_be_asked(make_traffic, raw_server, names, tmp_path):
    """A store behind a private link has its public name and a private address."""
    names["api.example.com"] = ["127.0.0.1"]
    ca, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("api.example.com").configure_cert(context)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    network = Network(
        private_networks=[ipaddress.ip_network("127.0.0.0/8")], ca_file=tmp_path / "ca.pem"
    )
    settings = {"allowed_hosts": ["*.example.com"], "network": network}
    async with raw_server(OK, ssl=context) as server, make_traffic(**settings) as traffic:
        url = f"https://api.example.com:{server.url.rpartition(':')[2]}/"
        assert 200 == (await traffic.request("GET", url, operation="o")).status


async def test_an_endpoint_that_the_operator_named_may_be_anywhere(make_traffic, raw_server, names):
    """By its host and port; another port of that host is not what was named."""
    names["store.example.com"] = ["127.0.0.1"]
    async with raw_server(OK) as server:
        url = f"http://store.example.com:{server.url.rpartition(':')[2]}"
        settings = {"allowed_origins": [url], "allowed_hosts": ["store.example.com"]}
        async with make_traffic(**settings) as traffic:
            assert 200 == (await traffic.request("GET", f"{url}/x", operation="o")).status
            with pytest.raises(FatalError, match="private network"):
                await traffic.request("GET", "https://store.example.com/", operation="o")
