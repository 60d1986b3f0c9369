"""Months of a carbon export, read from a bucket and held against the footprint and the API."""

from datetime import timedelta
from decimal import Decimal

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.bucket import Bucket
from ogfd_sandbox.carbon import ExportPlace, footprint, publish, put_export, recompute
from ogfd_sandbox.carbon.export import TOTAL
from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import FatalError, NotPublished, Period, SourceChanged
from ogfd.testing import Collected, check_connector

SETTINGS = CurSettings(seed=5, rows=400, accounts=4)
AUGUST = Month(2026, 8)
WINDOW = Period.months("2026-08", "2026-09")
TYPES = {
    "location_based_kg": "TOTAL_LBM_CARBON_EMISSIONS",
    "market_based_kg": "TOTAL_MBM_CARBON_EMISSIONS",
    "scope1_kg": "TOTAL_SCOPE_1_CARBON_EMISSIONS",
    "scope2_location_kg": "TOTAL_SCOPE_2_LBM_CARBON_EMISSIONS",
    "scope2_market_kg": "TOTAL_SCOPE_2_MBM_CARBON_EMISSIONS",
    "scope3_kg": "TOTAL_SCOPE_3_LBM_CARBON_EMISSIONS",
}


@pytest.fixture(scope="module")
def august():
    return footprint(SETTINGS, AUGUST)


def put(shop, made, **place):
    return put_export(shop.server, made, ExportPlace(bucket=shop.bucket, **place))


async def read(shop, *, between=None, ctx=None, **export):
    """List, then read August; *between* happens after the listing."""
    out = Collected()
    async with shop.delivered(ctx, **export) as stream:
        found = {each.key: each for each in await stream.partitions(WINDOW)}
        if between is not None:
            between()
        try:
            await stream.read(found[str(AUGUST)], out)
        finally:
            assert [] == list(shop.spool.iterdir())
    out.check()
    return out


def sums(out):
    return {name: sum(row[name] for row in out.rows()) for name in TYPES}


def truth(made):
    kg = made.kg()
    return {name: kg[kind] for name, kind in TYPES.items()}


def market3(out):
    return sum(Decimal(dict(row["metadata"])["scope3_market_kg"]) for row in out.rows())


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_month_equals_its_source(shop, august, parquet, overwrite):
    """To the gram, each scope by itself; of two models the newest."""
    newest = recompute(august, "v3.10.0")
    for made in (august, newest, recompute(august, "v3.9.0")):
        put(shop, made, parquet=parquet, overwrite=overwrite)
    out = await read(shop)

    assert truth(newest) == sums(out) != truth(august)
    assert newest.kg()["TOTAL_SCOPE_3_MBM_CARBON_EMISSIONS"] == market3(out)
    assert {"v3.10.0"} == {row["model_version"] for row in out.rows()}
    assert (len(august.parts), []) == (out.source_rows, out.rejected)


async def test_the_export_says_what_the_api_says(shop, august):
    """By account, Region and service: the same rows, but for their source."""
    publish(shop.server, [august])
    put(shop, august, parquet=True)
    delivered = await read(shop)
    reported = Collected()
    async with shop.emissions() as stream:
        found = {each.key: each for each in await stream.partitions(WINDOW)}
        await stream.read(found[str(AUGUST)], reported)

    assert sums(reported) == sums(delivered)
    assert market3(reported) == market3(delivered)
    assert by_key(reported, "aws_carbon") == by_key(delivered, "aws_carbon_export")


def by_key(out, source):
    rows = out.rows()
    assert {source} == {row["source"] for row in rows}
    return {
        (row["account_id"], row["region"], row["sku"]): {
            name: value for name, value in row.items() if name not in {"source", "metadata"}
        }
        for row in rows
    }


async def test_an_export_of_the_total_alone_is_read(shop, august):
    """As exports of 2025 are, whose query is frozen."""
    put(shop, august, measures=TOTAL)
    out = await read(shop)

    total = sum(row["market_based_kg"] for row in out.rows())
    assert august.kg()["TOTAL_MBM_CARBON_EMISSIONS"] == total
    assert {None} == {row.get("location_based_kg") for row in out.rows()}


