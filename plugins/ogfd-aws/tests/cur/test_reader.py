"""Files of a report, whole and damaged."""

import gzip
from decimal import Decimal
from types import SimpleNamespace

import pytest

from ogfd.plugin import FatalError, TransientError
from ogfd.plugin.tabular import delimited, packed
from ogfd.plugin.tabular.malformed import Malformed
from ogfd.plugin.tabular.packed import Packed


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_file_without_rows_is_read_as_none(read, write, end):
    """A header alone is a whole file."""
    header = gzip.decompress(write([{}])).split(b"\n")[0]
    out = read(gzip.compress(header + end))

    assert [] == out.rows()
    assert [] == out.rejected


def test_rows_are_counted_over_batches(read, monkeypatch):
    """Batches are cut at a bound, and every row is in one of them."""
    monkeypatch.setattr(delimited, "BATCH_ROWS", 7)
    out = read([{"lineItem/UnblendedCost": str(n)} for n in range(30)])

    assert (30, 30) == (out.source_rows, out.table().num_rows)
    assert sum(range(30)) == sum(row["billed_cost"] for row in out.rows())


def test_a_bad_row_is_named_by_its_number_in_the_file(read, monkeypatch):
    """Counted from 1 after the header, over batches, by well-formed rows."""
    monkeypatch.setattr(delimited, "BATCH_ROWS", 2)
    rows = [{} for _ in range(9)]
    rows[6] = {"lineItem/UnblendedCost": "NaN"}
    out = read(rows)

    assert ["f.csv.gz, data row 7"] == [bad.where for bad in out.rejected]


def test_gzip_of_several_members_is_read_to_its_end(read, write):
    """A reader that stops after the first member loses rows in silence."""
    text = gzip.decompress(write([{}, {}, {}]))
    out = read(gzip.compress(text[:100]) + gzip.compress(text[100:]))

    assert 3 == out.source_rows


def test_line_breaks_and_quotes_in_cells_are_data(read):
    """A cell may hold what usually ends it."""
    out = read([{"lineItem/UsageType": 'a "b",\nc'}, {}])

    assert 'a "b",\nc' == out.rows()[0]["sku"]
    assert 2 == out.source_rows


