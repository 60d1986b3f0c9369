"""One delivery of a month: its lines, how they are spread over files, and its restatement."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ogfd_sandbox.cur import columns
from ogfd_sandbox.cur.book import Book, LineType, make_book
from ogfd_sandbox.cur.cells import Page
from ogfd_sandbox.cur.charges import charge, credit
from ogfd_sandbox.cur.commitments import commit
from ogfd_sandbox.cur.lines import Lines, usage_lines
from ogfd_sandbox.cur.render import Sheet
from ogfd_sandbox.cur.settings import CurSettings, Month
from ogfd_sandbox.cur.truth import Truth, truth_of
from ogfd_sandbox.cur.wording import LATE_TAG

_INVOICE_NUMBERS: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """
    What a later assembly of the same month says differently.

    Attributes:
        day: the day of the month, long past, whose usage is metered anew.
        usage_per_mille: what it is then, in thousandths of what it was.
        vanished: share of the usage lines that are gone.
        credit: share of the largest spending that is credited.
        files: files of the new assembly; one less than before, but at least one, if None.
        finalised: whether the month now has its invoice.
    """

    day: int = 3
    usage_per_mille: int = 960
    vanished: float = 0.005
    credit: Decimal = Decimal("0.02")
    files: int | None = None
    finalised: bool = False


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """
    One delivery of a month.

    Attributes:
        settings: what it was made from.
        month: the billing month.
        book: the dictionaries that *lines* point into.
        lines: its lines.
        files: its number of files.
        revision: 0 for the first delivery of the month, one more for each restatement.
        finalised: whether its rows bear an invoice id.
        new_tag: whether a tag was activated that the first delivery did not know.
    """

    settings: CurSettings
    month: Month
    book: Book
    lines: Lines
    files: int
    revision: int = 0
    finalised: bool = False
    new_tag: bool = False

    @cached_property
    def id(self) -> str:
        """The assembly's id, a UUID."""
        return str(uuid.UUID(bytes=self._digest("assembly")[:16], version=4))

    @cached_property
    def truth(self) -> Truth:
        """The exact totals."""
        return truth_of(self.book, self.month, self.lines)

    @property
    def invoice_id(self) -> str:
        """The invoice's number; empty until the month is final."""
        number = int.from_bytes(self._digest("invoice")[:8]) % _INVOICE_NUMBERS
        return str(_INVOICE_NUMBERS + number) if self.finalised else ""

    def columns(self, file: int) -> tuple[str, ...]:
        """Return the columns of file number *file*, counted from 0."""
        return columns.columns_of(
            commitments=file != self._file_without_commitments,
            late_tag=file == self.files - 1,
            new_tag=self.new_tag,
        )

    def csv(self, file: int) -> Iterator[bytes]:
        """Yield the plain text of file number *file*, in the legacy format."""
        return self._sheet.csv(self.columns(file), *self._lines_of(file))

    def pages(self, file: int) -> Iterator[Page]:
        """Yield the lines of file number *file* as columns, for any other format."""
        return self._sheet.pages(*self._lines_of(file))

    @property
    def _sheet(self) -> Sheet:
        return Sheet(book=self.book, month=self.month, invoice_id=self.invoice_id)

    def _lines_of(self, file: int) -> tuple[Lines, np.random.Generator]:
        random = self.settings.random("ids", self.month, self.revision, file)
        return self.lines.take(self._spread == file), random

    @property
    def _file_without_commitments(self) -> int:
        return self.files - 2  # none if there is but one file

    @cached_property
    def _spread(self) -> npt.NDArray[np.int64]:
        """The file of each line; a line never is in a file that lacks one of its columns."""
        random = self.settings.random("files", self.month, self.revision)
        file = random.integers(self.files, size=len(self.lines))
        committed = self.lines.commitment > 0
        late = np.array([bool(cells.get(LATE_TAG)) for cells in self.book.tags])
        file[committed & (file == self._file_without_commitments)] += 1
        file[late[self.lines.tags]] = self.files - 1
        return file

    def _digest(self, *purpose: object) -> bytes:
        text = repr((self.settings.seed, str(self.month), self.revision, *map(str, purpose)))
        return hashlib.sha256(text.encode()).digest()


def assemble(
    settings: CurSettings,
    month: Month,
    *,
    through_day: int | None = None,
    finalised: bool = False,
) -> Assembly:
    """
    Return the first delivery of *month*.

    Args:
        settings: what shapes it.
        month: the billing month.
        through_day: the last day with usage, for a month that is still running; fees and taxes
            span the whole month all the same.
        finalised: whether the month has its invoice.
    """
    book = make_book(settings)
    random = settings.random("month", month)
    days = min(through_day or month.days, month.days)
    usage = usage_lines(settings, book, days, settings.rows, random)
    used, with_commitments = commit(settings, book, month, usage, random)
    charges = charge(settings, book, month, used, random)
    more = Lines.concat([with_commitments, charges])
    plain = np.flatnonzero(used.of_type(book, LineType.USAGE))
    kept = np.ones(len(used), np.bool_)
    kept[plain[len(plain) - len(more) :]] = False  # room for the others: rows are exact
    lines = Lines.concat([used.take(kept), more])
    return Assembly(
        settings=settings,
        month=month,
        book=book,
        lines=lines.take(random.permutation(len(lines))),
        files=settings.files,
        finalised=finalised,
    )


def restate(before: Assembly, changes: Changes | None = None) -> Assembly:
    """Return the next delivery of the same month: other line ids, another assembly id, *changes*."""
    changes = changes or Changes()
    book, lines = before.book, before.lines
    random = before.settings.random("restate", before.month, before.revision)
    usage = lines.of_type(book, LineType.USAGE)
    gone = usage & (random.random(len(lines)) < changes.vanished)
    metered = usage & ~gone & (lines.start // 24 == changes.day - 1)
    parts = [
        lines.take(~gone & ~metered),
        lines.take(metered).scaled(book, changes.usage_per_mille, 1000),
        credit(book, lines, before.month, changes.credit),
    ]
    return replace(
        before,
        lines=Lines.concat(parts),
        files=changes.files or max(1, before.files - 1),
        revision=before.revision + 1,
        finalised=before.finalised or changes.finalised,
        new_tag=True,
    )
