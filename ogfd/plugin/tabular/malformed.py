"""Rows with another number of cells than the header: skipped, counted, and named in part."""

from __future__ import annotations

from typing import Final

import pyarrow.csv as pcsv

from ogfd.plugin.errors import FatalError
from ogfd.plugin.tabular.problems import Rejected

_NAMED: Final = 100
_KEPT_BYTES: Final = 4096
_HOPELESS: Final = 10_000
"""A file none of whose first rows fits its header has a wrong header, not so many wrong rows."""


class Malformed:
    """
    The malformed rows of a file since they were last taken, in bounded memory.

    Attributes:
        count: how many they are.
        error: what is wrong with the file, once it is given up.
    """

    def __init__(self, file: str) -> None:
        self.count = 0
        self.error: FatalError | None = None
        self._file = file
        self._first = 0
        self._kept: list[tuple[str, str]] = []

    def skip(self, row: pcsv.InvalidRow) -> str:
        """Note *row*, whose number is known, and tell pyarrow to skip it or to give up."""
        self.count += 1
        if len(self._kept) < _NAMED:
            reason = f"has {row.actual_columns} cells, the header has {row.expected_columns}"
            self._kept.append((reason, _cut(row.text)))
        if row.number == self._first + 1:  # counted from 1: no row before it was well-formed
            self._first = row.number
            if self._first >= _HOPELESS:
                self.error = self._wrong_header(row)
                return "error"
        return "skip"

    def take(self, last_row: int) -> tuple[Rejected, ...]:
        """Return the rows that came until the well-formed row *last_row*, and forget them."""
        kept, count = self._kept, self.count
        self._kept, self.count = [], 0
        told = [
            Rejected(where=f"{self._file}, near data row {last_row}", reason=reason, raw=text)
            for reason, text in kept
        ]
        if rest := count - len(kept):
            told.append(
                Rejected(
                    where=f"{self._file}, up to data row {last_row}",
                    reason="has another number of cells than the header",
                    rows=rest,
                )
            )
        return tuple(told)

    def _wrong_header(self, row: pcsv.InvalidRow) -> FatalError:
        return FatalError(
            f"{self._file}: none of the first {_HOPELESS} rows fits the header: "
            f"a row has {row.actual_columns} cells, the header has {row.expected_columns}",
            hint="the header may be damaged or of another file; have the file delivered anew",
        )


def _cut(text: str) -> str:
    return text.encode()[:_KEPT_BYTES].decode(errors="ignore")