def test_windows_line_ends_and_a_byte_order_mark_are_taken(read, write):
    """Tools that rewrite files add them."""
    text = gzip.decompress(write([{}]))
    out = read(gzip.compress(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")))

    assert [Decimal("0.25")] == [row["billed_cost"] for row in out.rows()]


@pytest.mark.parametrize("keep", [1, 10, 60, 200, -1, -8, -9])
def test_a_truncated_file_is_never_taken_for_a_whole_one(read, write, keep):
    """Wherever the gzip stream is cut."""
    whole = write([{"lineItem/UsageType": f"type {n * 7919 % 1000}"} for n in range(2000)])

    with pytest.raises(TransientError, match=r"f.csv.gz is (truncated|corrupt)"):
        read(whole[:keep])


def test_a_flipped_bit_is_noticed(read, write):
    """The check sum of gzip guards what TCP let pass."""
    whole = bytearray(write([{"lineItem/UsageType": f"type {n}"} for n in range(2000)]))
    whole[-6] ^= 1

    with pytest.raises(TransientError, match=r"f.csv.gz is corrupt"):
        read(bytes(whole))


def test_what_is_no_gzip_is_refused(read):
    """Such as the error page of a proxy."""
    with pytest.raises(TransientError, match=r"f.csv.gz is corrupt"):
        read(b"<html>sorry</html>")


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_refused(read, content):
    """A report file has a header at least."""
    with pytest.raises((FatalError, TransientError), match=r"f.csv.gz is (empty|truncated)"):
        read(content)


def test_a_header_that_is_not_utf_8_is_refused(read, write):
    """Its columns could not be told."""
    text = gzip.decompress(write([{}]))

    with pytest.raises(FatalError, match="the header is not UTF-8"):
        read(gzip.compress(b"\xff" + text))


def test_an_endless_header_is_refused(read):
    """A file without line ends does not fill the memory."""
    with pytest.raises(FatalError, match="the header is longer"):
        read(gzip.compress(b"a," * (1 << 20)))


def test_missing_columns_are_named(read, write):
    """One clear message with the file."""
    with pytest.raises(FatalError, match=r"f.csv.gz: the header lacks .*lineItem/UnblendedCost"):
        read(write([{}], headers=["lineItem/UsageType", "bill/PayerAccountId"]))


def test_rows_of_another_width_are_rejected_with_their_text(read, write):
    """Too few or too many cells: the row is on record, the others are read."""
    text = gzip.decompress(write([{}, {}])) + b"only,three,cells\n" + b"x," * 60 + b"\n"
    out = read(gzip.compress(text))

    assert (4, 2) == (out.source_rows, out.table().num_rows)
    assert ["has 3 cells, the header has 13", "has 61 cells, the header has 13"] == [
        bad.reason for bad in out.rejected
    ]
    assert "only,three,cells" == out.rejected[0].raw.strip()
    assert all(bad.where.startswith("f.csv.gz, near data row") for bad in out.rejected)


def test_many_rows_of_another_width_are_counted_together(read, write):
    """A file with a broken header rejects every row, with bounded memory."""
    text = gzip.decompress(write([{}])) + b"a,b\n" * 250
    out = read(gzip.compress(text))

    assert (251, 101) == (out.source_rows, len(out.rejected))
    assert 250 == sum(bad.rows for bad in out.rejected)


def malformed_row(number, text="a,b"):
    return SimpleNamespace(number=number, text=text, expected_columns=3, actual_columns=2)


def test_malformed_rows_keep_little_text():
    """100 of them, each cut to 4 KiB, and a count; what was taken is forgotten."""
    found = Malformed("f.csv.gz")
    answers = {found.skip(malformed_row(n, "é" * 5000)) for n in range(2, 50_002)}
    told = found.take(7)

    assert {"skip"} == answers
    assert [1] * 100 + [49_900] == [bad.rows for bad in told]
    assert {"é" * 2048, ""} == {bad.raw for bad in told}
    assert (0, ()) == (found.count, found.take(7))


def test_malformed_rows_after_a_good_one_are_all_counted(read, write, monkeypatch):
    """Many of them do not condemn the file; blocks without a good row are gone through."""
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 16)
    text = gzip.decompress(write([{}])) + b"a,b\n" * 60_000
    out = read(gzip.compress(text + text.splitlines()[1] + b"\n"))

    assert (60_002, 2) == (out.source_rows, out.table().num_rows)
    assert (101, 60_000) == (len(out.rejected), sum(bad.rows for bad in out.rejected))


@pytest.mark.parametrize("rows", [10_000, 300_000])
def test_a_header_of_another_width_than_all_rows_ends_the_read(read, write, rows, monkeypatch):
    """One cell too many in the header: the first 10,000 rows tell, the rest is not read."""
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 16)
    asked = []
    whole = Malformed.skip
    monkeypatch.setattr(Malformed, "skip", lambda self, row: asked.append(0) or whole(self, row))
    header, row = gzip.decompress(write([{}])).splitlines()
    text = header + b",extra/Column\n" + (row + b"\n") * rows

    with pytest.raises(FatalError) as caught:
        read(gzip.compress(text, compresslevel=1))
    assert 10_000 == len(asked)
    assert str(caught.value).startswith(
        "f.csv.gz: none of the first 10000 rows fits the header: "
        "a row has 13 cells, the header has 14 (the header may be damaged"
    )


def test_a_short_file_of_malformed_rows_rejects_them(read, write):
    """Too few to condemn the header; they hold the month."""
    header, row = gzip.decompress(write([{}])).splitlines()
    out = read(gzip.compress(header + b",extra/Column\n" + (row + b"\n") * 9_999))

    assert (9_999, 9_999) == (out.source_rows, sum(bad.rows for bad in out.rejected))


def test_a_row_longer_than_a_block_is_refused(read, write, monkeypatch):
    """A quote without its partner swallows the rest of the file."""
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 12)
    text = gzip.decompress(write([{}])) + b'a,"' + b"b,c\n" * 5000

    with pytest.raises(FatalError, match="a row is longer than"):
        read(gzip.compress(text))


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path):
    """A bomb of zeros does not run for days."""
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(b"\0" * 3000))
    bomb = Packed(path, "bomb", max_decoded=2000)

    with pytest.raises(FatalError, match="bomb unpacks to more than"):
        bomb.read(1 << 20)
    bomb.close()


def test_the_bound_of_a_file_is_above_any_report():
    """50 GiB decoded."""
    assert 50 * 2**30 == packed._MAX_DECODED
