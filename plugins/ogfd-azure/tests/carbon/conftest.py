"""A customer with emissions, and a run that reads them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from ogfd_azure.scopes import SCOPES
from ogfd_sandbox.azure.footprint import Footprint, footprint
from ogfd_sandbox.cur import Month

from ogfd.plugin import AuthError, FatalError, NotPublished, Period
from ogfd.testing import Collected

AUGUST, SEPTEMBER, OCTOBER = (Month(2026, month) for month in (8, 9, 10))
KG = dict(zip(SCOPES.values(), ("scope1", "scope2", "scope3"), strict=True))
WINDOW = Period.months("2026-08", "2026-11")


@pytest.fixture
def made(estate: Any) -> Footprint:
    """Three subscriptions with emissions from August to October; today is the 20th of November."""
    found = footprint(7, [AUGUST, SEPTEMBER, OCTOBER])
    found.publish(estate.azure)
    return found


@pytest.fixture
def run() -> Callable[..., Any]:
    """Read all that is listed, as a run does; return rows by slice, and what went wrong."""
    return _run


@pytest.fixture
def sums() -> Callable[..., Any]:
    """Add up rows by slice: kilograms by scope, of all subscriptions or one."""
    return _sums


async def _run(
    estate: Any,
    ctx: Any = None,
    *,
    window: Period = WINDOW,
    wanted: Any = None,
    between: Any = None,
    **keys: Any,
) -> tuple[dict[str, Any], dict[str, Exception]]:
    rows: dict[str, Any] = {}
    errors: dict[str, Exception] = {}
    async with estate.stream("carbon", ctx, **keys) as stream:
        partitions = sorted(
            await stream.partitions(window), key=lambda p: (p.period.end, p.key), reverse=True
        )
        for partition in partitions:
            out = Collected(wanted)
            try:
                await stream.read(partition, out)
            except (AuthError, FatalError, NotPublished) as exc:
                errors[partition.key] = exc
                continue
            out.check()
            rows[partition.key] = out.rows()
            if between is not None:
                between(partition)
    return rows, errors


def _sums(rows: Any, subscription: str | None = None) -> dict[str, Decimal]:
    found = [row for slices in rows.values() for row in slices]
    if subscription is not None:
        found = [row for row in found if row["account_id"] == subscription]
    return {
        name: sum((row.get(column, Decimal()) for row in found), Decimal())
        for column, name in KG.items()
    }
