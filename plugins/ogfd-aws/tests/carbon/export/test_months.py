"""Carbon exports and their months, found by listing."""

from datetime import UTC, datetime, timedelta

import pytest
from ogfd_aws import bucket
from ogfd_aws.bucket import Bucket, Listed
from ogfd_sandbox.carbon import ExportPlace, footprint, put_export, recompute
from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    NotFoundError,
    NotPublished,
    PartitionState,
    Period,
)
from ogfd.testing import Collected

SETTINGS = CurSettings(seed=5, rows=200, accounts=2)
MADE = {month: footprint(SETTINGS, Month(2026, month)) for month in (8, 9, 10)}
WINDOW = Period.months("2022-01", "2026-12")
FOLDER = "carbon_model_version=v3.0.0/usage_period=2026-08"


@pytest.fixture
def put(shop):
    """Deliver a month by a model."""

    def deliver(month=8, model="v3.0.0", **place):
        made = MADE[month] if model == "v3.0.0" else recompute(MADE[month], model)
        put_export(shop.server, made, ExportPlace(bucket=shop.bucket, **place))
        return made

    return deliver


async def partitions(shop, window=WINDOW, ctx=None, **export):
    async with shop.delivered(ctx, **export) as stream:
        return {each.key: each for each in await stream.partitions(window)}


async def models(shop, **export):
    """Return the model of each month that can be read."""
    found = await partitions(shop, **export)
    return {key: each.version.split()[0] for key, each in found.items() if each.version}


async def why_pending(shop, key, ctx=None, **export):
    """Return why a month that is listed cannot be read."""
    async with shop.delivered(ctx, **export) as stream:
        found = {each.key: each for each in await stream.partitions(WINDOW)}
        assert found[key].version is None
        with pytest.raises(NotPublished) as caught:
            await stream.read(found[key], Collected())
    return str(caught.value)


@pytest.mark.parametrize(
    ("partition", "prefix", "export"),
    [
        ("model_version", "exports", {}),
        ("carbon_model_version", "exports", {"export": "carbon"}),
        ("MODEL_VERSION", "exports", {"prefix": "exports/carbon"}),
        ("carbon_model_version", "", {"prefix": ""}),
        ("model_version", "exports/", {"prefix": "exports/"}),
    ],
)
async def test_an_export_is_found_by_its_folders(shop, put, partition, prefix, export):
    """Whatever they are called; keys are taken literally."""
    put(prefix=prefix, partition=partition)
    shop.put("unrelated/file.txt", b"x")

    found = (await partitions(shop, **export))["2026-08"]
    assert ("2026-08", Period.month("2026-08")) == (found.key, found.period)
    assert f"s3://{shop.bucket}/{prefix}/carbon" == found.source


async def test_folders_may_be_the_other_way_round(shop, put):
    """The order is known by analogy alone; data and manifests need not agree."""
    put()
    root = "exports/carbon/metadata"
    swapped = f"{root}/usage_period=2026-08/model_version=v3.0.0/carbon-Manifest.json"
    shop.put(swapped, shop.server.get(shop.bucket, f"{root}/{FOLDER}/carbon-Manifest.json"))
    shop.server.delete(shop.bucket, f"{root}/{FOLDER}/carbon-Manifest.json")

    async with shop.delivered() as stream:
        found = {each.key: each for each in await stream.partitions(WINDOW)}
        out = Collected()
        await stream.read(found["2026-08"], out)
    assert len(MADE[8].parts) == out.source_rows


async def test_other_exports_are_no_carbon(shop, put):
    """Cost lies beside it as a rule."""
    shop.put("exports/cur2/metadata/BILLING_PERIOD=2026-08/cur2-Manifest.json", b"{}")

    with pytest.raises(NotFoundError, match=r"no carbon export under .*/exports"):
        await partitions(shop)
    put()
    assert "2026-08" in await partitions(shop)


async def test_two_exports_must_be_told_apart(shop, put):
    """Their months would count twice."""
    put(export="new")
    put(export="old")

    with pytest.raises(BadRequestError, match="several carbon exports: exports/new/, exports/old/"):
        await partitions(shop)
    assert {"2026-08": "v3.0.0"} == await models(shop, export="old")


