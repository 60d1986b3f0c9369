"""A month, read from a bucket."""

import gzip
import logging
from collections import defaultdict
from decimal import Decimal

import pytest
from ogfd_aws import ogfd_connector
from ogfd_sandbox.cur import CurSettings, Month, Place, assemble, put_report, restate
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    FatalError,
    Period,
    SourceChanged,
    TransientError,
    Wanted,
)
from ogfd.testing import Collected, check_connector

WINDOW = Period.months("2026-01", "2026-12")


async def read_month(shop, *, wanted=None, ctx=None, between=None, **cost):
    """List, then read the only month; *between* happens after the listing."""
    out = Collected(wanted)
    async with shop.stream(ctx, **cost) as stream:
        (partition,) = await stream.partitions(WINDOW)
        if between is not None:
            between()
        try:
            await stream.read(partition, out)
        finally:
            assert [] == list(shop.spool.iterdir())
    out.check()
    return out


def costs(out):
    return sorted(row["billed_cost"] for row in out.rows())


async def test_a_month_is_all_its_files(shop, write):
    """Whatever their number; their columns may differ; spooled files are gone in the end."""
    shop.put_month(
        {
            "a.csv.gz": write([{"lineItem/UnblendedCost": "1"}, {"lineItem/UnblendedCost": "2"}]),
            "b.csv.gz": write([{"lineItem/UnblendedCost": "3", "resourceTags/user:Team": "x"}]),
            "c.csv.gz": write([{"product/region": "eu-west-1", "lineItem/UnblendedCost": "4"}]),
            "d.csv.gz": write([{}]),
        }
    )
    ctx = shop.context()
    out = await read_month(shop, wanted=Wanted(tags=("Team",)), ctx=ctx)

    assert [Decimal("0.25"), 1, 2, 3, 4] == costs(out)
    assert 5 == out.source_rows
    assert [("Team", "x")] in [row.get("tags") for row in out.rows()]
    assert [(done, 4, "files") for done in (1, 2, 3, 4)] == ctx.reported


async def test_a_month_without_files_is_refused(shop):
    """A manifest that names none would empty the month."""
    shop.put_month({})

    with pytest.raises(FatalError, match="reportKeys names no file"):
        await read_month(shop)


async def test_a_copied_report_is_read(shop, write, caplog):
    """Replication keeps the name of the original bucket; one line tells, not one a file."""
    shop.put_month({"1.csv.gz": write([{}]), "2.csv.gz": write([{}])}, bucket="the-original")
    with caplog.at_level(logging.INFO):
        out = await read_month(shop)

    assert 2 == out.source_rows
    assert ["2026-10: a copy of the report in the-original"] == [
        record.getMessage() for record in caplog.records if "copy" in record.getMessage()
    ]


@pytest.mark.parametrize(
    ("root", "prefix"), [("/acme/", ""), ("cur//acme/", "cur/"), ("a b/ü+/acme/", "a b/ü+")]
)
async def test_files_are_read_by_their_literal_keys(shop, write, root, prefix):
    """Leading and double slashes, blanks and letters beyond ASCII."""
    shop.put_month({"1.csv.gz": write([{}])}, root=root, bucket="")

    assert [Decimal("0.25")] == costs(await read_month(shop, prefix=prefix))


async def test_requests_are_as_few_as_can_be(shop, write):
    """Listing again costs no read; a read costs the manifest, its files and two checks."""
    shop.put_month({"1.csv.gz": write([{}]), "2.csv.gz": write([{}])})
    ctx = shop.context()
    await read_month(shop, ctx=ctx, report="acme")

    names = [call.operation for call in ctx.calls]
    assert ["s3:ListObjectsV2"] * 2 == names[:2]
    assert ["s3:GetObject"] * 3 + ["s3:ListObjectsV2"] * 2 == names[2:]


