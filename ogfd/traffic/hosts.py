"""Where a connector's requests may go, and by which way."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from yarl import URL

_AS_IT_IS: Final = "".join(chr(code) for code in range(0x21, 0x7F))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """
    How outgoing connections are made.

    Attributes:
        proxy: URL of an HTTP proxy for all requests; None goes straight.
        no_proxy: hosts that are reached without it; ``example.com`` stands for all hosts below it
            too, ``*`` for all. Loopback always is.
        ca_file: PEM certificates to trust besides the system's.
    """

    proxy: str | None = None
    no_proxy: Sequence[str] = ()
    ca_file: Path | None = None

    def proxy_for(self, url: URL) -> str | None:
        """Return the proxy by which *url* is reached; None for none."""
        host = url.host or ""
        if self.proxy is None or _loopback(host):
            return None
        direct = any(_below(host, entry.strip()) for entry in self.no_proxy)
        return None if direct else self.proxy

    def trust(self) -> ssl.SSLContext | bool:
        """
        Return what aiohttp verifies certificates against. Reads a file: call it in a thread.

        Raises:
            OSError: if *ca_file* cannot be read or holds no certificate.
        """
        if self.ca_file is None:
            return True
        context = ssl.create_default_context()
        context.load_verify_locations(self.ca_file)
        return context


class Pins:
    """
    The hosts and endpoints that requests may reach.

    Args:
        hosts: names, or patterns such as ``*.example.com`` for every name below; over TLS only.
        origins: URLs of endpoints that the operator named; their scheme, host and port are
            allowed as they are, plain HTTP included.
    """

    def __init__(self, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        self._names = frozenset(host.lower() for host in hosts if not host.startswith("*."))
        self._suffixes = tuple(host[1:].lower() for host in hosts if host.startswith("*."))
        self._origins = frozenset(_origin(URL(origin)) for origin in origins)

    def check(self, url: str) -> URL:
        """
        Return *url* as it is to be sent: byte for byte, except for what no URL may hold.

        Raises:
            ValueError: if it is no absolute URL, carries a user, or leads elsewhere than allowed.
        """
        target = URL(quote(url, safe=_AS_IT_IS), encoded=True)
        shown = f"{target.scheme}://{target.host}"
        if target.host is None or target.user is not None or target.password is not None:
            raise ValueError(f"{shown} is not a URL that a request may go to")
        if _origin(target) in self._origins:
            return target
        if target.scheme != "https":
            raise ValueError(f"{shown} is not https; only endpoints named in the config may be")
        host = target.host.lower().rstrip(".")
        if host not in self._names and not any(host.endswith(tail) for tail in self._suffixes):
            raise ValueError(f"{target.host} is not one of the connector's allowed hosts")
        return target


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, (url.host or "").lower(), url.port


def _below(host: str, entry: str) -> bool:
    name = entry.removeprefix("*").removeprefix(".").lower()
    return entry == "*" or bool(name and (host == name or host.endswith(f".{name}")))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
