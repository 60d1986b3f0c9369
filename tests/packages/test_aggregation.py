"""Rows become activities: exact, bounded, and whatever the order of the batches."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import NOON, batch_of, row, rows_in

from ogfd.plugin import LABELS, FatalError, Grain, Kind


async def test_equal_keys_become_one_row_with_exact_sums(seal):
    """Ten times 0.1 is 1, which floats do not give."""
    package = await seal([batch_of([row() for _ in range(10)])])

    [activity] = rows_in(package)
    assert Decimal(1) == activity["billed_cost"]
    assert 10 == activity["line_count"]
    assert {"billed_cost:USD": "1", "line_count": "10"} == package.info.sums


async def test_a_day_is_the_period_of_hourly_rows(seal):
    """Daily grain widens hours to their UTC day."""
    rows = [
        row(),
        row(period_start=NOON + timedelta(hours=3), period_end=NOON + timedelta(hours=4)),
    ]

    [activity] = rows_in(await seal([batch_of(rows)]))

    assert datetime(2026, 10, 5, tzinfo=UTC) == activity["period_start"]
    assert datetime(2026, 10, 6, tzinfo=UTC) == activity["period_end"]


@pytest.mark.parametrize("grain", [Grain.HOURLY, Grain.DAILY])
async def test_a_row_longer_than_the_grain_keeps_its_period(seal, grain):
    """A fee of the whole month is not split and not squeezed into a day."""
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)

    [activity] = rows_in(
        await seal([batch_of([row(period_start=start, period_end=end)])], grain=grain)
    )

    assert (start, end) == (activity["period_start"], activity["period_end"])


async def test_a_row_across_midnight_keeps_its_period(seal):
    """An hour that ends on the next day fits into neither day."""
    start = datetime(2026, 10, 5, 23, 30, tzinfo=UTC)

    [activity] = rows_in(
        await seal([batch_of([row(period_start=start, period_end=start + timedelta(hours=1))])])
    )

    assert start == activity["period_start"]


async def test_null_is_not_zero(seal):
    """A sum over nulls alone stays null."""
    package = await seal(
        [batch_of([row(quantity=None, energy_kwh=None), row(quantity=Decimal(2))])]
    )

    [activity] = rows_in(package)
    assert Decimal(2) == activity["quantity"]
    assert activity["energy_kwh"] is None


async def test_metadata_keeps_what_all_rows_carry(seal):
    """A pair that one row lacks or has otherwise is dropped; the others stay."""
    rows = [
        row(metadata={"type": "Usage", "family": "Storage"}),
        row(metadata={"type": "Usage", "family": "Compute"}),
        row(metadata={"type": "Usage", "family": "Storage", "term": "OnDemand"}),
    ]

    [activity] = rows_in(await seal([batch_of(rows[:1]), batch_of(rows[1:])]))

    assert [("type", "Usage")] == activity["metadata"]


async def test_tags_are_keys_only_if_they_are_wanted(seal):
    """Unwanted tags neither split rows nor show up."""
    rows = [
        row(tags={"team": "a", "x": "1"}),
        row(tags={"team": "a", "x": "2"}),
        row(tags={"team": "b"}),
    ]

    plain = rows_in(await seal([batch_of(rows)]))
    tagged = rows_in(await seal([batch_of(rows)], tags=["team"]))

    assert [None] == [each["tags"] for each in plain]
    assert {"a": 2, "b": 1} == {each["tags"][0][1]: each["line_count"] for each in tagged}


async def test_a_batch_without_a_column_is_like_one_with_nulls(seal):
    """Columns come and go between files; equal rows get equal ids."""
    with_nulls = await seal([batch_of([row(sku=None, tags={})])], tags=["team"])
    without = await seal([batch_of([row()])], tags=["team"])

    assert with_nulls.info.digest == without.info.digest


async def test_dictionary_columns_give_what_plain_ones_give(seal):
    """The fast path changes nothing, nulls in the dictionary or the indices included."""
    rows = [row(sku="a", metadata={"k": "v"}), row(sku=None), row(sku="b", tags={"team": "x"})]
    plain = batch_of(rows)
    indices = pa.array([0, None, 1], pa.int32())
    labels = pa.array([None, [("team", "x")]], LABELS)
    encoded = pa.RecordBatch.from_pydict(
        {
            **{name: plain[name] for name in plain.schema.names},
            "sku": pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"])),
            "period_start": plain["period_start"].dictionary_encode(),
            "tags": pa.DictionaryArray.from_arrays(pa.array([0, 0, 1], pa.int32()), labels),
        }
    )

    expected = await seal([plain], tags=["team"])
    actual = await seal([encoded], tags=["team"])

    assert expected.info.digest == actual.info.digest
    assert rows_in(expected) == rows_in(actual)


async def test_wholly_equal_lines_are_told_apart(seal):
    """At line grain every source row stays, with an id of its own."""
    package = await seal([batch_of([row(), row()]), batch_of([row()])], grain=Grain.LINE)

    ids = [each["activity_id"] for each in rows_in(package)]
    assert 3 == len(set(ids))
    assert sorted(ids) == ids
    assert "0.3" == package.info.sums["billed_cost:USD"]


async def test_accounts_that_are_not_selected_are_filtered_by_name(seal, workshop):
    """Excluded rows leave a fate behind."""
    rows = [row(), row(account_id="999999999999", billed_cost=Decimal(5))]
    with workshop(account_kept=lambda account: not account.startswith("9")) as (writer, final):
        await writer.write(batch_of(rows), source_rows=2)
        package = await writer.seal(final, str)

    assert {"account not selected": 1} == package.fate["filtered"]
    assert "0.1" == package.info.sums["billed_cost:USD"]


async def test_more_digits_than_the_schema_are_rounded_half_even_and_counted(seal):
    """Money has 18 decimals; a tie goes to the even neighbour."""
    rows = [
        row(service="up", billed_cost=Decimal("0.1234567890123456775")),
        row(service="down", billed_cost=Decimal("0.1234567890123456785")),
    ]

    package = await seal([batch_of(rows)])

    costs = {each["service"]: each["billed_cost"] for each in rows_in(package)}
    assert {
        "up": Decimal("0.123456789012345678"),
        "down": Decimal("0.123456789012345678"),
    } == costs
    assert 2 == package.fate["roundings"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"billed_cost": Decimal(10) ** 15}, "billed_cost: .* too large"),
        ({"currency": None}, "without a currency"),
        ({"period_start": None}, "period_start is missing"),
        ({"period_end": NOON}, "period_end is not after"),
        ({"activity_id": "x"}, "not a column that a connector writes"),
    ],
)
async def test_rows_that_cannot_be_used_say_why(seal, changes, message):
    """A connector's mistake is one clear error, and nothing is sealed."""
    with pytest.raises(FatalError, match=message):
        await seal([batch_of([row(**changes)])])