async def test_a_manifest_that_changed_since_the_listing_starts_over(shop, write):
    """The version that was listed is the one that is read, or none."""
    shop.put_month({"1.csv.gz": write([{}])})

    with pytest.raises(SourceChanged, match="changed since it was listed"):
        await read_month(
            shop, between=lambda: shop.put_month({"2.csv.gz": write([{}])}, assemblyId="2")
        )


async def test_a_manifest_that_vanished_starts_over(shop, write):
    """The listing will tell."""
    manifest = shop.put_month({"1.csv.gz": write([{}])})

    with pytest.raises(SourceChanged):
        await read_month(shop, between=lambda: shop.server.delete(shop.bucket, manifest))


async def test_a_manifest_that_changes_while_files_are_read_starts_over(shop, write, tmp_path):
    """Else half of the files would be of the old assembly."""
    manifest = shop.put_month({"1.csv.gz": write([{}]), "2.csv.gz": write([{}])})
    newer = tmp_path / "manifest"
    newer.write_bytes(b"{}")
    shop.server.inject(
        Rule(action="replace", key="*2.csv.gz", objects=((shop.bucket, manifest, str(newer)),))
    )

    with pytest.raises(SourceChanged, match="changed while its files were read"):
        await read_month(shop)


async def test_a_missing_file_is_fatal(shop, write):
    """If the manifest still lists it, nobody is replacing it."""
    shop.put_month({"1.csv.gz": write([{}]), "2.csv.gz": write([{}])})
    key = "cur/acme/20261001-20261101/assembly-1/2.csv.gz"

    with pytest.raises(FatalError, match=r"the manifest lists .*2.csv.gz, which is missing"):
        await read_month(shop, between=lambda: shop.server.delete(shop.bucket, key))


async def test_a_missing_file_of_an_old_manifest_starts_over(shop, write, tmp_path):
    """Overwrite mode: the files go while the manifest changes."""
    manifest = shop.put_month({"1.csv.gz": write([{}]), "2.csv.gz": write([{}])})
    newer = tmp_path / "manifest"
    newer.write_bytes(b"{}")
    shop.server.inject(
        Rule(action="replace", key="*1.csv.gz", objects=((shop.bucket, manifest, str(newer)),)),
        Rule(action="status", key="*2.csv.gz", status=404, code="NoSuchKey"),
    )

    with pytest.raises(SourceChanged):
        await read_month(shop)


async def test_a_file_replaced_between_two_parts_of_its_download_starts_over(shop, write):
    """A resumed file is never a mix of two versions."""
    content = write([{"lineItem/UsageType": f"{n}"} for n in range(50)])
    shop.put_month({"1.csv.gz": content})
    key = "cur/acme/20261001-20261101/assembly-1/1.csv.gz"

    class Resuming(type(shop.context())):
        async def download(self, operation, open_at, **_):
            async with open_at(0) as chunks:
                async for _ in chunks:
                    break
            shop.put(key, write([{}]))
            async with open_at(10) as chunks:
                async for _ in chunks:
                    pass

    ctx = Resuming(spool=shop.spool, classify=shop.context()._classify)
    with pytest.raises(SourceChanged, match="was replaced while it was read"):
        await read_month(shop, ctx=ctx)


async def test_a_download_goes_on_at_the_byte_asked_for(shop, write):
    """The second part begins where the first ended."""
    content = write([{"lineItem/UsageType": f"{n}"} for n in range(500)])
    shop.put_month({"1.csv.gz": content})

    class Resuming(type(shop.context())):
        async def download(self, operation, open_at, **_):
            path = self._spool / "f"
            with path.open("wb") as file:
                async with open_at(0) as chunks:
                    async for chunk in chunks:
                        file.write(chunk[:100])
                        break
                async with open_at(100) as chunks:
                    async for chunk in chunks:
                        file.write(chunk)
            return path

    out = await read_month(shop, ctx=Resuming(spool=shop.spool))
    assert 500 == out.source_rows


