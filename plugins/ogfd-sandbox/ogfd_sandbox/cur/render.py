"""
Lines to CSV, without touching a row in Python.

Neighbouring columns that come of one dictionary are rendered once for each of its entries; a row
is the concatenation of a few such fragments with its own numbers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd_sandbox.cur.book import Book, Index, LineType
from ogfd_sandbox.cur.cells import Page, everyone, homes_of
from ogfd_sandbox.cur.lines import Lines
from ogfd_sandbox.cur.numbers import Numbers
from ogfd_sandbox.cur.settings import Month
from ogfd_sandbox.cur.wording import SELLER, Cells

_PAGE_ROWS: Final = 65_536
_LETTERS: Final = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_ID_LENGTH: Final = 52
_MARKS: Final = re.compile(r'[,"\n\r]')
_HOUR: Final = np.timedelta64(3600, "s")
_OWN: Final = frozenset(
    {
        "identity/LineItemId",
        "lineItem/UsageAmount",
        "lineItem/NormalizedUsageAmount",
        "lineItem/UnblendedCost",
        "lineItem/BlendedCost",
        "pricing/publicOnDemandCost",
        "reservation/EffectiveCost",
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
        "reservation/UnusedRecurringFee",
        "savingsPlan/SavingsPlanEffectiveCost",
        "savingsPlan/TotalCommitmentToDate",
        "savingsPlan/UsedCommitment",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What the files of an assembly have in common."""

    book: Book
    month: Month
    invoice_id: str

    def csv(
        self, columns: Sequence[str], lines: Lines, random: np.random.Generator
    ) -> Iterator[bytes]:
        """Yield the file's header and rows."""
        yield (",".join(_quoted(column) for column in columns) + "\n").encode()
        plan: list[tuple[str, pa.Array | None]] = []
        for page in self.pages(lines, random):
            plan = plan or [
                (name, None if name in _OWN else _fragments(group, page.sources[name]))
                for name, group in _grouped(columns, page.homes)
            ]
            parts = [
                page.own[name]
                if fragments is None
                else fragments.take(pa.array(page.entries[name]))
                for name, fragments in plan
            ]
            rows = pc.binary_join_element_wise(*parts, ",")
            yield _bytes_of(pc.binary_join_element_wise(rows, "", "\n"))

    def pages(self, lines: Lines, random: np.random.Generator) -> Iterator[Page]:
        """Yield the lines, 65,536 at a time."""
        times, interval = _intervals(self.month, lines)
        sources = {**self._sources(), "time": times}
        homes = homes_of(sources)
        for first in range(0, len(lines), _PAGE_ROWS):
            here = np.arange(first, min(first + _PAGE_ROWS, len(lines)))
            page = lines.take(here)
            yield Page(
                book=self.book,
                lines=page,
                own=self._own(page, random),
                sources=sources,
                homes=homes,
                entries={
                    "template": page.template,
                    "account": page.account,
                    "place": page.place,
                    "tags": page.tags,
                    "commitment": page.commitment,
                    "time": interval[here],
                    "bill": everyone(len(here)),
                },
            )

    def _sources(self) -> dict[str, Sequence[Cells]]:
        when = {
            "bill/BillingPeriodStartDate": _instant(self.month.start),
            "bill/BillingPeriodEndDate": _instant(self.month.end),
        }
        bill = {
            "bill/InvoiceId": self.invoice_id,
            "bill/InvoicingEntity": SELLER,
            "bill/BillType": "Anniversary",
            "bill/PayerAccountId": self.book.account_id(0),
            **when,
        }
        return {
            "template": [template.cells for template in self.book.templates.all],
            "account": self.book.accounts,
            "place": self.book.places,
            "tags": self.book.tags,
            "commitment": self.book.commitments,
            "bill": [bill],
        }

    def _own(self, lines: Lines, random: np.random.Generator) -> dict[str, Any]:
        book = self.book
        cost = lines.cost.texts()
        listed = lines.usage * book.templates.rates("listed").take(lines.template)
        commits = {
            "reservation/EffectiveCost": (LineType.DISCOUNTED, lines.first),
            "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": (
                LineType.RESERVATION_FEE,
                lines.first,
            ),
            "reservation/UnusedRecurringFee": (LineType.RESERVATION_FEE, lines.second),
            "savingsPlan/SavingsPlanEffectiveCost": (LineType.COVERED, lines.first),
            "savingsPlan/TotalCommitmentToDate": (LineType.PLAN_FEE, lines.first),
            "savingsPlan/UsedCommitment": (LineType.PLAN_FEE, lines.second),
        }
        discounts = lines.of_type(book, LineType.EDP, LineType.CREDIT)
        sized = np.array(
            [bool(each.cells.get("lineItem/NormalizationFactor")) for each in book.templates.all]
        )[lines.template]
        factor = Numbers(np.full(len(lines), 4, np.int64), np.zeros(len(lines), np.int8))
        return {
            "identity/LineItemId": _ids(len(lines), random),
            "lineItem/UsageAmount": lines.usage.texts(),
            "lineItem/NormalizedUsageAmount": _where(sized, lines.usage * factor),
            "lineItem/UnblendedCost": cost,
            # blank on discounts, as AWS documents it
            "lineItem/BlendedCost": pc.if_else(pa.array(discounts), "", cost),
            "pricing/publicOnDemandCost": listed.texts(),
            **{
                column: _where(lines.of_type(book, line_type), numbers)
                for column, (line_type, numbers) in commits.items()
            },
        }