async def test_floats_that_are_no_numbers_are_refused(seal):
    """NaN must not turn into null."""
    plain = batch_of([row()])
    batch = plain.set_column(
        plain.schema.get_field_index("billed_cost"), "billed_cost", pa.array([float("nan")])
    )

    with pytest.raises(FatalError, match="billed_cost"):
        await seal([batch])


async def test_claims_name_payer_and_month(seal):
    """What a package counts for is taken from its rows."""
    package = await seal([batch_of([row(), row(billing_period="2026-09")])])

    claims = [
        (claim.billing_account_id, claim.billing_period, claim.kind)
        for claim in package.info.claims
    ]
    assert [
        ("111111111111", "2026-09", Kind.COST),
        ("111111111111", "2026-10", Kind.COST),
    ] == claims


_ROWS = st.lists(
    st.builds(
        row,
        account_id=st.sampled_from(["1", "2", None]),
        service=st.sampled_from(["S3", "EC2", "Ünïcode", ""]),
        currency=st.sampled_from(["USD", "CNY"]),
        sku=st.sampled_from([None, "a", "b"]),
        billed_cost=st.decimals(-1000, 1000, places=12),
        period_start=st.sampled_from([NOON, NOON + timedelta(days=1)]),
        period_end=st.just(NOON + timedelta(days=2)),
        metadata=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
    ),
    min_size=1,
    max_size=40,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=_ROWS,
    cuts=st.lists(st.integers(0, 40), max_size=4),
    order=st.randoms(use_true_random=False),
)
async def test_order_and_batches_do_not_matter(seal, rows, cuts, order):
    """Shuffled, cut elsewhere and spilled to disk: the same rows, ids and digest."""
    one = await seal([batch_of(rows)])
    order.shuffle(rows)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [rows[low:high] for low, high in pairwise(edges) if high > low]
    other = await seal([batch_of(part) for part in parts], memory_bytes=1)

    assert rows_in(one) == rows_in(other)
    assert one.info.digest == other.info.digest
    assert _reference(rows) == {
        (
            each["account_id"],
            each["service"],
            each["currency"],
            each["sku"],
            each["period_start"],
        ): (
            each["billed_cost"],
            each["line_count"],
        )
        for each in rows_in(one)
    }


def _reference(rows):
    """Aggregate row by row, as no program with millions of rows can afford."""
    sums = defaultdict(lambda: (Decimal(0), 0))
    for each in rows:
        start = each["period_start"].replace(hour=0)
        fits = each["period_end"] <= start + timedelta(days=1)
        key = (
            each["account_id"],
            each["service"],
            each["currency"],
            each["sku"],
            start if fits else each["period_start"],
        )
        cost, count = sums[key]
        sums[key] = cost + each["billed_cost"], count + 1
    return dict(sums)


async def test_amounts_may_be_larger_than_money(seal):
    """A hundred gigabyte-months are 2.7e17 byte-seconds."""
    package = await seal([batch_of([row(quantity=Decimal("2.7e17"), unit="byte-seconds")] * 2)])

    assert "540000000000000000" == package.info.sums["quantity:byte-seconds"]