@pytest.mark.parametrize("hide_length", [False, True])
async def test_a_transfer_that_breaks_off_is_never_taken_for_a_whole_one(shop, write, hide_length):
    """With and without a Content-Length to compare with."""
    shop.put_month({"1.csv.gz": write([{"lineItem/UsageType": f"{n}"} for n in range(500)])})
    shop.server.inject(Rule(action="truncate", key="*1.csv.gz", hide_length=hide_length, times=9))

    with pytest.raises(TransientError, match=r"1\.csv\.gz (broke off after|is truncated)"):
        await read_month(shop)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDenied", 403, AuthError),
        ("SlowDown", 503, TransientError),
        ("InternalError", 500, TransientError),
        ("InvalidObjectState", 403, FatalError),
    ],
)
async def test_an_error_of_the_store_keeps_its_class(shop, write, code, status, error):
    """Also out of the task that fetches."""
    shop.put_month({"1.csv.gz": write([{}])})
    shop.server.inject(Rule(action="status", key="*1.csv.gz", status=status, code=code, times=9))

    with pytest.raises(error, match=code):
        await read_month(shop)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"no gzip at all", TransientError, "2.csv.gz is corrupt"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), FatalError, "2.csv.gz: the header lacks"),
        (
            gzip.compress(b"a,a\n1,2\n", mtime=0),
            FatalError,
            "2.csv.gz: the header has a more than once",
        ),
    ],
)
async def test_a_bad_file_fails_the_read_and_is_named(shop, write, content, error, message):
    """The other files do not make up for it."""
    shop.put_month({"1.csv.gz": write([{}]), "2.csv.gz": content, "3.csv.gz": write([{}])})

    with pytest.raises(error, match=message):
        await read_month(shop)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reportKeys": ["elsewhere/x.csv.gz"]}, "foreign"),
        ({"compression": "RAR"}, "text/csv with GZIP or ZIP, and Parquet are read"),
        ({"padding": "x" * (6 << 20)}, "larger than 5 MiB"),
    ],
)
async def test_a_bad_manifest_fails_the_read(shop, write, changes, message):
    """Nothing is downloaded."""
    shop.put_month({"1.csv.gz": write([{}])}, **changes)
    ctx = shop.context()

    with pytest.raises(FatalError, match=message):
        await read_month(shop, ctx=ctx)
    assert "download" not in {call.kind for call in ctx.calls}


async def test_a_generated_report_gives_its_own_truth_before_and_after_a_restatement(shop):
    """Every line type, two currencies, columns that differ by file; then fewer files and a credit."""
    settings = CurSettings(seed=3, rows=3000, files=3, currencies=("USD", "CNY"))
    first = assemble(settings, Month(2026, 8))
    for assembly in (first, restate(first)):
        put_report(shop.server, assembly, Place(bucket=shop.bucket, report="acme", prefix=""))
        out = await read_month(shop, prefix="")

        billed, effective = defaultdict(Decimal), defaultdict(Decimal)
        for row in out.rows():
            billed[row["currency"]] += row["billed_cost"]
            effective[row["currency"]] += row["effective_cost"]
        assert assembly.truth.billed() == billed
        assert assembly.truth.effective() == effective
        assert (assembly.truth.lines, []) == (out.source_rows, out.rejected)


async def test_what_the_tables_do_not_know_is_on_record(shop, write):
    """With the number of rows that have it, over all files."""
    row = {
        "lineItem/LineItemType": "Novelty",
        "lineItem/ProductCode": "AWSNovelty",
        "product/regionCode": "mars-1",
        "product/colour": "red",
    }
    shop.put_month({"1.csv.gz": write([row] * 3), "2.csv.gz": write([row] * 2)})

    out = await read_month(shop)

    assert {
        ("charge_category", "Novelty"): 5,
        ("service", "AWSNovelty"): 5,
        ("region", "mars-1"): 5,
    } == out.unknowns


async def test_the_connector_keeps_the_contract(shop, write):
    """Faults and cancellations at every request."""
    shop.put_month({"1.csv.gz": write([{}] * 5)})

    await check_connector(
        ogfd_connector(), shop.config(report="acme"), window=WINDOW, context=shop.context
    )
