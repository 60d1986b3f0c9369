"""Data Exports in a bucket: CUR 2.0 and FOCUS, found, pinned and read."""

import json
from datetime import timedelta

import anyio
import pytest
from ogfd_aws import bucket
from ogfd_aws.bucket import Bucket, Listed, _Pinned
from ogfd_aws.cur.manifest import parse
from ogfd_aws.cur.reports import Layout, Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    BadRequestError,
    FatalError,
    NotFoundError,
    NotPublished,
    Period,
    SourceChanged,
)
from ogfd.testing import Collected

WINDOW = Period.months("2026-01", "2026-12")
DATA = "cur/acme/data/BILLING_PERIOD=2026-10/"
MANIFEST = "cur/acme/metadata/BILLING_PERIOD=2026-10/acme-Manifest.json"


@pytest.fixture
def put_export(shop):
    """Deliver a month of an export, in overwrite mode unless *folder* is given."""

    def put(files, *, root="cur/acme/", partition="BILLING_PERIOD=2026-10", folder="", **changes):
        name = root.rstrip("/").rpartition("/")[2]
        keys = {f"{root}data/{partition}/{folder}{file}": body for file, body in files.items()}
        for key, body in keys.items():
            shop.put(key, body)
        content = {
            "executionId": "execution-1",
            "exportArn": "arn:aws:bcm-data-exports:us-east-1:111122223333:export/acme",
            "columns": [],
            "dataFiles": [f"s3://{shop.bucket}/{key}" for key in keys],
            "additionalOutputFiles": [],
        } | changes
        manifest = f"{root}metadata/{partition}/{name}-Manifest.json"
        shop.put(manifest, json.dumps(content).encode())
        return manifest

    return put


@pytest.fixture
def cost(parquet_of):
    """A file with one row that costs so much."""
    return lambda value: parquet_of(line_item_unblended_cost=[float(value)])


async def read_month(shop, *, between=None, **cost):
    out = Collected()
    async with shop.stream(**cost) as stream:
        (partition,) = await stream.partitions(WINDOW)
        if between is not None:
            between()
        try:
            await stream.read(partition, out)
        finally:
            assert [] == list(shop.spool.iterdir())
    return out


def costs(out):
    return sorted(row["billed_cost"] for row in out.rows())


@pytest.mark.parametrize(
    ("partition", "root", "options"),
    [
        ("BILLING_PERIOD", "cur/acme/", {}),
        ("billing_period", "cur/acme/", {"report": "acme"}),
        ("Billing_Period", "cur/acme/", {"prefix": "cur/acme"}),
        ("billing_period", "/acme/", {"prefix": ""}),
        ("BILLING_PERIOD", "cur//acme/", {"prefix": "cur/"}),
    ],
)
async def test_an_export_is_found_by_its_manifests(
    shop, put_export, cost, partition, root, options
):
    """Whatever the case of the partition; keys are taken literally."""
    put_export({"1.parquet": cost(1)}, root=root, partition=f"{partition}=2026-10")

    async with shop.stream(**options) as stream:
        (found,) = await stream.partitions(WINDOW)
        out = Collected()
        await stream.read(found, out)

    assert ("2026-10", Period.month("2026-10")) == (found.key, found.period)
    assert f"s3://{shop.bucket}/{root.rstrip('/')}" == found.source
    assert [1] == costs(out)


@pytest.mark.parametrize(("newer", "expected"), [("billing_period", 1), ("BILLING_PERIOD", 2)])
async def test_a_month_in_two_cases_is_the_newer_one(
    shop, put_export, cost, monkeypatch, newer, expected
):
    """AWS has changed the spelling: the older folder is left behind."""
    put_export({"1.parquet": cost(1)}, partition="billing_period=2026-10")
    put_export({"1.parquet": cost(2)}, partition="BILLING_PERIOD=2026-10")
    listed = Bucket.listed

    async def later(self, key):
        found = await listed(self, key)
        modified = found.modified + timedelta(seconds=60 * (newer in key))
        return Listed(etag=found.etag, modified=modified)

    monkeypatch.setattr(Bucket, "listed", later)
    assert [expected] == costs(await read_month(shop))


async def test_other_exports_are_no_cost(shop, put_export):
    """Carbon and recommendations have partitions of their own."""
    shop.put("cur/carbon/metadata/model_version=v3.0.0/usage_period=2026-10/x.json", b"{}")
    shop.put("cur/hub/metadata/date=2026-10-01/hub-Manifest.json", b"{}")

    async with shop.stream() as stream:
        with pytest.raises(NotFoundError, match=r"no Cost and Usage Report under .* cost export"):
            await stream.partitions(WINDOW)


