"""
A stand-in of a cloud in a process of its own: its life, its log of requests, faults on demand.

    parent ---- stdin (kept open) ---> child     end of file: the child ends, whatever became
    parent <--- one line of JSON ----- child     of its parent; the line says where it listens
    parent ---- HTTP under a path ---> child     what is set, put, asked and injected

The child's side is `ogfd_sandbox.child`.
"""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar

from ogfd_sandbox.child import CONTROL
from ogfd_sandbox.faults import Rule

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 5.0
_CONTROL_SECONDS: Final = 300.0  # a table of a million rows takes its time to load


class Asked(Protocol):
    """One request that a client made."""

    @property
    def operation(self) -> str: ...
    @property
    def key(self) -> str: ...


R = TypeVar("R", bound=Asked)


@contextmanager
def together(*stand_ins: StandIn[Any]) -> Generator[None]:
    """Start *stand_ins* all at once, as each takes a second or two, and close them at the end."""
    with ExitStack() as stack:
        for each in stand_ins:
            stack.callback(each.close)
        with ThreadPoolExecutor(len(stand_ins)) as threads:
            starts = [threads.submit(each.start) for each in stand_ins]
        for start in starts:
            start.result()
        yield


class StandIn(Generic[R]):
    """
    What all stand-ins have in common; use one as a context manager, or `start` and `close` it.

    All methods block. What this object itself puts and reads is not in the log of requests.

    Args:
        port: to listen on; 0 takes a free one.

    Attributes:
        title: what messages call it.
        module: the module that the child runs.
        request: what an entry of the log becomes.
        port: where it listens, once started.
    """

    title: ClassVar[str]
    module: ClassVar[str]
    request: ClassVar[type[Any]]

    def __init__(self, *, port: int = 0) -> None:
        self._wanted_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._control_port = 0
        self.port = 0

    def start(self) -> Self:
        """
        Start the process and wait until it listens.

        Raises:
            RuntimeError: if it does not within half a minute, or the port is taken.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="ogfd-sandbox-")
        try:
            arguments = self._arguments(Path(self._folder.name))
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", self.module, *arguments, str(self._wanted_port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            told = self._announcement(self._process)
        except BaseException:
            self.close()
            raise
        self.port = told["port"]
        self._control_port = told.get("plain_port", self.port)
        return self

    def close(self) -> None:
        """End the process. May be called again."""
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if folder is not None:
            folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def requests(self) -> tuple[R, ...]:
        """Return what clients asked for since the start or `forget_requests`, oldest first."""
        return tuple(self.request(**entry) for entry in self._control("GET", "requests"))

    def forget_requests(self) -> None:
        """Empty the log of requests."""
        self._control("DELETE", "requests")

    def count(self, operation: str = "*", key: str = "*") -> int:
        """Return how many requests of *operation* were made for keys like the pattern *key*."""
        return sum(
            operation in {"*", request.operation} and fnmatchcase(request.key, key)
            for request in self.requests()
        )

    def inject(self, *rules: Rule) -> None:
        """Put *rules* in force instead of all earlier ones."""
        self._control("PUT", "faults", [rule.to_json() for rule in rules])

    def heal(self) -> None:
        """Take all rules away."""
        self.inject()

    def _arguments(self, _folder: Path) -> Sequence[str]:
        """Return what the child is told before the port; *folder* lives as long as it does."""
        return ()

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self._exchange(method, name, content)
        if status != 200:
            raise RuntimeError(f"{self.title} refused {method} {name}: {answer.decode()}")
        return json.loads(answer)

    def _exchange(self, method: str, name: str, content: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self._control_port, timeout=_CONTROL_SECONDS)
        try:
            connection.request(method, CONTROL + name, content)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _announcement(self, process: subprocess.Popen[bytes]) -> dict[str, int]:
        if process.stdout is None:  # never so: it was asked for as a pipe
            raise RuntimeError(f"{self.title} has no standard output")
        ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        line = process.stdout.readline() if ready else b""
        if not line:
            raise RuntimeError(
                f"{self.title} did not start; is the port taken, and all of ogfd-sandbox installed?"
            )
        told: dict[str, int] = json.loads(line)
        return told
