"""The process of the BigQuery stand-in: ``python -m ogfd_sandbox.bigquery.process [PORT]``."""

from __future__ import annotations

import sys

import anyio
from aiohttp import web

from ogfd_sandbox.bigquery.app import BigQueryApp
from ogfd_sandbox.child import announce, attach


async def _serve(port: int) -> None:
    served = BigQueryApp()
    app = web.Application(client_max_size=0)  # a query may be of any size
    app.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    announce(port=int(runner.addresses[0][1]))
    await anyio.sleep_forever()


def main() -> None:
    """Serve until stdin ends."""
    attach()
    anyio.run(_serve, int(sys.argv[1]) if len(sys.argv) > 1 else 0)


if __name__ == "__main__":
    main()
