"""A packed CSV file as a stream of exact reads, with its header read first."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

from isal import igzip
from isal.igzip_lib import IsalError

from ogfd.plugin.errors import FatalError, SourceError, TransientError

Unpack = Callable[[Path], IO[bytes]]

_HEAD: Final = 1 << 20
_MAX_DECODED: Final = 50 << 30
"""Above any file of billing data (AWS splits at about 1 GB compressed), below a full disk of zeros."""

# isal types its error as an instance of Exception; zipfile refuses methods and encryption so.
_DAMAGE: Final = (
    EOFError,
    OSError,
    zlib.error,
    zipfile.BadZipFile,
    cast("type[Exception]", IsalError),
)
_REFUSED: Final = (NotImplementedError, RuntimeError)
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


def gunzip(path: Path) -> IO[bytes]:
    """Open a gzip file, all its members."""
    return cast("IO[bytes]", igzip.open(path, "rb"))


def unpacked(path: Path) -> IO[bytes]:
    """Open a file that is not packed at all."""
    return path.open("rb")


def unzip(path: Path) -> IO[bytes]:
    """
    Open the one file in a ZIP archive.

    Raises:
        FatalError: if there is none, or several.
    """
    archive = zipfile.ZipFile(path)
    members = [name for name in archive.namelist() if not name.endswith("/")]
    if len(members) != 1:
        archive.close()
        raise FatalError(f"the archive holds {len(members)} files, not one")
    return archive.open(members[0])


class Packed:
    """
    The decoded bytes of one file, for `pyarrow.csv`: `read` gives exactly what it is asked for.

    A short read would end a block in the middle of a row, which pyarrow refuses. An error that a
    read raises is kept in *error*, since a reader in another thread may dress it up.

    Raises:
        FatalError: if it is packed in a way that is not read.
        TransientError: if it is damaged.
    """

    closed = False

    def __init__(
        self, path: Path, name: str, unpack: Unpack = gunzip, max_decoded: int = _MAX_DECODED
    ) -> None:
        self._name = name
        self._pending = b""
        self._decoded = 0
        self._max_decoded = max_decoded
        self.error: SourceError | None = None
        self._file: Any = None
        try:
            self._file = unpack(path)
        except FatalError as exc:
            raise FatalError(f"{name}: {exc}") from exc
        except (*_DAMAGE, *_REFUSED) as exc:
            raise self._failed(exc) from exc

    def header(self) -> list[str]:
        """
        Read the header; what follows is the data.

        Raises:
            FatalError: if there is none, or it is no line of UTF-8 CSV.
            TransientError: if the packed data is cut or corrupt.
        """
        head = self.read(_HEAD)
        lines = io.BytesIO(head)
        record = csv.reader(_texts(lines), strict=True)
        try:
            names = next(record)
        except StopIteration:
            raise FatalError(f"{self._name} is empty; not even a header is there") from None
        except UnicodeDecodeError as exc:
            raise FatalError(f"{self._name}: the header is not UTF-8: {exc.reason}") from None
        except csv.Error as exc:
            raise FatalError(f"{self._name}: the header is not CSV: {exc}") from None
        self._check_separator(names)
        self._pending = head[lines.tell() :]
        if not self._pending:
            if len(head) == _HEAD and not head.endswith(b"\n"):
                raise FatalError(f"{self._name}: the header is longer than {_HEAD} bytes")
            self._pending = self.read(_HEAD)
        return names

    @property
    def ended(self) -> bool:
        """Whether no data follows the header; valid after `header`."""
        return not self._pending

    def read(self, size: int = -1) -> bytes:
        """
        Return the next *size* bytes; fewer only at the end.

        Raises:
            FatalError: if the file is packed in a way that is not read, or is too large.
            TransientError: if the packed data is cut or corrupt.
        """
        if self._pending:
            data, self._pending = self._pending[:size], self._pending[size:]
            return data if len(data) == size else data + self.read(size - len(data))
        try:
            decoded: bytes = self._file.read(size)
        except (*_DAMAGE, *_REFUSED) as exc:
            raise self._keep(self._failed(exc)) from exc
        self._decoded += len(decoded)
        if self._decoded > self._max_decoded:
            raise self._keep(
                FatalError(f"{self._name} unpacks to more than {self._max_decoded >> 30} GiB")
            )
        return decoded

    def close(self) -> None:
        """Close the file; may be called again."""
        self.closed = True
        if self._file is not None:
            self._file.close()

    def readable(self) -> bool:
        """Tell pyarrow that this is an input."""
        return True

    def _check_separator(self, names: Sequence[str]) -> None:
        for separator, word in _SEPARATORS.items():
            if len(names) == 1 and separator in names[0]:
                raise FatalError(
                    f"{self._name}: the header is separated by {word}, and commas are expected",
                    hint="have the file exported with commas",
                )

    def _keep(self, error: SourceError) -> SourceError:
        self.error = error
        return error

    def _failed(self, exc: Exception) -> SourceError:
        if isinstance(exc, _REFUSED):
            return FatalError(f"{self._name} cannot be unpacked: {exc}")
        if isinstance(exc, EOFError):
            return TransientError(f"{self._name} is truncated: its packed data does not end")
        return TransientError(f"{self._name} is corrupt: {exc}")


def _texts(lines: io.BytesIO) -> Iterator[str]:
    # BytesIO.readline, unlike iteration, leaves tell() at the end of the line.
    first = True
    while line := lines.readline():
        yield line.decode("utf-8-sig" if first else "utf-8")
        first = False
