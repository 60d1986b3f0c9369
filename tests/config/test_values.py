"""What ogfd's own keys take."""

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from ogfd.config import (
    ACCOUNT_KEYS,
    ARCHIVE_KEYS,
    CONNECTOR_KEYS,
    DAEMON_KEYS,
    RETRY_KEYS,
    STREAM_KEYS,
    AccountFilter,
    ArchiveConfig,
    ConnectorTable,
    DaemonConfig,
    RetryConfig,
    StreamTable,
)

TEN = ip_network("10.1.2.3/32")


@pytest.mark.parametrize(
    ("keys", "kind", "others"),
    [
        (DAEMON_KEYS, DaemonConfig, set()),
        (ARCHIVE_KEYS, ArchiveConfig, set()),
        (RETRY_KEYS, RetryConfig, set()),
        (ACCOUNT_KEYS, AccountFilter, set()),
        (CONNECTOR_KEYS, ConnectorTable, {"name", "values", "streams"}),
        (STREAM_KEYS, StreamTable, {"name", "values", "whole", "mistakes"}),
    ],
)
def test_every_key_has_its_field_and_every_field_its_key(keys, kind, others):
    """Nothing can be set that nobody reads, and the other way round."""
    assert {field.name for field in fields(kind)} - others == keys.keys()


@pytest.mark.parametrize(
    ("key", "good", "read"),
    [
        ("memory", "256MiB", 256 << 20),
        ("memory", "1.5 GiB", 3 << 29),
        ("memory", "20GB", 20 * 10**9),
        ("memory", "64M", 64 * 10**6),
        ("memory", "512", 512),
        ("memory", 4096, 4096),
        ("listen", "[::1]:8090", "[::1]:8090"),
        ("listen", "localhost:0", "localhost:0"),
        ("listen", "127.8.0.1:1", "127.8.0.1:1"),
        ("listen", "", ""),
        ("metrics_listen", "0.0.0.0:9188", "0.0.0.0:9188"),
        ("socket", "/" + "s" * 106, Path("/" + "s" * 106)),
        ("proxy", "http://user:pw@proxy.example.com:3128", "http://user:pw@proxy.example.com:3128"),
        ("proxy", "https://proxy", "https://proxy"),
        ("proxy", "cred:proxy", "cred:proxy"),
        ("private_networks", ["10.20.0.0/16"], (ip_network("10.20.0.0/16"),)),
        ("private_networks", ["10.1.2.3", "fd12::/48"], (TEN, ip_network("fd12::/48"))),
        ("private_networks", [], ()),
        ("timezone", "UTC", "UTC"),
    ],
)
def test_good_values_are_read(key, good, read):
    """Sizes become bytes, the rest stays."""
    assert read == DAEMON_KEYS[key].value.parse(good)


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("memory", "0"),
        ("memory", -1),
        ("memory", True),
        ("memory", "iB"),
        ("memory", "1 i"),
        ("memory", 1.5),
        ("listen", "8099"),
        ("listen", "host:99999"),
        ("listen", "http://host:80"),
        ("listen", "user@host:80"),
        ("listen", "host:80/x"),
        ("listen", "0.0.0.0:8090"),
        ("listen", "[::]:8090"),
        ("listen", "daemon.example.com:8090"),
        ("metrics_listen", ""),
        ("socket", "/" + "s" * 107),
        ("proxy", "proxy:3128"),
        ("proxy", "socks5://proxy:1080"),
        ("proxy", "vault:proxy"),
        ("proxy", "http:///path"),
        ("proxy", "http://proxy:99999"),
        ("proxy", "http://user:pw/1@proxy:3128"),
        ("proxy", "http://user:1/pw@proxy:3128"),
        ("proxy", "http://pro xy:3128"),
        ("proxy", "http://[::1"),
        ("private_networks", "10.30.0.0/16"),
        ("private_networks", ["10.20.0.1/16"]),
        ("private_networks", ["intern.example"]),
        ("private_networks", [10]),
        ("org_id", ""),
        ("org_id", "a\nb"),
        ("org_id", 5),
        ("timezone", "../../etc/passwd"),
        ("allow_plain_secrets", "yes"),
        ("slices", True),
        ("slices", 2.0),
    ],
)
def test_bad_values_are_refused_without_being_quoted(key, bad):
    """A value may be a secret in the wrong place."""
    with pytest.raises(ValueError, match="must be") as caught:
        DAEMON_KEYS[key].value.parse(bad)

    assert len(str(bad)) < 4 or str(bad) not in str(caught.value)


@pytest.mark.parametrize("bad", [0, -1, True, float("inf"), float("nan"), "2"])
def test_a_rate_is_a_finite_number_above_zero(bad):
    """Anything else would stop a connector for ever, or never."""
    with pytest.raises(ValueError, match="must be a number above 0"):
        CONNECTOR_KEYS["rate"].value.parse(bad)


def test_a_listener_for_others_is_told_of_metrics_listen():
    """Before the daemon starts, with what to write instead."""
    with pytest.raises(ValueError, match=r"this machine alone.*TLS and a token.*metrics_listen"):
        DAEMON_KEYS["listen"].value.parse("0.0.0.0:8090")


def test_certificates_must_be_there_when_the_configuration_loads(tmp_path, certificate):
    """Otherwise every request would fail, later and once more for each connector."""
    (tmp_path / "notes.pem").write_text("no certificate")
    parse = DAEMON_KEYS["ca_file"].value.parse

    assert certificate == parse(str(certificate))
    for name, reason in [
        ("none.pem", "a file that can be read: No such file"),
        (".", "a file that can be read: Is a directory"),
        ("notes.pem", "a PEM file that holds a certificate"),
    ]:
        with pytest.raises(ValueError, match=f"must be {reason}"):
            parse(str(tmp_path / name))
