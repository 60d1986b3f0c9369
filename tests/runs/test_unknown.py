"""What a connector's tables do not know: on record, in the metrics and in the hints."""

from dataclasses import replace

import pytest

from ogfd.daemon import open_app
from ogfd.packages import RowFate
from ogfd.plugin import Finding, FindingLevel
from ogfd.runs import RunRequest, Trigger

STRANGE = {("region", "mars-1"): 3, ("service", "Novelty"): 1}


@pytest.fixture
def strange(diary):
    """Have the diary come upon values, by month."""
    found = {}
    read = diary.read

    async def read_strange(partition, out):
        for (field, value), rows in found.get(partition.key, {}).items():
            out.unknown(field, value, rows)
        await read(partition, out)

    diary.read = read_strange
    return found


async def sync(app):
    request = RunRequest(connector="d", trigger=Trigger.CLI)
    return await app.runner.run(request, lambda event: None)


def metric(app):
    text, _ = app.metrics.exposition("")
    [line] = [
        line for line in text.decode().splitlines() if line.startswith("ogfd_unknown_values{")
    ]
    return line


async def hints(app, **params):
    document = await app.operations.call("check", params, lambda event: None)
    return [
        (each["subject"], each["message"])
        for each in document["findings"]
        if each["scope"] == "connector d" and each["subject"].startswith("unknown")
    ]


async def test_unknown_values_are_counted_and_named(bound, strange):
    """By field, over all months, the rows added up."""
    strange |= {"2026-09": STRANGE, "2026-10": {("region", "mars-1"): 2}}
    async with open_app(bound) as app:
        result = await sync(app)
        status = await app.operations.call("status", {}, lambda event: None)

        assert 'ogfd_unknown_values{connector="d",stream="cost"} 2.0' == metric(app)
        assert [
            ("unknown region in cost", "mars-1 (5 rows)"),
            ("unknown service in cost", "Novelty (1 rows)"),
        ] == [(subject, message.partition(";")[0]) for subject, message in await hints(app)]
        [connector] = status["connectors"]
        assert [("region", "mars-1", 5), ("service", "Novelty", 1)] == [
            (each["field"], each["value"], each["rows"]) for each in connector["unknown"]
        ]
    assert [1, 1] == [each.rows for each in result.slices]


async def test_what_a_later_read_does_not_find_is_forgotten(bound, diary, strange):
    """And a new process knows what an earlier one found."""
    strange["2026-10"] = STRANGE
    async with open_app(bound) as app:
        await sync(app)
    async with open_app(bound) as app:
        assert metric(app).endswith(" 2.0")
        strange.clear()
        diary.version = "v2"
        await sync(app)

        assert metric(app).endswith(" 0.0")
        assert [] == await hints(app)


async def test_a_run_logs_them_once(bound, strange, caplog):
    """However many months have them."""
    strange |= {"2026-09": STRANGE, "2026-10": STRANGE}
    async with open_app(bound) as app:
        await sync(app)

    [record] = [each for each in caplog.records if "no table knows" in each.getMessage()]
    assert ["region mars-1", "service Novelty"] == record.values


async def test_a_connector_that_can_look_for_sources_suggests_them(bound):
    """As tables of the configuration, and only if it is asked to."""
    found = Finding(
        level=FindingLevel.OK,
        subject="export focus",
        message="daily, Parquet",
        suggestion={"cost": {"bucket": "billing"}},
    )

    async def discover(config, ctx):
        return [found]

    connector = bound.connectors["d"]
    spec = replace(connector.spec, discover=discover)
    knowing = replace(bound, connectors={"d": replace(connector, spec=spec)})
    async with open_app(knowing) as app:
        asked = await app.operations.call("check", {"discover": True}, lambda event: None)
        plain = await app.operations.call("check", {}, lambda event: None)

    suggested = [each["suggestion"] for each in asked["findings"] if each["suggestion"]]
    assert [{"connectors": {"d": {"cost": {"bucket": "billing"}}}}] == suggested
    assert not any(each["suggestion"] for each in plain["findings"])


async def test_a_connector_that_cannot_look_for_sources_says_so(bound):
    """As a warning: nothing is wrong."""
    async with open_app(bound) as app:
        document = await app.operations.call("check", {"discover": True}, lambda event: None)

    [found] = [each for each in document["findings"] if each["subject"] == "discover"]
    assert ("warning", "connectors of the type diary cannot look for sources") == (
        found["level"],
        found["message"],
    )


async def test_a_slice_that_is_dropped_takes_its_unknown_values_along(bound, strange):
    """None of its rows are left; those of other slices stay."""
    strange |= {"2026-09": STRANGE, "2026-10": {("region", "mars-2"): 1}}
    async with open_app(bound) as app:
        await sync(app)
        assert metric(app).endswith(" 3.0")
        params = {"slice": "d/cost/2026-09", "reason": "moved", "actor": "me"}
        await app.operations.call("slices.drop", params, lambda event: None)

        assert metric(app).endswith(" 1.0")
        assert ["unknown region in cost"] == [subject for subject, _ in await hints(app)]


@pytest.mark.parametrize("point", ["package.judged", "package.archived"])
async def test_a_process_that_dies_on_the_way_loses_none(bound, strange, point):
    """Before the commit the next run goes on without a read; after it there is nothing to do."""
    strange["2026-10"] = STRANGE

    class Killed(BaseException):
        """Nothing is done after it."""

    async def passed(_, name):
        if name == point:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ogfd.slices.failpoints.Failpoints.passed", passed)
        with pytest.raises(Killed):
            async with open_app(bound) as app:
                await sync(app)
    async with open_app(bound) as app:
        await sync(app)

        assert metric(app).endswith(" 2.0")


async def test_a_package_that_cannot_tell_changes_nothing(bound, strange, diary, monkeypatch):
    """One from before there was such a record, which a version that is back finds in the archive."""
    strange["2026-10"] = STRANGE
    async with open_app(bound) as app:
        await sync(app)
        monkeypatch.setattr("ogfd.packages.fate.RowFate.counts", _of_old(RowFate.counts))
        diary.version = "v2"
        await sync(app)
        assert metric(app).endswith(" 2.0")


def _of_old(counts):
    """Return what counted a row fate before it told of unknown values."""
    return lambda fate: {name: each for name, each in counts(fate).items() if name != "unknown"}


async def test_a_stream_that_is_configured_no_more_has_no_unknown_values(bound, strange):
    """There is nothing to read anew, and nothing to mend."""
    strange["2026-10"] = STRANGE
    async with open_app(bound) as app:
        await sync(app)
    connector = bound.connectors["d"]
    streams = {"carbon": replace(connector.streams["cost"], name="carbon")}
    other = replace(bound, connectors={"d": replace(connector, streams=streams)})
    async with open_app(other) as app:
        status = await app.operations.call("status", {}, lambda event: None)
        assert [] == status["connectors"][0]["unknown"]
        assert 'ogfd_unknown_values{connector="d",stream="carbon"} 0.0' == metric(app)
