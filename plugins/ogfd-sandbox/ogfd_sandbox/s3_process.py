"""The process of the S3 stand-in: ``python -m ogfd_sandbox.s3_process [PORT]``."""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import Any

from werkzeug.serving import ThreadedWSGIServer

from ogfd_sandbox.child import announce, attach
from ogfd_sandbox.s3_app import SandboxApp


class _Server(ThreadedWSGIServer):
    """Closes a connection that a rule wants reset without saying good-bye first."""

    request_queue_size = 128

    def shutdown_request(self, request: Any) -> None:
        linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        if any(linger):
            self.close_request(request)
        else:
            super().shutdown_request(request)


def main() -> None:
    """Serve until stdin ends."""
    attach()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"
    # moto reads its settings at import
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )

    class Handler(MotoRequestHandler):
        """Does not wait for another request on a connection that a rule has cut."""

        def connection_dropped(self, _error: BaseException, _environ: Any = None) -> None:
            self.close_connection = True

    class Dispatcher(DomainDispatcherApplication):
        """Finds a service once: moto would list its own folder at every request."""

        def __init__(self) -> None:
            super().__init__(create_backend_app)
            self._found: dict[str | None, Any] = {}

        def get_backend_for_host(self, host: str | None) -> Any:
            if host not in self._found:
                self._found[host] = super().get_backend_for_host(host)
            return self._found[host]

    app = SandboxApp(Dispatcher())
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = _Server("127.0.0.1", port, app, Handler)
    announce(port=server.port)
    server.serve_forever()


if __name__ == "__main__":
    main()
