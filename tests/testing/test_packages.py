"""Packages in memory say what the engine's would say."""

from decimal import Decimal

import pyarrow as pa
import pytest

from ogfd.plugin import ACTIVITY_SCHEMA, SumRow
from ogfd.testing import make_package
from ogfd.testing.samples import cost_row, cost_rows


def test_rows_are_completed_sorted_and_summed():
    """Engine columns are set, ids are unique, sums are exact."""
    rows = [
        cost_row(1, billed_cost=Decimal("0.1"), quantity=None, effective_cost=None),
        cost_row(1, billed_cost=Decimal("0.2"), quantity=None, effective_cost=None),
        cost_row(1, billed_cost=Decimal(7), currency="EUR", quantity=None, effective_cost=None),
    ]
    package = make_package(rows, slice="aws-prod/cost/1/2026-10", batch_rows=2)
    table = pa.Table.from_batches(package.batches())

    assert ACTIVITY_SCHEMA == table.schema
    assert ["aws-prod", "cost", "1/2026-10"] == [
        table[name][0].as_py() for name in ("connector", "stream", "partition")
    ]
    assert sorted(set(table["activity_id"].to_pylist())) == table["activity_id"].to_pylist()
    expected = {"billed_cost:EUR": "7", "billed_cost:USD": "0.3", "line_count": "6"}
    assert expected == package.info.sums
    assert (3, 6) == (package.info.rows, package.info.line_count)
    assert (
        SumRow(
            account_id="000000000001",
            service="AmazonS3",
            measure="billed_cost",
            unit="USD",
            amount="0.3",
        )
        in package.info.breakdown
    )


def test_equal_rows_give_equal_packages_in_any_order():
    """Digest, target and ids do not depend on the order of the rows."""
    rows = [*cost_rows(20), cost_row(3)]
    one, two = make_package(rows), make_package(rows[::-1])

    assert one.info == two.info
    assert one.table.equals(two.table)
    assert 21 == one.info.rows
    assert one.info.digest != make_package(rows[1:]).info.digest


def test_arrow_input_may_have_a_subset_of_the_columns():
    """A batch is completed like dictionaries are."""
    batch = pa.record_batch({"service": ["a", "b"], "activity_id": ["2", "1"]})

    assert ["b", "a"] == make_package(batch).table["service"].to_pylist()


@pytest.mark.parametrize("rows", [[{"servise": "x"}], [{"activity_id": "1"}, {"activity_id": "1"}]])
def test_what_no_package_can_hold_is_refused(rows):
    """A misspelt column and a doubled id are mistakes of the test."""
    with pytest.raises(ValueError, match=r"servise|comes twice"):
        make_package(rows)