async def test_the_newest_model_counts(shop, put):
    """Version 3.10 is newer than 3.9, and each month is looked at by itself."""
    for model in ("v3.9.0", "v3.10.0", "v3.0.0"):
        put(8, model)
    put(9, "v3.9.0")

    assert {"2026-08": "v3.10.0", "2026-09": "v3.9.0"} == await models(shop)


async def test_a_model_can_be_pinned(shop, put):
    """A month that others computed alone is pending, with what to change."""
    put(8, "v3.0.0")
    put(8, "v3.1.0")
    put(9, "v3.1.0")

    assert {"2026-08": "v3.0.0"} == await models(shop, model_version="v3.0.0")
    reason = await why_pending(shop, "2026-09", model_version="v3.0.0")
    assert "2026-09 is there by v3.1.0, not by v3.0.0 as model_version asks" == reason


async def test_a_pinned_model_that_no_month_has_is_a_mistake(shop, put):
    """AWS has taken it away, or nobody has ever seen it."""
    put(8, "v3.1.0")

    with pytest.raises(BadRequestError, match=r"no month by the model v3\.0\.0, only by v3\.1\.0"):
        await partitions(shop, model_version="v3.0.0")


async def test_a_model_that_is_taken_away_leaves_the_month(shop, put):
    """The older one after three months: nothing changes. The newer one: the older counts again."""
    old, new = put(8, "v3.0.0"), put(8, "v3.1.0")
    place = ExportPlace(bucket=shop.bucket)
    both = await partitions(shop)

    shop.server.delete(shop.bucket, place.manifest(old))
    shop.server.delete(shop.bucket, place.file(old))
    assert both["2026-08"] == (await partitions(shop))["2026-08"]
    put(8, "v3.0.0")
    shop.server.delete(shop.bucket, place.manifest(new))
    assert {"2026-08": "v3.0.0"} == await models(shop)


async def test_an_older_model_that_is_delivered_again_changes_nothing(shop, put):
    """Its manifest is another one, and nobody reads it; nor one that is no version at all."""
    put(8, "v3.1.0")
    put(8)
    before = await partitions(shop)
    put_export(shop.server, recompute(MADE[8], "v3.0.0"), ExportPlace(bucket=shop.bucket))
    odd = FOLDER.replace("v3.0.0", "experimental")
    shop.put(f"exports/carbon/metadata/{odd}/carbon-Manifest.json", b"{}")

    assert before == await partitions(shop)


async def test_the_version_follows_manifest_and_model(shop, put):
    """A restated month and a remodelled one are other versions, and nothing else is."""
    put()
    first = await partitions(shop)
    assert first == await partitions(shop)
    put_export(shop.server, recompute(MADE[8], "v3.0.0"), ExportPlace(bucket=shop.bucket))
    restated = await partitions(shop)
    put(8, "v3.1.0")
    remodelled = await partitions(shop)

    assert 3 == len({each["2026-08"].version for each in (first, restated, remodelled)})


async def test_a_month_without_a_manifest_is_pending(shop, put):
    """AWS writes it last."""
    made = put(9)
    place = ExportPlace(bucket=shop.bucket)
    shop.put(place.file(MADE[8]), b"x")
    shop.put(f"exports/carbon/metadata/{FOLDER.replace('08', '10')}/", b"")

    assert {"2026-09": "v3.0.0"} == await models(shop)
    for key in ("2026-08", "2026-10"):
        assert f"the delivery of {key} by v3.0.0 has no manifest yet" == await why_pending(
            shop, key
        )
    shop.server.delete(shop.bucket, place.manifest(made))
    assert "no manifest yet" in await why_pending(shop, "2026-09")


async def test_a_new_model_on_its_way_leaves_the_month_to_the_old_one(shop, put):
    """Until its manifest is there."""
    put(8)
    shop.put(ExportPlace(bucket=shop.bucket).file(recompute(MADE[8], "v3.1.0")), b"x")

    assert {"2026-08": "v3.0.0"} == await models(shop)


