"""Parquet files, whole and damaged, in the types that writers choose."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ogfd_aws.cur.columns import choose

from ogfd.plugin import FatalError, TransientError, Wanted
from ogfd.plugin.tabular import parquet
from ogfd.plugin.tabular.parquet import ParquetFile

START = datetime(2026, 10, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (pa.array([0.1]), "0.1"),
        (pa.array([6.7e-8]), "0.000000067"),
        (pa.array([-123456.789]), "-123456.789"),
        (pa.array([1.2345678901234567e-5]), "0.000012345678901235"),
        (pa.array([2], pa.int64()), "2"),
        (pa.array([Decimal("1.5")], pa.decimal128(20, 10)), "1.5"),
        (pa.array([0.25], pa.float32()), "0.25"),
        (pa.array(["4e-07"]), "0.0000004"),
        (pa.array([b"1.25"]), "1.25"),
    ],
)
def test_a_number_is_the_decimal_that_was_meant(read, parquet_of, cost, expected):
    """Not the binary value next to it."""
    (row,) = read(parquet_of(line_item_unblended_cost=cost)).rows()

    assert Decimal(expected) == row["billed_cost"]


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), 1e15, -1e300])
def test_what_is_no_finite_number_below_10_15_rejects_its_row(read, parquet_of, cost):
    """As in CSV; the number is on record."""
    out = read(parquet_of(2, line_item_unblended_cost=[cost, 1.0]))

    (bad,) = out.rejected
    assert "line_item_unblended_cost is not a number below 10^15" == bad.reason
    assert float(bad.raw) == cost or cost != cost
    assert [1] == [row["billed_cost"] for row in out.rows()]


@pytest.mark.parametrize(
    "start",
    [
        pa.array([START], pa.timestamp("ms", "UTC")),
        pa.array([START], pa.timestamp("us", "UTC")),
        pa.array([START.replace(tzinfo=None)], pa.timestamp("ms")),
        pa.array([START.replace(tzinfo=None)], pa.timestamp("ns")),
        pa.array(["2026-10-02T03:00:00.000Z"]),
        pa.array(["2026-10-02 03:00:00"]),
    ],
    ids=str,
)
def test_times_are_read_in_every_type(read, parquet_of, start):
    """With a zone, without one, as text."""
    (row,) = read(parquet_of(line_item_usage_start_date=start)).rows()

    assert START == row["period_start"]


def test_an_empty_text_is_no_value(read, parquet_of):
    """Legacy reports hold empty texts where CSV has empty cells."""
    content = parquet_of(
        3,
        bill_invoice_id=["", None, "7"],
        product_region_code=["", "", "eu-west-1"],
        line_item_resource_id=["", "i-1", None],
    )
    rows = read(content, Wanted(resource_ids=True)).rows()

    assert [None, None, "7"] == [row.get("invoice_id") for row in rows]
    assert [None, "i-1", None] == [row.get("resource_id") for row in rows]
    assert [None, None, "eu-west-1"] == [row.get("region") for row in rows]


def test_columns_of_nulls_and_of_numbers_stand_for_texts(read, parquet_of):
    """An unused column has no type; account ids may have become numbers."""
    content = parquet_of(
        2,
        bill_payer_account_id=pa.array([111122223333, 111122223333]),
        bill_invoice_id=pa.nulls(2),
        line_item_usage_amount=pa.nulls(2),
    )
    rows = read(content).rows()

    assert {"111122223333"} == {row["billing_account_id"] for row in rows}
    assert [None, None] == [row.get("quantity") for row in rows]


def test_text_that_is_not_utf_8_rejects_its_row(read, parquet_of):
    """Parquet does not check what it calls a string."""
    out = read(parquet_of(2, line_item_usage_type=pa.array([b"a\xff", b"b"])))

    (bad,) = out.rejected
    assert "line_item_usage_type is not UTF-8 text" == bad.reason
    assert ["b"] == [row["sku"] for row in out.rows()]


def test_a_column_of_another_shape_is_refused(read, parquet_of):
    """Rather than guessed at."""
    with pytest.raises(FatalError, match=r"the column line_item_usage_type is of the type list"):
        read(parquet_of(line_item_usage_type=[["a"]]))


def test_rows_are_read_in_pieces_of_a_row_group(read, parquet_of, monkeypatch):
    """However large the group is; they are numbered through the file."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 7)
    costs = [float(n) for n in range(30)]
    costs[24] = float("nan")
    out = read(parquet_of(30, group=11, line_item_unblended_cost=costs))

    assert (30, 29) == (out.source_rows, out.table().num_rows)
    assert ["f.csv.gz, data row 25"] == [bad.where for bad in out.rejected]
    assert sum(range(30)) - 24 == sum(row["billed_cost"] for row in out.rows())


def test_only_the_columns_that_are_needed_are_read(parquet_of, tmp_path, monkeypatch):
    """A damaged column that nobody asks for does no harm: it is never decoded."""
    asked = []
    whole = pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        pq.ParquetFile,
        "iter_batches",
        lambda self, rows, columns, **more: (
            asked.extend(columns) or whole(self, rows, columns=columns, **more)
        ),
    )
    path = tmp_path / "f"
    path.write_bytes(parquet_of(2, product_novelty=["x", "y"], line_item_resource_id=["a", "b"]))
    file = ParquetFile(path, "f")
    file.select(choose(file.headers, Wanted(), "f"))

    assert 2 == file.table().num_rows
    assert "line_item_unblended_cost" in asked
    assert not {"product_novelty", "line_item_resource_id", "identity_line_item_id"} & set(asked)
    file.close()


def test_a_file_without_rows_is_read_as_none(read, parquet_of):
    """A month without usage."""
    empty = parquet_of(1, line_item_unblended_cost=[1.0])
    table = pq.read_table(io.BytesIO(empty)).slice(0, 0)
    out = io.BytesIO()
    pq.write_table(table, out)

    assert [] == read(out.getvalue()).rows()


@pytest.mark.parametrize("keep", [4, 8, 100, 0.5, -1, -4])
def test_a_truncated_file_is_never_taken_for_a_whole_one(read, parquet_of, keep):
    """The footer comes last."""
    whole = parquet_of(2000, line_item_usage_type=[f"type {n * 7919 % 1000}" for n in range(2000)])

    with pytest.raises(TransientError, match=r"f\.csv\.gz is corrupt, or cut off"):
        read(whole[: int(len(whole) * keep) if isinstance(keep, float) else keep])


def test_garbage_in_a_page_is_noticed(read, parquet_of):
    """Not passed on as rows."""
    whole = bytearray(parquet_of(2000, line_item_unblended_cost=[n / 7 for n in range(2000)]))
    whole[4 : len(whole) // 2] = b"\xa5" * (len(whole) // 2 - 4)

    with pytest.raises(TransientError, match=r"f\.csv\.gz is corrupt, or cut off"):
        read(bytes(whole))
