"""Which IP addresses a connection may go to: the internet's, and networks that are named."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address at its end


def literal(host: str) -> IPAddress | None:
    """Return the address that *host* is; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def reachable(address: str, networks: Sequence[IPNetwork]) -> bool:
    """
    Tell whether a connection may go to *address*: a public one, or one in *networks*.

    Private, link-local (the metadata services of the clouds are), loopback, multicast, shared and
    reserved addresses are not public. An IPv4 address inside an IPv6 one decides for it.

    Raises:
        ValueError: if *address* is none.
    """
    spellings = list(_spellings(ipaddress.ip_address(address)))
    listed = any(each in network for each in spellings for network in networks)
    return listed or _public(spellings[-1])


def _spellings(address: IPAddress) -> Iterator[IPAddress]:
    """Yield *address*, then the IPv4 address inside it, to which a gateway would pass it on."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None:
            yield inner


def _public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    # Which ranges is_private knows has changed with Python's releases; is_reserved has not.
    return address.is_global and not (address.is_multicast or address.is_reserved)
