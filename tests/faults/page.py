"""docs/faults.md, made of the matrix that the test goes through."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from faults.matrix import MATRIX, Cell, Course, Fault
from faults.server import OPERATIONS

WORDS = {"discover": "discover", "page": "page n", "download": "download"}
INTRODUCTION = """\
# Faults

What can go wrong between ogfd and a provider, and what becomes of it. This page is made of `tests/faults/matrix.py`; `tests/faults/test_matrix.py` goes through every line twice, with
the fault happening once and with the fault lasting: a connector in the whole daemon, on real sockets, into SQLite. Only waiting is stepped over.

- **discover** lists what there is, **page n** is the second page of a listing, both JSON that the connector [expects](policy.md#answers), **download** a file of 100 kB with an `ETag`.
- **class** decides what is done, see [errors](errors.md). What is here holds for answers without a code that the connector knows.
- **attempts** and **waits** are those of a lasting fault. `≤ 1, ≤ 2, ≤ 4 s` is full jitter: somewhere between none and that. A plain number is the wait that the server asked for.
- **committed**: the sink holds exactly the provider's rows.
- **failed**, **parked**: the sink holds exactly the rows it held before, and what was read is thrown away. Once the fault is gone the next run commits.
  It comes by itself: for `parked` after the time that is said, for a `transient` error after 1 minute, doubling to 1 hour, for an `auth` error after 15 minutes, for any other one with the
  schedule.
  If discover fails, the run has the error and none of the stream's slices is touched.

The attempts hold with the default of 3 retries. A wait of more than 60 s is never slept through. [Breakers](policy.md) change nothing here: a lasting fault in one slice is at most
four failures in a row.

"""
HEAD = ("fault", "in", "class", "attempts", "waits", "happens once", "lasts", "note")


def faults() -> str:
    """Return the whole page."""
    rows = [HEAD, ("---",) * len(HEAD), *(row for fault in MATRIX for row in _rows(fault))]
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(fault: Fault) -> Iterator[tuple[str, ...]]:
    """Give a line for all neighbouring operations to which the fault does the same."""
    told = sorted(fault.cells.items(), key=lambda item: OPERATIONS.index(item[0]))
    name = fault.name
    for cell, group in groupby(told, key=lambda item: item[1]):
        operations = [operation for operation, _ in group]
        where = ", ".join(WORDS[each] for each in operations)
        yield (
            name,
            "all" if len(operations) == len(OPERATIONS) else where,
            "none" if cell.error is None else f"`{cell.error}`",
            str(len(cell.lasting.results)),
            _waits(cell),
            _state(cell.once),
            _state(cell.lasting),
            cell.note,
        )
        name = ""


def _waits(cell: Cell) -> str:
    pauses = cell.lasting.pauses
    said = [f"{each:g}" if each == cell.asked else f"≤ {each:g}" for each in pauses]
    return f"{', '.join(said)} s" if said else "none"


def _state(course: Course) -> str:
    """Return the state without the class, which has a column of its own."""
    return course.state.partition(":")[0]