async def test_months_that_are_over_are_pending_until_they_are_delivered(shop, put):
    """AWS needs until the 21st; before that nobody is alarmed."""
    put(8)

    assert ["2026-08", "2026-09", "2026-10"] == list(await partitions(shop))
    assert "AWS publishes 2026-10 by 2026-11-21" == await why_pending(shop, "2026-10")
    late = shop.context(now=datetime(2026, 11, 22, tzinfo=UTC))
    assert "AWS has delivered nothing after 2026-08 yet" == await why_pending(shop, "2026-10", late)


@pytest.mark.parametrize(
    ("window", "keys"),
    [
        (("2026-09", "2026-09"), ["2026-09"]),
        (("2022-01", "2026-07"), []),
        (("2026-10", "2026-12"), ["2026-10"]),
    ],
)
async def test_a_window_narrows_the_months(shop, put, window, keys):
    """Also those that are not there yet."""
    put(8)
    put(9)

    assert keys == list(await partitions(shop, Period.months(*window)))


@pytest.mark.parametrize(
    ("day", "state"),
    [(20, PartitionState.CLOSING), (22, PartitionState.CLOSED)],
)
async def test_a_month_is_closed_when_aws_should_have_published_it(shop, put, day, state):
    """A new model may restate it all the same."""
    put(10)
    ctx = shop.context(now=datetime(2026, 11, day, tzinfo=UTC))

    assert state is (await partitions(shop, ctx=ctx))["2026-10"].state


async def test_a_month_in_two_folders_is_the_newer_one(shop, put, monkeypatch):
    """Such as of a case that AWS has changed."""
    put(partition="model_version")
    put(partition="MODEL_VERSION")
    below = Bucket.below

    async def later(self, prefix):
        return {
            key: Listed(etag=key, modified=listed.modified + timedelta(hours="MODEL" in key))
            for key, listed in (await below(self, prefix)).items()
        }

    monkeypatch.setattr(Bucket, "below", later)
    found = (await partitions(shop))["2026-08"]
    assert "MODEL_VERSION" in found.version


async def test_a_manifest_of_another_name_is_taken_if_the_export_has_none(shop, put):
    """The folder may have been renamed when it was copied."""
    put(export="original")
    root = f"exports/copy/metadata/{FOLDER}"
    place = ExportPlace(bucket=shop.bucket, export="original")
    body = shop.server.get(shop.bucket, place.manifest(MADE[8]))
    shop.put(f"{root}/original-Manifest.json", body)

    assert {"2026-08": "v3.0.0"} == await models(shop, export="copy")
    before = await partitions(shop, export="copy")
    shop.put(f"{root}/copy-Manifest.json", b"{}")
    assert before["2026-08"] != (await partitions(shop, export="copy"))["2026-08"]


async def test_manifests_of_single_executions_do_not_count(shop, put):
    """Deliveries that do not overwrite may leave some below."""
    put()
    before = await partitions(shop)
    shop.put(f"exports/carbon/metadata/{FOLDER}/2026-09-20-x/carbon-Manifest.json", b"{}")

    assert before == await partitions(shop)


async def test_a_history_is_listed_in_a_few_requests(shop, put, monkeypatch):
    """However long it is; listings are read to their end."""
    for month in MADE:
        put(month)
        put(month, "v3.1.0")
    ctx = shop.context()
    await partitions(shop, ctx=ctx, export="carbon")
    assert ["s3:ListObjectsV2"] * 6 == [call.operation for call in ctx.calls]

    monkeypatch.setattr(bucket, "PAGE", 2)
    assert 3 == len(await models(shop))


async def test_an_error_of_the_store_keeps_its_class(shop, put):
    """The hint names what to grant."""
    put()
    shop.server.inject(
        Rule(action="status", operation="ListObjectsV2", status=403, code="AccessDenied", times=9)
    )
    with pytest.raises(AuthError, match="AccessDenied"):
        await partitions(shop)
