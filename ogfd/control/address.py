"""Where the daemon listens, and where it must not."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from ogfd.config import ConfigError, Mistake

_LOCAL_NAMES: Final = frozenset({"localhost", "ip6-localhost"})


def loopback_address(text: str, key: str) -> tuple[str, int]:
    """
    Parse ``host:port`` of the control listener, which must stay on this machine.

    Raises:
        ConfigError: if it is no address, or one that others can reach: operations and reports
            have no TLS and no tokens yet.
    """
    host, port = address(text, key)
    if not is_loopback(host):
        raise _mistake(
            f"{text} can be reached from other machines, which needs TLS and a token; "
            "listen on 127.0.0.1, or serve metrics and health alone by metrics_listen",
            key,
        )
    return host, port


def address(text: str, key: str) -> tuple[str, int]:
    """
    Parse ``host:port``; an IPv6 host stands in brackets.

    Raises:
        ConfigError: if it is none.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.netloc != text or parts.username is not None:
        raise _mistake(f"{text!r} is not host:port, such as 127.0.0.1:8090 or [::1]:8090", key)
    return host, port


def is_loopback(host: str) -> bool:
    """Tell whether *host* can only be this machine."""
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _mistake(message: str, key: str) -> ConfigError:
    return ConfigError([Mistake(message=message, key=key)])
