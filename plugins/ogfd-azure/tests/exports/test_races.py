"""A container that changes between the listing and the read, and while parts are read."""

import gzip
from collections import defaultdict
from decimal import Decimal

import pytest
from ogfd_sandbox.azure.bill import restate
from ogfd_sandbox.faults import Rule

from ogfd.plugin import Partition, Period, SourceChanged, TransientError
from ogfd.testing import Collected

WINDOW = Period.months("2026-01", "2026-12")


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


async def test_a_part_that_vanishes_after_the_listing_starts_over(shop, bill):
    """As when a newer run takes the place of this one."""
    delivery = shop.put(bill)
    part = next(iter(delivery.blobs))

    with pytest.raises(SourceChanged, match="was replaced or deleted"):
        await shop.read(between=lambda: shop.azure.delete_blob("exports", part))


async def test_a_missing_part_of_a_run_that_is_gone_starts_over(shop, bill):
    """The listing may fall between the parts and the manifest that Azure deletes."""
    delivery = shop.put(bill)
    shop.azure.delete_blob("exports", next(iter(delivery.blobs)))

    with pytest.raises(SourceChanged):
        await shop.read(between=lambda: shop.azure.delete_blob("exports", delivery.manifest))


async def test_a_part_that_is_overwritten_while_another_is_read_starts_over(shop, bill, tmp_path):
    """Half of each would be a bill that nobody has."""
    delivery = shop.put(bill)
    first, second = list(delivery.blobs)[:2]
    newer = tmp_path / "newer"
    newer.write_bytes(gzip.compress(b"x"))
    shop.azure.inject(
        Rule(
            action="replace",
            operation="GetBlob",
            key=f"*{first}",
            objects=(("acmecosts/exports", second, str(newer)),),
        )
    )
    with pytest.raises(SourceChanged):
        await shop.read()


async def test_a_manifest_that_changes_while_parts_are_read_starts_over(shop, bill, tmp_path):
    """Its parts are no more what it says."""
    delivery = shop.put(bill)
    newer = tmp_path / "manifest"
    newer.write_bytes(b"{}")
    shop.azure.inject(
        Rule(
            action="replace",
            operation="GetBlob",
            key=f"*{next(iter(delivery.blobs))}",
            objects=(("acmecosts/exports", delivery.manifest, str(newer)),),
        )
    )
    with pytest.raises(SourceChanged, match=r"manifest.json was replaced"):
        await shop.read()


async def test_another_run_since_the_listing_starts_over(shop, bill):
    """The version that was listed is the one that is read, or none."""
    shop.put(bill)
    async with shop.stream() as stream:
        [partition] = await stream.partitions(WINDOW)
        shop.put(restate(bill))
        await stream.partitions(WINDOW)
        with pytest.raises(SourceChanged, match="took the place of the one listed"):
            await stream.read(partition, Collected())


async def test_a_month_that_is_gone_starts_over(shop, bill):
    """The engine lists again, and finds it absent."""
    shop.put(bill)
    gone = Partition(key="2026-03", period=Period.month("2026-03"), version="1")
    async with shop.stream() as stream:
        with pytest.raises(SourceChanged, match="2026-03 is gone"):
            await stream.read(gone, Collected())


async def test_a_run_that_is_replaced_while_it_is_listed_is_listed_again(shop, bill, tmp_path):
    """What is listed is of one moment; a provider that never rests is asked again later."""
    delivery = shop.put(bill)
    newer = tmp_path / "manifest"
    newer.write_bytes(delivery.blobs[delivery.manifest])
    swap = {
        "action": "replace",
        "operation": "GetBlob",
        "key": "*manifest.json",
        "objects": (("acmecosts/exports", delivery.manifest, str(newer)),),
    }
    shop.azure.inject(Rule(**swap))

    assert truth(bill, "billed", "effective") == sums(await shop.read())
    assert 2 == shop.azure.count("ListBlobs")
    shop.azure.inject(Rule(**swap, times=99))
    with pytest.raises(TransientError, match="so it went 3 times"):
        await shop.read()