async def test_a_report_and_an_export_must_be_told_apart(shop, put_export, cost, write):
    """Both would count the same cost."""
    put_export({"1.parquet": cost(1)}, root="cur/new/")
    shop.put_month({"1.csv.gz": write([{}])}, root="cur/old/")

    async with shop.stream() as stream:
        with pytest.raises(BadRequestError, match="several reports: cur/new/, cur/old/"):
            await stream.partitions(WINDOW)
    assert [1] == costs(await read_month(shop, report="new"))


async def test_months_beyond_a_page_of_the_listing_are_found(shop, put_export, cost, monkeypatch):
    """Deliveries that create new files leave more than 1,000 objects; here a page has 2."""
    monkeypatch.setattr(bucket, "PAGE", 2)
    for month in range(1, 8):
        folder = f"2026-10-0{month}T00:00:00.000Z-execution/"
        partition = f"BILLING_PERIOD=2026-0{month}"
        for older in range(3):
            shop.put(f"cur/acme/data/{partition}/older-{older}/1.parquet", b"old")
            shop.put(f"cur/acme/metadata/{partition}/older-{older}/acme-Manifest.json", b"{}")
        put_export({f"{n}.parquet": cost(n) for n in range(5)}, partition=partition, folder=folder)

    async with shop.stream() as stream:
        found = await stream.partitions(WINDOW)
        out = Collected()
        await stream.read(found[-1], out)

    assert [f"2026-0{month}" for month in range(1, 8)] == [one.key for one in found]
    assert [0, 1, 2, 3, 4] == costs(out)


async def test_more_objects_than_a_page_has_are_looked_at(shop, put_export, cost, monkeypatch):
    """The check at the end pages through all of a folder, to the one that was read."""
    monkeypatch.setattr(bucket, "PAGE", 2)
    for number in range(5):
        shop.put(f"{DATA}0-older-{number}.parquet", b"")
    put_export({"9.parquet": cost(9)})

    assert [9] == costs(await read_month(shop))
    assert 6 < shop.server.count("ListObjectsV2")  # which are enough where a page has all


async def test_files_that_the_manifest_does_not_name_are_not_read(shop, put_export, cost):
    """An overwritten delivery of fewer files leaves some behind."""
    put_export({"1.parquet": cost(1), "2.parquet": cost(2)})
    put_export({"1.parquet": cost(5)})

    assert [5] == costs(await read_month(shop))


async def test_an_overwritten_file_restarts_the_slice_which_ends_on_the_new_one(
    shop, put_export, cost, tmp_path
):
    """Replaced in the middle of a read: never a mix of two deliveries."""
    put_export({"1.parquet": cost(1), "2.parquet": cost(2)})
    newer = tmp_path / "newer"
    newer.write_bytes(cost(10))
    first, second = f"{DATA}1.parquet", f"{DATA}2.parquet"
    shop.server.inject(
        Rule(action="replace", key=second, objects=((shop.bucket, first, str(newer)),))
    )

    with pytest.raises(SourceChanged, match=r"1\.parquet was replaced while"):
        await read_month(shop)
    put_export({"1.parquet": cost(10), "2.parquet": cost(20)}, executionId="execution-2")
    assert [10, 20] == costs(await read_month(shop))


async def test_a_delivery_in_progress_is_waited_for(shop, put_export, cost, monkeypatch):
    """A file that is newer than the manifest that names it belongs to the next delivery."""
    put_export({"1.parquet": cost(1)})
    get = Bucket.get

    async def later(self, key, offset, etag):
        answer = await get(self, key, offset, etag)
        answer["LastModified"] += timedelta(seconds=60)
        return answer

    monkeypatch.setattr(Bucket, "get", later)
    with pytest.raises(NotPublished, match="a delivery is in progress"):
        await read_month(shop)


async def test_a_delivery_in_a_folder_of_its_own_is_not_in_progress(
    shop, put_export, cost, monkeypatch
):
    """Nobody writes there again."""
    put_export({"1.parquet": cost(1)}, folder="2026-10-09T00:00:00.000Z-x/")
    get = Bucket.get

    async def later(self, key, offset, etag):
        answer = await get(self, key, offset, etag)
        answer["LastModified"] += timedelta(seconds=60)
        return answer

    monkeypatch.setattr(Bucket, "get", later)
    assert [1] == costs(await read_month(shop))


