"""Values of map columns."""

import json

import pyarrow as pa
import pytest

from ogfd.plugin.tabular import maps
from ogfd.plugin.tabular.maps import Maps

LABELS = pa.map_(pa.string(), pa.string())
ROWS = [{"a": "1", "b": "2"}, {}, None, {"b": "3", "c": ""}, {"c": "4", "a": "1"}]


def as_map(rows):
    return pa.array([None if row is None else list(row.items()) for row in rows], LABELS)


def as_json(rows):
    texts = [None if row is None else json.dumps(row).encode() for row in rows]
    return pa.array(texts, pa.binary()).dictionary_encode()


@pytest.mark.parametrize("make", [as_map, as_json])
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("a",), [b"1", None, None, None, b"1"]),
        (("b",), [b"2", None, None, b"3", None]),
        (("c", "b"), [b"2", None, None, b"3", b"4"]),  # an empty value is none
        (("b", "a"), [b"2", None, None, b"3", b"1"]),
        (("x",), [None] * 5),
    ],
)
def test_a_value_is_found_by_the_first_key_that_is_there(make, keys, expected):
    """In maps and in JSON alike, also in a part of an array."""
    ((found,), broken) = Maps().values(make(ROWS), [keys])
    ((part,), _) = Maps().values(make([{"a": "9"}, *ROWS]).slice(1), [keys])

    assert expected == found.to_pylist() == part.to_pylist()
    assert not broken.any()


def test_several_values_of_a_column_are_found_at_once():
    """In the order asked for."""
    found, _ = Maps().values(as_map(ROWS), [("a",), ("b",)])

    assert [b"1", None, None, None, b"1"] == found[0].to_pylist()
    assert [b"2", None, None, b"3", None] == found[1].to_pylist()


@pytest.mark.parametrize("raw", [b"{", b"[1]", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_broken(raw):
    """Its row is named; the others are read."""
    column = pa.array([b'{"a": "1"}', raw, None], pa.binary()).dictionary_encode()
    ((found,), broken) = Maps().values(column, [("a",)])

    assert [False, True, False] == broken.tolist()
    assert [b"1", None, None] == found.to_pylist()


def test_values_of_json_that_are_no_text_are_taken_as_json():
    """Writers of CSV may leave numbers as they are."""
    ((found,), _) = Maps().values(as_json([{"a": 7}, {"a": {"b": True}}]), [("a",)])

    assert [b"7", b'{"b": true}'] == found.to_pylist()


def test_parsed_objects_are_kept_up_to_a_bound(monkeypatch):
    """Memory does not grow with the distinct tags of a month."""
    monkeypatch.setattr(maps, "_KEPT", 10)
    known = Maps()
    for first in range(0, 100, 10):
        rows = [{"a": str(n)} for n in range(first, first + 10)]
        ((found,), _) = known.values(as_json(rows), [("a",)])
        assert [row["a"].encode() for row in rows] == found.to_pylist()

    assert len(known._parsed) <= 10
