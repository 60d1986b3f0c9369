"""Messages of rows as columns: what they say, or nothing."""

import json
import random
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from ogfd_gcp.cost.mapping import mapped
from ogfd_gcp.rows import page_of
from ogfd_gcp.sql.cost import columns_of
from ogfd_gcp.storage.columns import decoded, ordered
from ogfd_gcp.storage.connection import Message

from ogfd.plugin import FatalError, Grain, TransientError, Wanted

BIG = pa.decimal256(76, 38)


def messages(table):
    """Send a table, its schema with the first message."""
    schema = table.schema.serialize().to_pybytes()
    return [
        Message(data=batch.serialize().to_pybytes(), rows=len(batch), schema=b"" if n else schema)
        for n, batch in enumerate(table.to_batches(max_chunksize=7))
    ]


def message(*values, rows=None):
    batch = pa.record_batch({"n": pa.array(values, BIG)})
    return batch.schema, Message(data=batch.serialize().to_pybytes(), rows=rows or len(values))


def test_a_message_that_is_broken_is_asked_for_again():
    """So is one with other rows than it says."""
    schema, whole = message(Decimal(1))
    _, odd = message(Decimal(1), rows=2)

    for bad in (Message(data=whole.data[:-9], rows=1), Message(data=b"", rows=1), odd):
        with pytest.raises(TransientError):
            decoded([whole, bad], schema)
    assert [{"n": Decimal(1)}] * 2 == decoded([whole, whole], schema).to_pylist()


def test_rows_of_other_columns_than_those_of_their_session_are_not_misread():
    """Four bytes of a number are as many of another's."""
    asked = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    rows = pa.table({"a": [1, 2], "b": [3, 4]})

    assert rows.to_pylist() == decoded(messages(rows), asked).to_pylist()
    for other in (rows.cast(pa.schema([("a", pa.float64()), ("b", pa.int64())])),
                  rows.select(["b", "a"]), rows.append_column("c", pa.array([5, 6]))):  # fmt: skip
        with pytest.raises(FatalError, match="other columns"):
            decoded(messages(other), asked)


def test_a_decimal_that_nobody_could_add_up_is_text():
    """As over REST, where its row is rejected and not the page."""
    schema, one = message(Decimal("1e37"), Decimal("-0.5"), None)

    assert ["1" + "0" * 37 + "." + "0" * 38, "-0." + "5" + "0" * 37, None] == [
        row["n"] for row in decoded([one], schema).to_pylist()
    ]


def test_the_largest_of_all_is_text_too():
    """BIGNUMERIC has values of one digit more than Arrow's decimals, which calls them invalid."""
    units = 5 * 10**76
    raw = b"".join(one.to_bytes(32, "little", signed=True) for one in (units, -units))
    column = pa.Array.from_buffers(BIG, 2, [None, pa.py_buffer(raw)])

    found = decoded(messages(pa.table({"n": column})), pa.schema([("n", BIG)]))

    assert [Decimal("5e38"), Decimal("-5e38")] == [Decimal(one) for one in found["n"].to_pylist()]


def test_other_columns_are_refused():
    """Whatever they hold."""
    text = pa.schema([("a", pa.string()), ("b", pa.float64())])

    with pytest.raises(FatalError, match="2 columns"):
        ordered(text, ["b", "a"])
    with pytest.raises(FatalError, match="column b is double"):
        ordered(text, ["a", "b"])


TEXTS = (
    *("", None, "a", 'say "b"\\ \\/', "line\nbreak\t", "\u00e9\U0001f4b6", "\x00\x1f"),
    *("null", "-0", "1e5", "=1+1"),
)


def odd(rng, wanted):
    """Rows of values that go wrong where something can."""
    amounts = [None, *map(Decimal, ("0", "-1e-38", "1e-7", "-0.5", "2.5e-18", "7.5e-13", "1e15",
               "-999999999999999.999999999999999999999999999", "8.1e24", "3e27", "-2e37"))]  # fmt: skip
    known = {
        "account": [*["012345-6789AB-CDEF01"] * 9, None],
        "currency": [*["EUR", "USD"] * 5, None],
        "charge": ["regular", "tax", "Purchase", "new_one", None],
        "unit": ["bytes", "byte-seconds", "seconds", None],
        "invoice_month": [*["202610"] * 9, "209913", None],
    }
    for name in columns_of(wanted):
        known.setdefault(name, TEXTS)
    known |= dict.fromkeys(("quantity", "billed_cost", "effective_cost"), amounts)
    first, hour = 1_790_000_000_000_000, 3_600_000_000
    known |= {"period_start": [first], "period_end": [first, *[first + hour] * 8, None]}
    known |= {"lines": [1, 1, 3]}
    return [{name: rng.choice(known[name]) for name in columns_of(wanted)} for _ in range(40)]


def rest(rows, names):
    """Answer as getQueryResults does: each cell a text."""
    cells = [
        [format(one, "f") if isinstance(one, Decimal) else one and str(one) for one in row.values()]
        for row in rows
    ]
    answer = {
        "jobComplete": True,
        "totalRows": str(len(rows)),
        "rows": [{"f": [{"v": cell} for cell in row]} for row in cells],
    }
    return page_of(json.dumps(answer).encode(), names).table


def arrow(rows, names):
    """Send the same over the Storage Read API."""
    kinds = dict.fromkeys(("quantity", "billed_cost", "effective_cost"), BIG)
    kinds |= dict.fromkeys(("period_start", "period_end", "lines"), pa.int64())
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    ordered(schema, names)
    return decoded(messages(pa.Table.from_pylist(rows, schema)), schema)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_there_is_comes_out_as_over_rest(seed):
    """To the last digit, with each rejected row and each rounding."""
    wanted = Wanted(grain=Grain.LINE, tags=("team", "env"), resource_ids=True)
    names = columns_of(wanted)
    rows = odd(random.Random(seed), wanted)

    over_rest, over_arrow = (
        mapped(table, wanted, frozenset(), "table", 0)
        for table in (rest(rows, names), arrow(rows, names))
    )

    assert over_rest.batch.to_pylist() == over_arrow.batch.to_pylist() != []
    for name in ("source_rows", "filtered", "unknown", "rounded"):
        assert getattr(over_rest, name) == getattr(over_arrow, name)
    # As they came, numbers are written otherwise.
    assert [replace(one, raw="") for one in over_rest.rejected] == [
        replace(one, raw="") for one in over_arrow.rejected
    ]
    assert over_rest.rounded
    assert over_rest.rejected
