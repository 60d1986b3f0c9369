"""
Contracts: what a package must keep to before any sink sees it.

A violation holds the slice: the old rows stay visible until an operator decides. Relative
contracts compare with the generation that the sink holds; a first load has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from ogfd.packages import Span
from ogfd.plugin import Kind, LedgerEntry, PackageInfo
from ogfd.slices.outcome import Sealed

_MONTH: Final = re.compile(r"\d{4}-\d{2}")


def violations(
    package: Sealed, previous: LedgerEntry | None, days: Span | None = None
) -> list[str]:
    """
    Return what is wrong with *package*, one clause a contract; nothing if it may be committed.

    Args:
        package: sealed and not committed yet.
        previous: what the sink holds of the slice.
        days: the first and the last day of what it holds; None if nobody knows.
    """
    found = [_rejected(package), _negative(package.info), _other_month(package.info)]
    if previous is not None and previous.rows:
        found += [_emptied(package.info, previous), _currencies(package.info, previous)]
        found.append(_fewer_days(package.info, days))
    return [text for text in (*found, *_doubts(package, previous)) if text]


def _rejected(package: Sealed) -> str | None:
    rows = package.fate["rejected_with_cost"]
    if package.info.kind is not Kind.COST or not rows:
        return None
    return f"{rows} rejected row{'s' if rows != 1 else ''} may hold cost"


def _other_month(info: PackageInfo) -> str | None:
    """A month's export may hold rows of other billing periods, but not of others alone."""
    periods = sorted({claim.billing_period for claim in info.claims})
    month = str(info.period)
    if not periods or month in periods or not _MONTH.fullmatch(month):
        return None
    return f"no row is of billing period {month}, all are of {', '.join(periods)}"


def _negative(info: PackageInfo) -> str | None:
    below = [
        name for name, amount in info.sums.items() if name.endswith("_kg") and Decimal(amount) < 0
    ]
    return f"negative emissions in {', '.join(sorted(below))}" if below else None


def _emptied(info: PackageInfo, previous: LedgerEntry) -> str | None:
    if info.rows:
        return None
    return f"the new version has no rows, the committed one has {previous.rows}"


def _fewer_days(info: PackageInfo, held: Span | None) -> str | None:
    """An export of some days must not take the place of one of the month, or of more of it."""
    if info.days is None or held is None or not _MONTH.fullmatch(str(info.period)):
        return None  # what came on a day may be of any days
    (first, last), (held_first, held_last) = info.days, held
    if first <= held_first and held_last <= last:
        return None
    return (
        f"the new version covers {first} to {last}, fewer days than the committed one, which "
        f"covers {held_first} to {held_last}"
    )


def _doubts(package: Sealed, previous: LedgerEntry | None) -> Sequence[str]:
    """Return the connector's doubts, unless what it doubts was committed: then somebody approved."""
    if previous is not None and previous.version == package.info.version:
        return ()
    doubts: Sequence[str] = package.fate.get("doubts", ())
    return doubts


def _currencies(info: PackageInfo, previous: LedgerEntry) -> str | None:
    before, after = _currencies_of(previous.sums), _currencies_of(info.sums)
    if not before or not after or before == after:
        return None
    return f"the currencies changed from {', '.join(before)} to {', '.join(after)}"


def _currencies_of(sums: Mapping[str, str]) -> list[str]:
    return sorted(name.partition(":")[2] for name in sums if name.startswith("billed_cost:"))
