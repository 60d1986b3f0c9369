"""Where a connector's requests may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from yarl import URL

from ogfd.traffic.web.addresses import IPNetwork, literal, reachable

_AS_IT_IS: Final = "".join(chr(code) for code in range(0x21, 0x7F))


class Pins:
    """
    The hosts and endpoints that requests may reach.

    Args:
        hosts: names, or patterns such as ``*.example.com`` for every name below; over TLS only.
        origins: URLs of endpoints that the operator named; their scheme, host and port are
            allowed as they are, plain HTTP included.
        networks: those that an IP address among *hosts* may be in, if it is not a public one.
    """

    def __init__(
        self,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        networks: Sequence[IPNetwork] = (),
    ) -> None:
        self._networks = networks
        self._names = frozenset(_sent(host) for host in hosts if not host.startswith("*."))
        self._suffixes = tuple(f".{_sent(host[2:])}" for host in hosts if host.startswith("*."))
        self._origins = frozenset(_origin(URL(origin)) for origin in origins)

    @property
    def named(self) -> frozenset[tuple[str, int | None]]:
        """Host and port of each endpoint that the operator named."""
        return frozenset((host, port) for _, host, port in self._origins)

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
        host = (target.raw_host or "").lower().rstrip(".")  # as it is looked up
        if host not in self._names and not any(host.endswith(tail) for tail in self._suffixes):
            raise ValueError(f"{target.host} is not one of the connector's allowed hosts")
        address = literal(host)
        if address is None and not host.strip("0123456789."):
            raise ValueError(f"{target.host} is neither a name nor an IP address")
        if address is not None and not reachable(host, self._networks):
            raise ValueError(f"{target.host} is in none of the [daemon] private_networks")
        return target


def _sent(host: str) -> str:
    """Return *host* as requests spell it: a name in other letters than ASCII by its IDNA form."""
    return host.lower() if host.isascii() else host.encode("idna").decode().lower()


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, (url.raw_host or "").lower(), url.port
