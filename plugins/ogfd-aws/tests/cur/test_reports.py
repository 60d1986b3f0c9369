"""Reports and their months, found by listing."""

from datetime import UTC, datetime

import pytest
from ogfd_aws import bucket
from ogfd_aws.exports import roots

from ogfd.plugin import BadRequestError, NotFoundError, PartitionState, Period

WINDOW = Period.months("2026-01", "2026-12")


async def keys(stream, window=WINDOW):
    return [partition.key for partition in await stream.partitions(window)]


@pytest.mark.parametrize(
    ("root", "cost"),
    [
        ("cur/acme/", {"prefix": "cur"}),
        ("cur/acme/", {"prefix": "cur/"}),
        ("cur/acme/", {"prefix": "cur/acme"}),
        ("cur/acme/", {"prefix": "cur/acme/"}),
        ("cur/acme/", {"prefix": "cur", "report": "acme"}),
        ("cur/acme/", {"prefix": "cur/acme", "report": "acme"}),
        ("/acme/", {"prefix": ""}),
        ("/acme/", {"prefix": "", "report": "acme"}),
        ("acme/", {"prefix": ""}),
        ("cur//acme/", {"prefix": "cur/"}),
        ("a/b c+d/acme/", {"prefix": "a/b c+d"}),
    ],
)
async def test_keys_are_taken_literally(shop, write, root, cost):
    """An empty prefix makes keys with a leading slash, one that ends in a slash makes two."""
    shop.put_month({"1.csv.gz": write([{}])}, root=root)
    shop.put("unrelated/file.txt", b"x")

    async with shop.stream(**cost) as stream:
        (partition,) = await stream.partitions(WINDOW)

    assert "2026-10" == partition.key
    assert Period.month("2026-10") == partition.period
    assert f"s3://{shop.bucket}/{root.rstrip('/')}" == partition.source
    assert partition.version


async def test_only_months_of_the_window_are_asked_for(shop, write):
    """One request for each, none for the others."""
    for days in ("20260801-20260901", "20260901-20261001", "20261001-20261101"):
        shop.put_month({"1.csv.gz": write([{}])}, days=days)
    ctx = shop.context()

    async with shop.stream(ctx, report="acme") as stream:
        assert ["2026-08", "2026-09"] == await keys(stream, Period.months("2026-07", "2026-09"))
    assert ["s3:ListObjectsV2"] * 3 == [call.operation for call in ctx.calls]


async def test_a_month_without_a_manifest_is_not_listed(shop):
    """AWS writes the manifest last."""
    shop.put_month({}, days="20260901-20261001")
    shop.put("cur/acme/20261001-20261101/assembly-1/acme-1.csv.gz", b"x")

    async with shop.stream() as stream:
        assert ["2026-09"] == await keys(stream)


async def test_a_period_that_is_no_calendar_month_has_a_key_of_its_own(shop):
    """An account may change its payer in the middle of a month."""
    shop.put_month({}, days="20261001-20261015")
    shop.put_month({}, days="20261015-20261101")

    async with shop.stream() as stream:
        assert ["20261001-20261015", "20261015-20261101"] == await keys(stream)


async def test_folders_with_other_names_are_no_months(shop):
    """Such as impossible dates."""
    shop.put_month({}, days="20261001-20261101")
    shop.put("cur/acme/20261301-20261401/acme-Manifest.json", b"{}")
    shop.put("cur/acme/year=2026/month=10/x.parquet", b"x")

    async with shop.stream() as stream:
        assert ["2026-10"] == await keys(stream)


async def test_several_reports_must_be_told_apart(shop):
    """The error names what was found; `report` chooses."""
    shop.put_month({}, root="cur/acme/")
    shop.put_month({}, root="cur/other/")

    async with shop.stream() as stream:
        with pytest.raises(BadRequestError, match=r"cur/acme/, cur/other/.*set report"):
            await stream.partitions(WINDOW)
    async with shop.stream(report="other") as stream:
        (partition,) = await stream.partitions(WINDOW)
        assert f"s3://{shop.bucket}/cur/other" == partition.source


async def test_a_report_that_is_not_there_is_not_found(shop):
    """With what to check."""
    shop.put_month({}, root="cur/acme/")

    async with shop.stream(report="acmee") as stream:
        with pytest.raises(NotFoundError, match=r"no Cost and Usage Report acmee under .*24 hours"):
            await stream.partitions(WINDOW)
    async with shop.stream(prefix="nowhere") as stream:
        with pytest.raises(NotFoundError, match="nowhere"):
            await stream.partitions(WINDOW)


async def test_too_many_folders_are_not_searched(shop, monkeypatch):
    """A prefix at the root of a data lake would cost a request a folder."""
    monkeypatch.setattr(roots, "MAX_FOLDERS", 3)
    for number in range(4):
        shop.put(f"lake/{number:03}/x", b"")

    async with shop.stream(prefix="lake") as stream:
        with pytest.raises(BadRequestError, match="too many to look into"):
            await stream.partitions(WINDOW)


async def test_listings_of_more_than_a_page_are_read_to_their_end(shop, monkeypatch):
    """S3 gives 1,000 names a page, here 2; the month sorts after all others."""
    monkeypatch.setattr(bucket, "PAGE", 2)
    for number in range(5):
        shop.put(f"cur/acme/{number:04}-old/x", b"")
    shop.put_month({}, days="20261001-20261101")
    ctx = shop.context()

    async with shop.stream(ctx, report="acme") as stream:
        assert ["2026-10"] == await keys(stream)
    assert 3 + 1 == len(ctx.calls)  # three pages of folders, then the month


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (datetime(2026, 10, 31, 23, tzinfo=UTC), PartitionState.OPEN),
        (datetime(2026, 11, 1, tzinfo=UTC), PartitionState.CLOSING),
        (datetime(2026, 11, 14, 23, tzinfo=UTC), PartitionState.CLOSING),
        (datetime(2026, 11, 15, tzinfo=UTC), PartitionState.CLOSED),
    ],
)
async def test_a_month_closes_two_weeks_after_its_end(shop, now, state):
    """Until then AWS may update it."""
    shop.put_month({})

    async with shop.stream(shop.context(now=now)) as stream:
        (partition,) = await stream.partitions(WINDOW)
    assert state is partition.state


async def test_the_version_follows_the_manifest(shop, write):
    """It changes with the content and only then."""
    shop.put_month({"1.csv.gz": write([{}])})
    async with shop.stream() as stream:
        (first,) = await stream.partitions(WINDOW)
        (again,) = await stream.partitions(WINDOW)
        shop.put_month({"1.csv.gz": write([{}])}, assemblyId="assembly-2")
        (later,) = await stream.partitions(WINDOW)

    assert first.version == again.version != later.version
