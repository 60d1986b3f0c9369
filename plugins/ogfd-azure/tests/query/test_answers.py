"""What an answer says, whatever the order of its columns; and what it must not say."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_azure.query.answers import Page, costs, page_of

from ogfd.plugin import FatalError, TransientError

COLUMNS = ("usagedate", "servicename", "currency", "cost")
LONG = "0.1234567890123456789012345678"


def page(*rows, columns=COLUMNS):
    return Page(columns=columns, rows=rows)


def one(*cells, columns=COLUMNS, by=("ServiceName",), daily=True):
    [cost] = costs(page(cells, columns=columns), by=by, daily=daily)
    return cost


def test_columns_are_found_by_name():
    """Never by place: versions of the API differ in their order."""
    cost = one(20261003, "Storage", "usd", Decimal(LONG))

    assert (datetime(2026, 10, 3, tzinfo=UTC), ("Storage",)) == (cost.day, cost.keys)
    assert (Decimal(LONG), "USD") == (cost.amount, cost.currency)


def test_older_contracts_have_another_name_of_the_cost():
    """And a key may be null."""
    cost = one(None, 3, "EUR", columns=("servicename", "pretaxcost", "currency"), daily=False)

    assert (None, ("",), 3, "EUR") == (cost.day, cost.keys, cost.amount, cost.currency)


@pytest.mark.parametrize(
    ("cells", "columns", "clause"),
    [
        ((20261003, "S", "USD"), COLUMNS[:3], "lacks the column cost; it has usagedate"),
        ((20261003, "S", "USD"), COLUMNS, "has 3 of 4 cells"),
        ((20261003, "S", "USD", "1"), COLUMNS, "is '1', which is no number"),
        ((20261003, "S", "USD", True), COLUMNS, "which is no number"),
        ((20261003, "S", "USD", float("nan")), COLUMNS, "which is no number"),
        ((20261303, "S", "USD", 1), COLUMNS, "is 20261303, which is none"),
        ((20261003, "S", "", 1), COLUMNS, "without a currency"),
    ],
)
def test_what_cannot_be_read_is_named(cells, columns, clause):
    """A cost is counted right or not at all."""
    with pytest.raises(FatalError) as failed:
        one(*cells, columns=columns)

    assert clause in str(failed.value)


def test_no_rows_need_no_columns():
    """A scope may have had no costs."""
    assert [] == list(costs(Page(), by=("ServiceName",), daily=True))


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "[]",
        '{"properties": {"rows": []}}',
        '{"properties": {"columns": ["Cost"], "rows": []}}',
        '{"properties": {"columns": [], "rows": [1]}}',
        '{"properties": {"columns": [], "rows": [], "nextLink": 1}}',
        '"x"',
        "null",
    ],
)
def test_what_is_no_answer_is_transient(answer):
    """JSON with status 200 may be of somebody else."""
    with pytest.raises(TransientError, match="is not one of Cost Management"):
        page_of(json.loads(answer))
