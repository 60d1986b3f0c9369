"""Names to addresses that requests may go to."""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ogfd.plugin import FatalError
from ogfd.traffic.web.addresses import IPNetwork, reachable


class GuardedResolver(AbstractResolver):
    """
    Resolves names, and refuses those that lead into a private network.

    The connection goes to an address that was judged: no second answer of a name server can take
    its place. aiohttp resolves no IP literals; `Pins` judges those.

    Args:
        named: host and port of what the operator named, wherever that may be.
        networks: those that other hosts may be in too.
        resolver: does the work; by default the system does.
    """

    def __init__(
        self,
        named: Collection[tuple[str, int | None]],
        networks: Sequence[IPNetwork],
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._named = named
        self._networks = networks
        self._resolver = resolver or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        Return the addresses of *host*.

        Raises:
            FatalError: if one of them is neither public nor in a network that is allowed.
            OSError: if it has none.
        """
        found = await self._resolver.resolve(host, port, family)
        if (host.lower(), port) not in self._named and not all(
            reachable(each["host"], self._networks) for each in found
        ):
            # No OSError: aiohttp would make that a failed connect, which is tried again.
            raise FatalError(
                f"{host} is not on the internet but in a private network",
                hint="if that is meant, name the network in [daemon] private_networks",
            )
        return found

    async def close(self) -> None:
        await self._resolver.close()
