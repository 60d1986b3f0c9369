"""By which way connections leave the machine, and whom they trust."""

from __future__ import annotations

import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from yarl import URL

from ogfd.traffic.web.addresses import IPNetwork, literal

# The metadata services give a machine its own credentials, and no proxy could reach them for it:
# https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-proxy.html says so for AWS.
DIRECT: Final = (
    "localhost",
    "127.0.0.1",
    "::1",
    "[::1]",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "metadata.google.internal",
)
"""What is never reached by a proxy: this machine, and what stands for it in a cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """
    A proxy as a request goes by it.

    Attributes:
        url: without user and password, as aiohttp's errors hold it.
        headers: the login, if it has one.
    """

    url: URL
    headers: Mapping[str, str] = field(repr=False)


class _Trusted:
    """The certificates of one `Network`, read when they are first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def by(self, ca_file: Path | None) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                # Not aiohttp's own: that was made when aiohttp was imported, of the variables of
                # then.
                context = ssl.create_default_context()
                context.set_alpn_protocols(("http/1.1",))
                if ca_file is not None:
                    context.load_verify_locations(ca_file)
                self._context = context
            return self._context


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """
    How outgoing connections are made.

    Attributes:
        proxies: by scheme of a request, ``http`` or ``https``, the URL of the HTTP proxy it goes
            by; without one it goes straight. The URL may hold user and password.
        no_proxy: hosts that are reached without a proxy; ``example.com`` stands for all hosts
            below it too, ``*`` for all. Loopback and `DIRECT` always are.
        ca_file: PEM certificates to trust besides the system's.
        private_networks: networks that hosts may be in which the operator did not name; without
            any they must be on the internet. By a proxy it is the proxy that decides.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_proxy: Sequence[str] = ()
    ca_file: Path | None = None
    private_networks: Sequence[IPNetwork] = ()
    _trusted: _Trusted = field(default_factory=_Trusted, init=False, repr=False, compare=False)

    def proxy_for(self, url: URL) -> Proxy | None:
        """Return the proxy by which *url* is reached; None for none."""
        host = (url.host or "").rstrip(".")
        spellings = (host, f"{host}:{url.port}")
        if _loopback(host) or any(_below(each, (*self.no_proxy, *DIRECT)) for each in spellings):
            return None
        proxy = self.proxies.get(url.scheme)
        return None if proxy is None else _proxy(URL(proxy))

    @property
    def proxy_addresses(self) -> frozenset[tuple[str, int | None]]:
        """Host and port of each proxy."""
        urls = [URL(proxy) for proxy in self.proxies.values()]
        return frozenset(((url.raw_host or "").lower(), url.port) for url in urls)

    def trust(self) -> ssl.SSLContext:
        """
        Return what certificates are verified against. Reads files: call it in a thread.

        They are read once, at the first call that succeeds: it takes 30 ms of the processor, too
        much for each run of each connector. May be called from several threads at once.

        Raises:
            OSError: if *ca_file* cannot be read or holds no certificate.
        """
        return self._trusted.by(self.ca_file)


def _proxy(url: URL) -> Proxy:
    headers = {}
    if url.user is not None or url.password is not None:
        login = b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
        headers["Proxy-Authorization"] = f"Basic {login}"
    return Proxy(url=url.with_user(None), headers=headers)


def _loopback(host: str) -> bool:
    address = literal(host)
    return host == "localhost" if address is None else address.is_loopback


def _below(host: str, entries: Sequence[str]) -> bool:
    names = [_name(entry) for entry in entries]
    return "*" in entries or any(name and f".{host}".endswith(f".{name}") for name in names)


def _name(entry: str) -> str:
    """Return the host of *entry*: an IPv6 address stands in brackets for some and not for others."""
    name = entry.strip().lower().removeprefix("*").removeprefix(".")
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name
