"""Which URLs a request may go to."""

import ipaddress
from typing import Any

import pytest
from yarl import URL

from ogfd.traffic import Pins

PINS = Pins(["api.example.com", "*.blob.example"], ["http://127.0.0.1:5000/base", "https://local"])


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/x?y",
        "https://API.example.com:443/",
        "https://api.example.com./",
        "https://a.blob.example/",
        "https://a.b.blob.example/",
        "http://127.0.0.1:5000/elsewhere",
        "https://local/x",
    ],
)
def test_allowed_hosts_and_named_endpoints_pass(url: Any) -> None:
    """Names, patterns and endpoints, whatever their path."""
    assert URL(url, encoded=True) == PINS.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/",
        "https://example.com/",
        "https://evilapi.example.com/",
        "https://api.example.com.evil/",
        "https://blob.example/",
        "https://evilblob.example/",
        "https://api.example.com@evil.com/",
        "https://evil.com\\@api.example.com/",
        "https://user@api.example.com/",
        "https://user:pw@api.example.com/",
        "https://127.0.0.1:5000/",
        "http://127.0.0.1:5001/",
        "http://local/",
        "ftp://api.example.com/",
        "file:///etc/passwd",
        "//api.example.com/",
        "api.example.com/x",
        "https://[::1]/",
        "https://\u0430pi.example.com/",
        "",
    ],
)
def test_all_others_are_refused(url: Any) -> None:
    """Other hosts, schemes, ports of endpoints, users, look-alikes."""
    with pytest.raises(ValueError, match=r".") as raised:
        PINS.check(url)

    assert "pw" not in str(raised.value)


def test_what_a_url_may_not_hold_is_quoted_and_the_rest_left() -> None:
    """A line break in a next link must not become a header."""
    checked = PINS.check("https://api.example.com/a b\r\nX: y?q=%2f\u00e4")

    assert "/a%20b%0D%0AX:%20y?q=%2f%C3%A4" == checked.raw_path_qs


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0177.0.0.1", "127.0.0.01", "127.1."])
def test_a_number_that_is_no_proper_address_is_refused_though_it_is_allowed(host: Any) -> None:
    """The system would take it for an address that nobody has judged."""
    networks = [ipaddress.ip_network("0.0.0.0/0")]
    for hosts in ([host.rstrip(".")], ["*.1"], ["*.01"]):
        with pytest.raises(ValueError, match=r"allowed hosts|neither a name nor an IP address"):
            Pins(hosts, networks=networks).check(f"https://{host}/")


def test_a_name_in_other_letters_is_judged_as_it_is_looked_up() -> None:
    """Whichever way the plugin spells it."""
    for host in ("m\u00fcnchen.example", "xn--mnchen-3ya.example", "XN--mnchen-3ya.example"):
        for hosts in ([host], [f"*.{host.partition('.')[2]}"]):
            checked = Pins(hosts).check("https://xn--mnchen-3ya.example/")
            assert "xn--mnchen-3ya.example" == checked.raw_host
    with pytest.raises(ValueError, match="allowed hosts"):
        Pins(["munchen.example"]).check("https://xn--mnchen-3ya.example/")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_an_address_that_is_not_public_is_refused_though_it_is_allowed(host: Any) -> None:
    """No name is resolved for it later; a listed network is another matter, and so is a pattern."""
    for hosts in ([host.strip("[]")], ["*.0.1", "*.169.254"]):
        with pytest.raises(ValueError, match=r"allowed hosts|\[daemon\] private_networks"):
            Pins(hosts).check(f"https://{host}/")
    networks = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]

    assert Pins([host.strip("[]")], networks=networks).check(f"https://{host}/").host
    assert Pins(["8.8.8.8"]).check("https://8.8.8.8/").host