async def test_a_read_costs_the_manifest_the_files_and_two_checks(shop, august):
    """As of cost."""
    put(shop, august)
    ctx = shop.context()
    await read(shop, ctx=ctx)

    names = [call.operation for call in ctx.calls]
    assert ["s3:GetObject"] * 2 + ["s3:ListObjectsV2"] * 2 == names[-4:]
    assert [(1, 1, "files")] == [each for each in ctx.reported if each[2] == "files"]


async def test_a_month_delivered_anew_starts_over(shop, august):
    """The version that was listed is the one that is read, or none."""
    put(shop, august)

    with pytest.raises(SourceChanged, match="changed since it was listed"):
        await read(shop, between=lambda: put(shop, recompute(august, "v3.0.0")))


async def test_a_newer_model_does_not_disturb_a_read(shop, august):
    """The next run takes it."""
    put(shop, august)
    out = await read(shop, between=lambda: put(shop, recompute(august, "v3.1.0")))

    assert truth(august) == sums(out)


async def test_another_stream_object_reads_what_was_listed(shop, august):
    """By another run; a version that is gone is not replaced in silence."""
    put(shop, august)
    async with shop.delivered() as stream:
        listed = {each.key: each for each in await stream.partitions(WINDOW)}["2026-08"]
    out = Collected()
    async with shop.delivered() as stream:
        await stream.read(listed, out)
    assert truth(august) == sums(out)

    put(shop, recompute(august, "v3.1.0"))
    async with shop.delivered() as stream:
        with pytest.raises(SourceChanged, match="2026-08 is another one"):
            await stream.read(listed, Collected())


async def test_a_file_replaced_while_the_month_is_read_starts_over(shop, august, tmp_path):
    """The manifest is not written yet."""
    _, manifest = put(shop, august)
    newer = tmp_path / "newer"
    newer.write_bytes(b"{}")
    shop.server.inject(
        Rule(action="replace", key="*.csv.gz", objects=((shop.bucket, manifest, str(newer)),))
    )

    with pytest.raises(SourceChanged, match="changed while its files were read"):
        await read(shop)


@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_delivery_in_progress_is_waited_for(shop, august, monkeypatch, overwrite):
    """A file newer than its manifest, if deliveries overwrite; in a folder of its own it is not."""
    put(shop, august, overwrite=overwrite)
    get = Bucket.get

    async def later(self, key, offset, etag):
        answer = await get(self, key, offset, etag)
        answer["LastModified"] += timedelta(seconds=60)
        return answer

    monkeypatch.setattr(Bucket, "get", later)
    if not overwrite:
        assert truth(august) == sums(await read(shop))
        return
    with pytest.raises(NotPublished, match="a delivery is in progress"):
        await read(shop)


@pytest.mark.parametrize(
    "other", [("v3.0.0", "v2.0.0"), ("2026-08", "2026-07"), ("/data/", "/metadata/")]
)
async def test_a_manifest_names_files_of_its_own_month_and_model(shop, august, other):
    """Else emissions would count twice."""
    data, manifest = put(shop, august)
    body = shop.server.get(shop.bucket, manifest).decode()
    shop.put(manifest, body.replace(data, data.replace(*other)).encode())

    with pytest.raises(FatalError, match=r"carbon-Manifest\.json: the file .* is foreign"):
        await read(shop)


async def test_an_export_that_was_copied_is_read(shop, august):
    """Its manifest names the first bucket, by URI or bare key."""
    data, manifest = put(shop, august)
    body = shop.server.get(shop.bucket, manifest).decode()
    for place in (f"s3://original/{data}", data):
        shop.put(manifest, body.replace(f"s3://{shop.bucket}/{data}", place).encode())
        assert truth(august) == sums(await read(shop))


async def test_the_connector_conforms(shop, august):
    """With a fault and a cancellation at every request."""
    for made in (august, recompute(august, "v3.1.0")):
        put(shop, made)

    await check_connector(
        ogfd_connector(),
        shop.carbon_export(export="carbon"),
        window=Period.month("2026-08"),
        context=shop.context,
    )
