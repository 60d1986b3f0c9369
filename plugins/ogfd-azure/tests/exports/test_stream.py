"""A month, read from the container that Azure exports to."""

import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from ogfd_azure import ogfd_connector
from ogfd_sandbox.azure.bill import (
    AzureSettings,
    Dataset,
    Format,
    Generation,
    Month,
    Overwrite,
    Place,
    assemble,
    query_rows,
    restate,
)
from ogfd_sandbox.faults import Rule

from ogfd.plugin import FatalError, PartitionState, Period, TransientError
from ogfd.testing import Collected, check_connector

MONTH = Month(2026, 10)
WINDOW = Period.months("2026-01", "2026-12")
PLACE = Place()
OLD = Place(generation=Generation.Y2021)
KEYS = {"account": "acmecosts", "container": "exports", "prefix": "costs/"}


def sums(out):
    """Return the exact sums of what was read, by measure and currency."""
    found = defaultdict(Decimal)
    for row in out.rows():
        for measure in ("billed_cost", "effective_cost"):
            if measure in row:
                found[f"{measure}:{row['currency']}"] += row[measure]
    return dict(found)


def truth(bill, *measures):
    rounded = bill.truth_rounded(18)
    return {
        f"{measure}_cost:{currency}": amount
        for measure in measures
        for currency, amount in getattr(rounded, measure)().items()
    }


MEASURES = {"focus": ("billed", "effective"), "actual": ("billed",), "amortized": ("effective",)}


@pytest.mark.parametrize(
    ("dataset", "format"),
    [
        (Dataset.FOCUS_1_0, Format.GZIP),
        (Dataset.FOCUS_1_2, Format.PARQUET),
        (Dataset.ACTUAL_EA, Format.CSV),
        (Dataset.AMORTIZED_EA, Format.GZIP),
        (Dataset.ACTUAL_MCA, Format.PARQUET),
        (Dataset.AMORTIZED_MCA, Format.GZIP),
    ],
)
async def test_all_datasets_of_a_month_agree_with_each_other_and_with_queries(
    shop, bill, dataset, format
):
    """To the last digit with the truth, and with the totals as far as a query gives them."""
    shop.put(bill, Place(dataset=dataset, format=format))
    shop.azure.set_cost(query_rows(bill))
    asked = {"cost_query": {"scopes": [bill.book.scope]}}
    out = await shop.read(**asked)
    async with shop.stream(**asked) as stream:
        totals = await stream.totals("2026-10")

    measures = MEASURES[dataset.contents]
    assert truth(bill, *measures) == sums(out)
    assert ([], {}) == (out.rejected, dict(out.unknowns))
    assert totals.independent
    assert sums(out).keys() == totals.sums.keys()
    for name, amount in sums(out).items():
        assert abs(amount - totals.sums[name]) < Decimal("1e-9")


@pytest.mark.parametrize("place", [PLACE, Place(overwrite=Overwrite.PREVIOUS), OLD])
async def test_a_second_run_replaces_the_month(shop, bill, place):
    """It is never added, whether Azure leaves the first one or not."""
    second = restate(bill)
    shop.put(bill, place)
    (before,) = await shop.partitions()
    shop.put(second, place)
    (after,) = await shop.partitions()
    out = await shop.read()

    assert before.version != after.version
    assert (before.key, before.source) == (after.key, after.source)
    assert truth(second, "billed", "effective") == sums(out)


async def test_a_partition_says_what_there_is(shop, bill):
    """And the same again if nothing changed."""
    delivery = shop.put(bill)
    [found] = await shop.partitions()

    size = sum(len(body) for name, body in delivery.blobs.items() if name != delivery.manifest)
    assert delivery.run_id in found.version
    assert ("2026-10", PartitionState.CLOSED, 3, size) == (
        found.key, found.state, found.requests, found.size_bytes
    )  # fmt: skip
    assert f"acmecosts/exports: FocusCost of {bill.book.scope.lower()}" == found.source
    assert [found] == await shop.partitions()


