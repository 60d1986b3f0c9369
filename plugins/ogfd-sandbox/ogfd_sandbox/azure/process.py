"""The process of the Azure stand-in: ``python -m ogfd_sandbox.azure.process IDENTITY.pem [PORT]``."""

from __future__ import annotations

import ssl
import sys

import anyio
from aiohttp import web

from ogfd_sandbox.azure.app import AzureApp, Handler
from ogfd_sandbox.child import announce, attach


async def _listen(handler: Handler, port: int, tls: ssl.SSLContext | None) -> int:
    """Serve *handler* on the loopback interface; return the port."""
    app = web.Application(client_max_size=0)  # a report may be of any size
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    return int(runner.addresses[0][1])


async def _serve(identity: str, port: int) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(identity)
    app = AzureApp()
    announce(
        port=await _listen(app.secure, port, tls),
        plain_port=await _listen(app.plain, 0, None),
    )
    await anyio.sleep_forever()


def main() -> None:
    """Serve until stdin ends."""
    attach()
    anyio.run(_serve, sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)


if __name__ == "__main__":
    main()
