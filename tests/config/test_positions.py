"""Lines of keys, in every disguise that TOML allows."""

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from ogfd.config.positions import join_key, positions, split_key

TRICKY = '''\
# [not.a.table]
top = "[no] # no"  # = no
[a.b] # comment
text = """
fake = 1
[fake.table]
quote \\""" still = 2 """
raw = \'\'\'
fake = 3
'\'\'\'
c.d = 1
"quoted key" . 'x.y' = 2
list = [
  1, # fake = 1
  [2, "]"],
  { k = 1, l = { m = "}" } },
]
when = 1979-05-27 07:32:00
[[table]]
x = 1
[[table]]
x = 2
[table.sub]
y = 3
'''


def walk(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return the path of everything in a parsed document."""
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = ((str(index), item) for index, item in enumerate(value))
    found = {path} if path else set()
    for key, item in inner:
        found |= walk(item, (*path, key))
    return found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("a",), 3),
        (("a", "b"), 3),
        (("a", "b", "text"), 4),
        (("a", "b", "raw"), 8),
        (("a", "b", "c", "d"), 11),
        (("a", "b", "quoted key", "x.y"), 12),
        (("a", "b", "list"), 13),
        (("a", "b", "list", "0"), 14),
        (("a", "b", "list", "1", "1"), 15),
        (("a", "b", "list", "2", "l", "m"), 16),
        (("a", "b", "when"), 18),
        (("table", "0", "x"), 20),
        (("table", "1", "x"), 22),
        (("table", "1", "sub", "y"), 24),
    ],
)
def test_every_key_is_found_on_its_line(path, line):
    """Strings, comments, arrays and inline tables hide no key and are none."""
    assert line == positions(TRICKY)[path]


def test_what_is_found_is_what_tomllib_parses():
    """There are no keys but those of the document."""
    assert walk(tomllib.loads(TRICKY)) == positions(TRICKY).keys()


def test_windows_line_ends_count_once():
    """A file from another system has the same lines."""
    assert 3 == positions("a = 1\r\n[b]\r\nc = 2\r\n")["b", "c"]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
VALUES = st.recursive(
    st.one_of(
        TEXTS, st.integers(-99, 99), st.booleans(), st.floats(allow_nan=False), st.datetimes()
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans())
def test_any_document_is_scanned_to_its_end(document, multiline):
    """Whatever tomli-w writes, each key that tomllib reads has a line that names it."""
    text = tomli_w.dumps(document, multiline_strings=multiline)

    assert walk(tomllib.loads(text)) == positions(text).keys()


def test_a_dotted_key_splits_as_in_toml():
    """Quotes protect dots, and the way back gives the same text."""
    assert ("retry", "classify", "5.0") == split_key('retry.classify."5.0"')
    assert 'retry.classify."5.0"' == join_key(("retry", "classify", "5.0"))


@pytest.mark.parametrize("text", ["", "a..b", "a = 1", "a\nb", "[a]", "a b"])
def test_what_is_no_key_is_refused(text):
    """The operator is told how to write one."""
    with pytest.raises(ValueError, match="dotted names"):
        split_key(text)