async def test_a_one_time_export_over_a_fuller_month_is_doubted(shop, bill):
    """It is the newest, so it is read; the doubt has it held, on a first load too."""
    shop.put(bill)
    part = shop.put(bill.through(9), Place(time_frame="OneTime"), submitted=_later(), run_id="part")
    out = await shop.read()

    [doubt] = out.doubts
    assert f"the newest run, {part.manifest}, is of 2026-10-01 to 2026-10-09 alone" in doubt
    assert truth(bill.through(9), "billed", "effective") == sums(out)
    shop.put(restate(bill), submitted=_later(2))
    assert [] == (await shop.read()).doubts


def _later(days=1):
    return datetime(2026, 11, 5, tzinfo=UTC) + timedelta(days=days)


async def test_a_run_of_several_months_fails_its_month_alone(shop, bill):
    """Others go on; nobody could tell which month it would replace."""
    delivery = shop.put(bill)
    shop.put(assemble(AzureSettings(seed=7, rows=300), Month(2026, 9)))
    told = json.loads(delivery.blobs[delivery.manifest])
    told["runInfo"]["endDate"] = "2026-11-30T00:00:00"
    shop.azure.put_blob("exports", delivery.manifest, json.dumps(told).encode())

    async with shop.stream() as stream:
        september, october = await stream.partitions(WINDOW)
        await stream.read(september, Collected())
        with pytest.raises(FatalError, match="which is more than one month"):
            await stream.read(october, Collected())


async def test_a_missing_part_fails_the_slice(shop, bill):
    """The manifest is written last: nothing is on its way. No row is passed for a month."""
    delivery = shop.put(bill)
    part = next(iter(delivery.blobs))
    shop.azure.delete_blob("exports", part)

    with pytest.raises(FatalError, match="which is not under the prefix") as failed:
        await shop.read()

    assert part in str(failed.value)
    assert 0 == shop.azure.count("GetBlob", f"*{part}")


def recount(shop, delivery, place=0, rows=-1):
    """Have the manifest tell of more or fewer rows."""
    told = json.loads(delivery.blobs[delivery.manifest])
    told["blobs"][place]["dataRowCount"] += rows
    told["dataRowCount"] += rows
    shop.azure.put_blob("exports", delivery.manifest, json.dumps(told).encode())
    return told["blobs"][place]["blobName"]


async def test_rows_are_counted(shop, bill):
    """A part that is short, or longer than it should be, is no part of the month."""
    part = recount(shop, shop.put(bill))

    with pytest.raises(FatalError, match=r"rows, but the manifest .* says") as failed:
        await shop.read()
    assert part in str(failed.value)


async def test_rows_of_the_whole_run_are_counted(shop, bill):
    """Where the manifest does not count each part."""
    delivery = shop.put(bill)
    told = json.loads(delivery.blobs[delivery.manifest])
    for blob in told["blobs"]:
        del blob["dataRowCount"]
    told["dataRowCount"] += 1
    shop.azure.put_blob("exports", delivery.manifest, json.dumps(told).encode())

    with pytest.raises(FatalError, match="the blobs of the run have 600 rows, but"):
        await shop.read()


async def test_a_part_of_several_gzip_members_is_read_to_its_end(shop, bill):
    """As programs that compress in blocks write it; the first member alone would be half a month."""
    delivery = shop.put(bill)
    part = next(iter(delivery.blobs))
    text = gzip.decompress(delivery.blobs[part])
    half = len(text) // 2
    shop.azure.put_blob("exports", part, gzip.compress(text[:half]) + gzip.compress(text[half:]))

    assert truth(bill, "billed", "effective") == sums(await shop.read())


async def test_an_empty_run_is_an_empty_month(shop, bill):
    """If the manifest says so. Whether it may replace rows, the engine decides."""
    delivery = shop.put(bill)
    told = json.loads(delivery.blobs[delivery.manifest])
    told |= {"blobs": [], "blobCount": 0, "byteCount": 0, "dataRowCount": 0}
    shop.azure.put_blob("exports", delivery.manifest, json.dumps(told).encode())

    assert 0 == (await shop.read()).table().num_rows


