"""Files as whoever makes them happens to write them: read, or refused in words."""

import gzip
import io
import zipfile
from decimal import Decimal

import pyarrow as pa
import pytest

from ogfd.plugin import FatalError, TransientError
from ogfd.plugin.tabular import Mapped, Maps, Rows, Selection, feed
from ogfd.testing import Collected

MONEY = pa.decimal128(38, 18)


def choose(headers, name):
    places = {header: headers.index(header) for header in ("service", "billed_cost")}
    return Selection(headers=tuple(headers), places=places, numbers=frozenset(["billed_cost"]))


def mapped(table, selection, name, first_row):
    rows = Rows(table, selection, Maps())
    costs = rows.number("billed_cost", MONEY)
    batch = {"service": rows.text("service").array(), "billed_cost": costs.values}
    return Mapped(batch=pa.RecordBatch.from_pydict(batch), source_rows=rows.count)


@pytest.fixture
def read(tmp_path):
    """Returns service and cost of each row of a file, and how many rows it had."""

    async def rows_of(content, *, plain=True):
        path, out = tmp_path / "file", Collected()
        path.write_bytes(content)
        await feed(path, "bill.csv", out, choose=choose, map=mapped, plain=plain)
        rows = out.table().select(["service", "billed_cost"]).to_pylist()
        return [tuple(row.values()) for row in rows], out.source_rows

    return rows_of


@pytest.mark.parametrize(
    "content",
    [
        b"service,billed_cost\nS3,0.1\n",
        b"service,billed_cost\nS3,0.1",
        b"service,billed_cost\r\nS3,0.1\r\n\r\n",
        b'\xef\xbb\xbf"service","billed_cost"\r\n"S3","0.1"\r\n',
        b"PKID,service,billed_cost\n7,S3,0.1\n",
    ],
    ids=["plain", "no end of line", "windows", "byte order mark", "like a ZIP"],
)
async def test_one_row_is_one_row(read, content):
    """However its lines end, marked or not, and whatever its header begins with."""
    assert ([("S3", Decimal("0.1"))], 1) == await read(content)


@pytest.mark.parametrize("content", [b"service,billed_cost", b"service,billed_cost\r\n"])
async def test_a_header_alone_is_no_row(read, content):
    """A month without cost has such a file; it is no error."""
    assert ([], None) == await read(content)
    assert ([], None) == await read(gzip.compress(content), plain=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        ("service,billed_cost\nS3,0.1\n".encode("utf-16"), "the header is not UTF-8"),
        (b"service;billed_cost\nS3;0,1\n", r"by semicolons, .* \(have the file exported"),
        (b"service\tbilled_cost\nS3\t0.1\n", "by tabs"),
    ],
)
async def test_what_cannot_be_read_says_what_it_is(read, content, message):
    """And not only which columns it lacks."""
    with pytest.raises(FatalError, match=message):
        await read(content)


async def test_a_cut_archive_is_still_one(read):
    """Its first bytes say so; what is packed is not taken for text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bill.csv", "service,billed_cost\nS3,0.1\n")

    assert ([("S3", Decimal("0.1"))], 1) == await read(packed.getvalue())
    with pytest.raises(TransientError, match="corrupt"):
        await read(packed.getvalue()[:60])