async def test_a_manifest_that_vanishes_restarts_the_slice(shop, put_export, cost):
    """And the month is not listed any more: reported as absent, never emptied."""
    put_export({"1.parquet": cost(1)}, partition="BILLING_PERIOD=2025-10")
    manifest = put_export({"1.parquet": cost(1)})

    with pytest.raises(SourceChanged, match="changed since it was listed"):
        await read_month(shop, between=lambda: shop.server.delete(shop.bucket, manifest))
    async with shop.stream() as stream:
        assert [] == await stream.partitions(WINDOW)


async def test_a_manifest_that_vanishes_while_files_are_read_restarts_the_slice(
    shop, put_export, cost, monkeypatch
):
    """The last look finds none."""
    manifest = put_export({"1.parquet": cost(1)})
    download = Bucket.download

    async def then_gone(self, key):
        found = await download(self, key)
        shop.server.delete(shop.bucket, manifest)
        return found

    monkeypatch.setattr(Bucket, "download", then_gone)
    with pytest.raises(SourceChanged, match="changed while its files were read"):
        await read_month(shop)


async def test_bodies_that_nobody_reads_to_the_end_do_not_hang_the_pool(shop, put_export, cost):
    """More reads are given up than the pool has connections."""
    manifest = put_export({"1.parquet": cost(1)}, padding="x" * 3_000_000)
    with anyio.fail_after(20):
        async with shop.stream() as stream:
            (partition,) = await stream.partitions(WINDOW)
            for _ in range(20):
                found = await stream._bucket.small(manifest, etag=partition.version, limit=10)
                assert len(found.body) > 10
            for _ in range(20):
                async with _Pinned(stream._bucket, f"{DATA}1.parquet").open_at(0):
                    pass
            out = Collected()
            await stream.read(partition, out)

    assert [1] == costs(out)


MONTH = Month(
    key="2026-10",
    period=Period.month("2026-10"),
    manifest=MANIFEST,
    root="cur/acme/",
    report="acme",
    layout=Layout.EXPORT,
    folder="BILLING_PERIOD=2026-10",
)
FILE = f"{DATA}acme-00001.csv.gz"


def manifest(**told):
    return json.dumps({"executionId": "e", "dataFiles": [f"s3://b/{FILE}"]} | told).encode()


@pytest.mark.parametrize(
    ("files", "bucket"),
    [
        ([f"s3://b/{FILE}"], "b"),
        ([FILE], ""),
        ([{"key": FILE}], ""),
        ([{"uri": f"s3://b/{FILE}"}], "b"),
        ([f"s3://b/{FILE.replace('BILLING_PERIOD', 'billing_period')}"], "b"),
    ],
)
def test_files_are_named_by_uri_key_or_object(files, bucket):
    """AWS writes URIs, tools that copy exports write what they like."""
    found = parse(manifest(dataFiles=files), MONTH)

    assert ("e", bucket, 1) == (found.delivery, found.bucket, len(found.files))
    assert FILE.lower() == found.files[0].lower()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"dataFiles": []}, "dataFiles names no file"),
        ({"dataFiles": None}, "dataFiles is not a list of keys"),
        ({"dataFiles": "x"}, "dataFiles is not a list of keys"),
        ({"dataFiles": [7]}, "dataFiles is not a list of keys"),
        ({"dataFiles": [{"name": "x"}]}, "dataFiles is not a list of keys"),
        ({"dataFiles": ["s3://b"]}, "dataFiles is not a list of keys"),
        ({"dataFiles": [f"s3://b/{FILE}", f"s3://c/{FILE}2"]}, "several buckets: b, c"),
        ({"dataFiles": [f"s3://b/{FILE}", FILE.replace("a", "b")]}, "several buckets|foreign"),
        ({"dataFiles": [f"s3://b/{FILE.replace('2026-10', '2026-09')}"]}, "foreign"),
        ({"dataFiles": ["s3://b/cur/other/data/BILLING_PERIOD=2026-10/x"]}, "foreign"),
        ({"dataFiles": [f"s3://b/{DATA}../x"]}, "foreign"),
        ({"dataFiles": [f"s3://b/{FILE}"] * 2}, "twice"),
        ({"executionId": 7}, "executionId is not a text"),
    ],
)
def test_a_bad_manifest_is_refused_and_named(told, message):
    """No file of another month, export or place is read."""
    with pytest.raises(FatalError, match=message) as caught:
        parse(manifest(**told), MONTH)
    assert MANIFEST in str(caught.value)