@pytest.mark.parametrize("prefix", ["costs", "/costs/", "costs/acme-costs"])
async def test_a_prefix_is_a_directory(shop, bill, prefix):
    """Not the beginning of the name of another one."""
    shop.put(bill)
    shop.azure.put_blob("exports", "costs-of-others/manifest.json", b"{}")

    assert 600 == (await shop.read(prefix=prefix)).source_rows


async def test_several_exports_under_the_prefix_are_refused(shop, bill):
    """Of a billing account and of a subscription in it; the name chooses one."""
    subscription = f"/subscriptions/{bill.book.subscriptions[0].id}"
    shop.put(bill, Place(export="all"))
    shop.put(bill, Place(export="one", scope=subscription))

    with pytest.raises(Exception, match="may have the same costs twice") as failed:
        await shop.read()
    assert subscription in str(failed.value)
    out = await shop.read(export="one")
    assert truth(bill.within(subscription), "billed", "effective") == sums(out)


async def test_a_manifest_of_something_else_is_named(shop, bill):
    """Nothing is passed over that might be a month."""
    shop.put(bill)
    shop.azure.put_blob("exports", "costs/app/manifest.json", b'{"version": 1}')

    with pytest.raises(FatalError, match=r"costs/app/manifest\.json is no manifest of a cost"):
        await shop.read()
    assert 600 == (await shop.read(prefix="costs/acme-costs/")).source_rows


async def test_one_of_2021_needs_to_be_told_its_dataset(shop, bill):
    """Its manifest does not tell actual from amortised costs."""
    shop.put(bill, Place(generation=Generation.Y2021, dataset=Dataset.AMORTIZED_EA))

    with pytest.raises(FatalError, match="dataset"):
        await shop.read()
    out = await shop.read(dataset="amortized")
    assert truth(bill, "effective") == sums(out)


async def test_requests_are_as_few_as_can_be(shop, bill):
    """A listing, the manifests, the parts, and one more look at the manifest."""
    shop.put(bill)
    ctx = shop.context()
    await shop.read(ctx=ctx)

    names = [call.operation for call in ctx.calls if call.operation.startswith("blob:")]
    assert [
        "blob:ListBlobs", "blob:GetBlob", "blob:GetBlob", "blob:GetBlob", "blob:GetBlobProperties"
    ] == names  # fmt: skip
    assert [(1, 2, "files"), (2, 2, "files")] == ctx.reported


async def test_without_queries_there_are_no_totals(shop, bill):
    """The month is unverified then, for a reason."""
    async with shop.stream() as stream:
        assert stream.totals is None


async def test_totals_of_a_month_without_run_are_none(shop, bill):
    """There is nothing to compare; nobody is asked."""
    shop.put(bill)
    async with shop.stream(cost_query={"scopes": [bill.book.scope]}) as stream:
        assert await stream.totals("2026-07") is None
    assert 0 == shop.azure.count("CostQuery")


async def test_beside_exports_queries_count_nothing(shop, bill):
    """The same money would count twice."""
    shop.put(bill)
    tables = {
        "cost": KEYS | {"blob_endpoint": shop.azure.blob_endpoint},
        "cost_query": {"scopes": [bill.book.scope]},
    }
    async with shop.estate.stream("cost_query", shop.context(), **tables) as stream:
        assert [] == await stream.partitions(WINDOW)


async def test_a_store_that_breaks_off_is_transient(shop, bill):
    """Whatever was read until then."""
    shop.put(bill)
    shop.azure.inject(
        Rule(action="status", operation="GetBlob", key="*part_1*", status=503, code="ServerBusy")
    )
    with pytest.raises(TransientError, match="ServerBusy"):
        await shop.read()


async def test_the_stream_conforms(shop):
    """With a fault, and with a cancellation, at every provider call."""
    shop.put(assemble(AzureSettings(seed=3, rows=300, files=2), MONTH))
    config = shop.estate.config(cost=KEYS | {"blob_endpoint": shop.azure.blob_endpoint})

    await check_connector(ogfd_connector(), config, window=WINDOW, context=shop.context)
