"""The child's side of `ogfd_sandbox.standin`: it says where it listens, and ends with its parent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from typing import Final

CONTROL: Final = "/_sandbox/"
"""The path under which the parent tells the child things; none of a cloud's begins like that."""

SEEDER: Final = "ogfd-sandbox-seeder"
"""Stands in the user agent of what the parent puts by the API of the cloud itself."""


def attach() -> None:
    """Have this process end with its parent, and leave Ctrl-C to it."""
    # Ctrl-C reaches the whole foreground group; the parent decides when the cloud goes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def announce(**ports: int) -> None:
    """Tell the parent where this process listens."""
    with contextlib.suppress(BrokenPipeError):  # the parent is gone; so will this process be
        os.write(1, (json.dumps(ports) + "\n").encode())


def _end_with_parent() -> None:
    # not sys.stdin: its lock, held by this thread, would break the interpreter's own end
    while os.read(0, 4096):
        pass
    os._exit(0)
