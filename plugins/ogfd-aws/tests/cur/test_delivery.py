"""Files that are replaced while, or before, they are read."""

from datetime import timedelta
from decimal import Decimal

import pytest
from ogfd_aws.bucket import Bucket
from ogfd_sandbox.faults import Rule

from ogfd.plugin import NotPublished, Period, SourceChanged
from ogfd.testing import Collected

WINDOW = Period.months("2026-01", "2026-12")
FOLDER = "cur/acme/20261001-20261101/"


async def read_month(shop, **cost):
    out = Collected()
    async with shop.stream(**cost) as stream:
        (partition,) = await stream.partitions(WINDOW)
        try:
            await stream.read(partition, out)
        finally:
            assert [] == list(shop.spool.iterdir())
    return out


def costs(out):
    return sorted(row["billed_cost"] for row in out.rows())


def cost(write, value):
    return write([{"lineItem/UnblendedCost": value}])


@pytest.fixture
def written_later(monkeypatch):
    """Make an object look as if it was written later than it was; stores tell whole seconds."""
    answers = Bucket.get
    later = {}

    async def get(self, key, offset, etag):
        answer = await answers(self, key, offset, etag)
        answer["LastModified"] += timedelta(seconds=later.get(key, 0))
        return answer

    monkeypatch.setattr(Bucket, "get", get)
    return later


@pytest.mark.parametrize("folder", ["", "assembly-1/"])
async def test_a_file_replaced_after_it_was_read_starts_over(shop, write, tmp_path, folder):
    """The manifest is not written yet; the next read takes the new delivery."""
    shop.put_month({"1.csv.gz": cost(write, "1"), "2.csv.gz": cost(write, "2")}, folder=folder)
    first, second = (f"{FOLDER}{folder}{name}.csv.gz" for name in "12")
    newer = tmp_path / "newer"
    newer.write_bytes(cost(write, "10"))
    shop.server.inject(
        Rule(action="replace", key=second, objects=((shop.bucket, first, str(newer)),))
    )

    with pytest.raises(SourceChanged, match=r"1\.csv\.gz was replaced while the report was read"):
        await read_month(shop)
    shop.put_month({"1.csv.gz": cost(write, "10"), "2.csv.gz": cost(write, "20")}, folder=folder)
    assert [Decimal(10), Decimal(20)] == costs(await read_month(shop))


async def test_a_file_deleted_after_it_was_read_starts_over(shop, write, monkeypatch):
    """As if it was replaced."""
    shop.put_month({"1.csv.gz": cost(write, "1")})
    level = Bucket.level

    async def without_file(self, prefix):
        if prefix == f"{FOLDER}assembly-1/":
            shop.server.delete(shop.bucket, f"{prefix}1.csv.gz")
        return await level(self, prefix)

    monkeypatch.setattr(Bucket, "level", without_file)
    with pytest.raises(SourceChanged, match=r"1\.csv\.gz was deleted while the report was read"):
        await read_month(shop)


async def test_a_newer_file_under_an_old_manifest_is_a_delivery_in_progress(
    shop, write, written_later
):
    """In overwrite mode; a second is enough. The month is read once the manifest came."""
    shop.put_month({"1.csv.gz": cost(write, "1"), "2.csv.gz": cost(write, "2")}, folder="")
    written_later[f"{FOLDER}2.csv.gz"] = 2

    with pytest.raises(NotPublished, match=r"2026-10: a delivery is in progress: .*2\.csv\.gz"):
        await read_month(shop)
    written_later.clear()
    assert [Decimal(1), Decimal(2)] == costs(await read_month(shop))


async def test_a_newer_file_and_a_newer_manifest_start_over(shop, write, written_later, tmp_path):
    """The delivery ended while its first file was fetched: nothing to wait for."""
    manifest = shop.put_month({"1.csv.gz": cost(write, "1")}, folder="")
    written_later[f"{FOLDER}1.csv.gz"] = 2
    newer = tmp_path / "newer"
    newer.write_bytes(b"{}")
    shop.server.inject(
        Rule(action="replace", key="*1.csv.gz", objects=((shop.bucket, manifest, str(newer)),))
    )

    with pytest.raises(SourceChanged, match="changed while its files were read"):
        await read_month(shop)


@pytest.mark.parametrize(
    "how", [{"folder": "assembly-1/"}, {"folder": "", "bucket": "the-original"}]
)
async def test_time_tells_nothing_of_an_assembly_or_a_copy(shop, write, written_later, how):
    """An assembly is not written to again; a copy keeps no order."""
    shop.put_month({"1.csv.gz": cost(write, "1")}, **how)
    written_later[f"{FOLDER}{how['folder']}1.csv.gz"] = 99

    assert [Decimal(1)] == costs(await read_month(shop))


async def test_files_of_several_pages_are_compared(shop, write, monkeypatch):
    """All of a folder's pages, whatever lies beside the files."""
    monkeypatch.setattr("ogfd_aws.bucket.PAGE", 2)
    for name in "abcde":
        shop.put(f"{FOLDER}assembly-1/0{name}.txt", b"x")
    shop.put_month({"1.csv.gz": cost(write, "1"), "2.csv.gz": cost(write, "2")})

    assert [Decimal(1), Decimal(2)] == costs(await read_month(shop, report="acme"))
