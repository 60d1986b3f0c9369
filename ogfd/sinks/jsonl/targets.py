"""Where the lines go: a file that can be mended, or a stream that cannot."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from ogfd.plugin import SinkError
from ogfd.sinks.jsonl.lines import END, TORN

_TAIL_BYTES: Final = 1 << 16
_MODE: Final = 0o640  # costs are not for everybody

Write = Callable[[bytes], None]


class FileTarget:
    """A file that is opened for each commit, so it may be rotated by renaming."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Create the file, or mark what a crash left torn. Waits for another writer."""
        with self.appending("cannot open"):
            pass

    @contextmanager
    def appending(self, doing: str) -> Iterator[Write]:
        """Yield a write function; what was written is on disk afterwards, or cut off again."""
        try:
            with self._opened() as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                _mend(file)
                start = file.seek(0, os.SEEK_END)
                try:
                    yield partial(_write_all, file)
                    os.fsync(file.fileno())
                except BaseException:
                    file.truncate(start)
                    raise
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise SinkError(
                f"{doing}: {self._path}: {reason}", hint="make room, or check path and permissions"
            ) from exc

    def _opened(self) -> FileIO:
        created = not self._path.exists()
        # Unbuffered: nothing may be left to be written once a failed commit has been cut off.
        file = FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE), "r+b")
        if created:
            directory = os.open(self._path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        return file


class StreamTarget:
    """A stream that cannot be cut: what failed is marked torn when it can be written again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._torn = False

    def prepare(self) -> None:
        """Do nothing: nobody knows what was written before."""

    @contextmanager
    def appending(self, doing: str) -> Iterator[Write]:
        """Yield a write function; what was written has left this process afterwards."""
        try:
            if self._torn:
                self._write(b"\n" + TORN)
            self._torn = True
            yield self._write
            self._stream.flush()
            self._torn = False
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise SinkError(f"{doing}: stdout: {reason}") from exc

    def _write(self, data: bytes) -> None:
        self._stream.write(data)


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _mend(file: FileIO) -> None:
    """Cut a line that breaks off, and mark a commit without its end."""
    size = file.seek(0, os.SEEK_END)
    line_start, end = _last_line(file, size)
    if end < size:
        file.truncate(end)
    if end and not _closes(file, line_start):
        file.seek(end)
        _write_all(file, TORN)
        os.fsync(file.fileno())


def _last_line(file: FileIO, size: int) -> tuple[int, int]:
    """Return where the last whole line starts and ends; (0, 0) if there is none."""
    end = _after_newline(file, size)
    return (_after_newline(file, end - 1), end) if end else (0, 0)


def _after_newline(file: FileIO, before: int) -> int:
    """Return the place after the last newline that ends at or before *before*; 0 if none."""
    while before > 0:
        start = max(0, before - _TAIL_BYTES)
        file.seek(start)
        found = file.read(before - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        before = start
    return 0


def _closes(file: FileIO, start: int) -> bool:
    """Tell whether the line at *start* ends a commit, or marks one as torn."""
    file.seek(start)
    return file.read(len(TORN)).startswith((END, TORN))