def compressed(chunks: Iterator[bytes], level: int) -> Iterator[bytes]:
    """Yield *chunks* as one gzip member; by ISA-L, which is many times faster, if it is there."""
    try:
        from isal import isal_zlib  # noqa: PLC0415 - optional
    except ImportError:
        squeeze: Any = zlib.compressobj(level, zlib.DEFLATED, 31)
    else:
        squeeze = isal_zlib.compressobj(min(level, 2), isal_zlib.DEFLATED, 31)
    for chunk in chunks:
        yield squeeze.compress(chunk)
    yield squeeze.flush()


def _grouped(columns: Sequence[str], homes: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return runs of columns that come of one dictionary; an unused column joins a neighbour."""
    runs: list[tuple[str, tuple[str, ...]]] = []
    for column in columns:
        previous = runs[-1][0] if runs else "bill"
        name = column if column in _OWN else homes.get(column)
        if name is None:
            name = "bill" if previous in _OWN else previous
        if runs and name == previous:
            runs[-1] = (name, (*runs[-1][1], column))
        else:
            runs.append((name, (column,)))
    return runs


def _fragments(columns: Sequence[str], entries: Sequence[Cells]) -> pa.Array:
    return pa.array(
        [",".join(_quoted(entry.get(column, "")) for column in columns) for entry in entries],
        pa.string(),
    )


def _quoted(cell: str) -> str:
    if _MARKS.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _where(mask: Any, numbers: Numbers) -> pa.Array:
    """Return the texts of *numbers* where *mask* is set, blanks elsewhere."""
    places = np.flatnonzero(mask)
    index = np.zeros(len(mask), np.int32)
    index[places] = np.arange(1, len(places) + 1)
    texts = numbers.take(places).texts()
    return pa.concat_arrays([pa.array([""]), texts]).take(pa.array(index))


def _intervals(month: Month, lines: Lines) -> tuple[list[Cells], Index]:
    span = 2**16
    keys, index = np.unique(lines.start.astype(np.int64) * span + lines.hours, return_inverse=True)
    starts = np.datetime64(month.start.replace(tzinfo=None), "s") + keys // span * _HOUR
    ends = starts + keys % span * _HOUR
    written = (np.datetime_as_string(each).tolist() for each in (starts, ends))
    found: list[Cells] = [
        {
            "identity/TimeInterval": f"{start}Z/{end}Z",
            "lineItem/UsageStartDate": f"{start}.000Z",
            "lineItem/UsageEndDate": f"{end}.000Z",
        }
        for start, end in zip(*written, strict=True)
    ]
    return found, index.astype(np.int32)


def _instant(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}.000Z"


def _ids(count: int, random: np.random.Generator) -> pa.Array:
    drawn = np.frombuffer(random.bytes(count * _ID_LENGTH), np.uint8)
    letters = _LETTERS[drawn & 31]
    offsets = np.arange(0, (count + 1) * _ID_LENGTH, _ID_LENGTH, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))


def _bytes_of(texts: pa.StringArray) -> bytes:
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])].tobytes()
