"""What becomes of values on their way into the file and out again."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest

from ogfd.plugin import ACTIVITY_SCHEMA, ErrorClass, SinkError
from ogfd.sinks.sqlite.columns import KEPT_SCHEMA, kept
from ogfd.sinks.sqlite.feed import OrderDigest
from ogfd.testing import MemoryPackage, make_package
from ogfd.testing.samples import cost_row, cost_rows
from ogfd.testing.subject import scanned


def _kept(**values):
    package = make_package([cost_row(1, **values)])
    return kept(next(package.batches()), "s", 7).to_pylist()[0]


def test_times_are_kept_as_utc_text_in_whole_seconds():
    """ISO text sorts and compares as the instants do."""
    start = datetime(2026, 10, 1, 5, 6, 7, 999_999, tzinfo=UTC)

    assert "2026-10-01T05:06:07Z" == _kept(period_start=start)["period_start"]
    assert (
        "1969-12-31T23:59:59Z"
        == _kept(period_start=datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC))["period_start"]
    )


@pytest.mark.parametrize(
    "labels", [{"b": "1", "a": "2"}, {'"q"\\': "new\nline\x01", "ü": "☁"}, {"k": ""}, {}]
)
def test_labels_are_kept_as_json_with_sorted_keys(labels):
    """The text is what json.dumps makes of the pairs."""
    expected = json.dumps(labels, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    assert expected == _kept(tags=list(labels.items()))["tags"]


def test_rows_without_labels_stay_null_among_rows_with_labels():
    """Null, empty and full maps of one batch do not run into each other, sliced or not."""
    kind = ACTIVITY_SCHEMA.field("tags").type
    tags = pa.array([[("z", "1"), ("a", "2")], None, [], [("k", "v")]], kind)
    package = make_package(cost_rows(4))
    table = package.table.set_column(
        package.table.schema.get_field_index("tags"), ACTIVITY_SCHEMA.field("tags"), tags
    )
    [batch] = table.combine_chunks().to_batches()

    expected = ['{"a":"2","z":"1"}', None, "{}", '{"k":"v"}']
    assert expected == kept(batch, "s", 1)["tags"].to_pylist()
    assert expected[1:] == kept(batch.slice(1), "s", 1)["tags"].to_pylist()


def _encoded(column):
    if pa.types.is_map(column.type):
        return pa.DictionaryArray.from_arrays(pa.array(range(len(column))), column)
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


def test_dictionary_columns_are_taken_as_they_come():
    """A package may hand over repeated texts as dictionaries."""
    [batch] = make_package(cost_rows(5)).batches()
    columns = [_encoded(column) for column in batch.columns]
    encoded = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

    assert KEPT_SCHEMA == kept(encoded, "s", 1).schema
    assert kept(batch, "s", 1).equals(kept(encoded, "s", 1))


def test_the_order_digest_knows_texts_and_order_but_not_batches():
    """It is equal for the same texts in the same order, however they are cut."""

    def digest(*batches):
        found = OrderDigest()
        for texts in batches:
            found.add(pa.array(texts, pa.string()))
        return found

    assert digest(["a", "bc", ""]) == digest(["a"], [], ["bc", ""])
    assert digest(["a", "bc"]) != digest(["ab", "c"])
    assert digest(["a", "b"]) != digest(["b", "a"])
    assert digest([""]) != digest([])
    sliced = OrderDigest()
    sliced.add(pa.array(["x", "a", "bc", "y"]).slice(1, 2))
    assert digest(["a", "bc"]) == sliced


async def test_sums_are_exact_in_the_ledger_and_close_in_the_table(opened):
    """REAL columns sum to within 1e-9 of the sum of absolute values; the ledger has every digit."""
    random = Random(20261001)
    costs = [Decimal(random.randrange(-(10**24), 10**24)).scaleb(-15) for _ in range(2000)]
    package = make_package([cost_row(n, billed_cost=cost) for n, cost in enumerate(costs)])
    async with opened() as sink:
        await sink.commit(package, 0, "a")
        sums = (await sink.ledger())[package.info.slice].sums
        rows = await scanned(sink, columns=["billed_cost"])
    total = math.fsum(row["billed_cost"] for row in rows)

    assert sum(costs) == Decimal(sums["billed_cost:USD"])
    assert abs(total - float(sum(costs))) <= 1e-9 * float(sum(map(abs, costs)))


async def test_a_column_that_starts_with_nulls_has_its_type(opened, monkeypatch):
    """The driver guesses types from the first batch; a scan does not let it."""
    monkeypatch.setattr("ogfd.sinks.sqlite.connection.BATCH_ROWS", 1000)
    ids = pa.array([f"{n:032x}" for n in range(1200)])
    columns = {field.name: pa.nulls(len(ids), field.type) for field in ACTIVITY_SCHEMA}
    columns["activity_id"] = ids
    columns["machine_type"] = pa.array([None] * 1199 + ["m5.large"])
    columns["energy_kwh"] = pa.array([None] * 1199 + [Decimal("1.5")], pa.decimal128(38, 12))
    package = make_package(pa.table(columns))
    async with opened() as sink:
        await sink.commit(package, 0, "a")
        async with sink.scan("activities", ["machine_type", "energy_kwh"]) as batches:
            found = pa.Table.from_batches([batch async for batch in batches])

    assert [pa.string(), pa.float64()] == found.schema.types
    assert 1200 == found.num_rows
    assert {"machine_type": "m5.large", "energy_kwh": 1.5} == found.slice(1199).to_pylist()[0]


async def test_a_scan_that_is_left_early_keeps_nothing_open(opened):
    """A reader that stops in the middle gives its connection back."""
    async with opened() as sink:
        await sink.commit(make_package(cost_rows(10)), 0, "a")
        for _ in range(8):
            async with sink.scan("activities", ["sku"]) as batches:
                await anext(batches)
        assert 1 == len(sink._idle)


async def test_rows_out_of_order_are_refused(opened):
    """Packages are sorted by id; what is not, was not made by the engine."""
    package = make_package(cost_rows(10))
    backwards = MemoryPackage(
        info=package.info, table=package.table.sort_by([("activity_id", "descending")])
    )
    async with opened() as sink:
        with pytest.raises(SinkError, match="ids read back") as caught:
            await sink.commit(backwards, 0, "a")
        assert ErrorClass.FATAL is caught.value.error_class
        assert {} == await sink.ledger()


async def test_an_id_that_comes_twice_is_refused(opened):
    """Two rows of one id in a slice are an error, not one row."""
    package = make_package(cost_rows(2))
    doubled = MemoryPackage(
        info=replace(package.info, rows=4),
        table=pa.concat_tables([package.table, package.table]).sort_by("activity_id"),
    )
    async with opened() as sink:
        with pytest.raises(SinkError, match="comes twice") as caught:
            await sink.commit(doubled, 0, "a")
        assert ErrorClass.FATAL is caught.value.error_class
