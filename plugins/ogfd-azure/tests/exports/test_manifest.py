"""Manifests of both generations, and what is none."""

import json
from datetime import UTC, date, datetime

import pytest
from ogfd_azure.exports.manifest import Part, parse

from ogfd.plugin import FatalError

MODIFIED = datetime(2026, 9, 2, 6, 1, tzinfo=UTC)
OLD = "costs/acme/20260801-20260831/202609020600/7c1e/manifest.json"
NEW = "costs/acme/20260801-20260831/7c1e/manifest.json"
BLOBS = [
    {"blobName": "p/1.csv", "byteCount": 5, "dataRowCount": 2, "headerRowCount": 1},
    {"blobName": "p/2.csv", "byteCount": 5, "dataRowCount": 3, "headerRowCount": 1},
]
COUNTS = {"blobCount": 2, "byteCount": 10, "dataRowCount": 5, "blobs": BLOBS}
TOLD = {
    "manifestVersion": "2024-04-01",
    **COUNTS,
    "exportConfig": {
        "exportName": "Acme",
        "resourceId": "/providers/Microsoft.Billing/billingAccounts/1:2_3/providers/"
        "Microsoft.CostManagement/exports/Acme",
        "dataVersion": "1.0",
        "type": "FocusCost",
    },
    "runInfo": {
        "submittedTime": "2026-09-02T06:00:00.1032074Z",
        "runId": "run-1",
        "startDate": "2026-08-01T00:00:00",
        "endDate": "2026-08-31T00:00:00",
    },
}


def read(told, name=NEW):
    return parse(json.dumps(told).encode("utf-8-sig"), name, MODIFIED)


def changed(section, **values):
    return {**TOLD, section: {**TOLD[section], **values}}


def test_a_manifest_says_what_its_run_is():
    """Scope, dataset, days, and rows of each blob."""
    run = read(TOLD)

    assert "FocusCost of /providers/microsoft.billing/billingaccounts/1:2_3" == run.export.costs
    assert ("Acme", "1.0", "run-1") == (run.export.name, run.version, run.id)
    assert datetime(2026, 9, 2, 6, 0, 0, 103207, UTC) == run.submitted
    assert (date(2026, 8, 1), date(2026, 8, 31)) == (run.first, run.last)
    assert (Part(name="p/1.csv", rows=2), Part(name="p/2.csv", rows=3)) == run.parts
    assert 5 == run.rows


def test_one_of_2021_says_it_by_its_path():
    """Whose costs they are it does not say: its folder stands for that."""
    run = read({"manifestVersion": "2021-01-01", **COUNTS}, OLD)

    assert ("acme", "", "", "costs/acme/") == (
        run.export.name, run.export.kind, run.export.scope, run.export.costs
    )  # fmt: skip
    assert (date(2026, 8, 1), date(2026, 8, 31)) == (run.first, run.last)
    assert ("7c1e", datetime(2026, 9, 2, 6, tzinfo=UTC)) == (run.id, run.submitted)


def test_the_time_of_the_blob_does_where_nothing_else_tells():
    """Or a run would have no place among others."""
    assert MODIFIED == read({**COUNTS}, NEW).submitted


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-08-01T00:00:00", "2026-08-11T00:00:00Z"),
        ("2026-08-01T00:00:00+02:00", "2026-08-11T00:00:00+02:00"),
        ("2026-08-01T00:00:00-07:00", "2026-08-11T23:59:59.9999999-07:00"),
        ("2026-08-01", "2026-08-11"),
    ],
)
def test_days_are_those_that_are_written(start, end):
    """In whatever zone, or a month would begin on the last day of the one before."""
    run = read(changed("runInfo", startDate=start, endDate=end))

    assert (date(2026, 8, 1), date(2026, 8, 11)) == (run.first, run.last)


def test_a_scope_may_be_told_alone():
    """As the resource id of the scope rather than of the export."""
    config = {**TOLD["exportConfig"], "resourceId": "subscriptions/ABC"}

    assert "/subscriptions/abc" == read({**TOLD, "exportConfig": config}).export.scope


def test_an_empty_run_says_so():
    """Zero rows, and not just no blobs."""
    assert () == read({**TOLD, "blobs": [], "blobCount": 0, "dataRowCount": 0}).parts
    assert () == read({**TOLD, "blobs": [], "blobCount": 0, "dataRowCount": None}).parts
    sections = {name: TOLD[name] for name in ("exportConfig", "runInfo")}
    assert ((), None) == ((run := read({**sections, "blobs": []})).parts, run.rows)
    with pytest.raises(FatalError, match="names no blobs, and dataRowCount is None"):
        read({"blobs": []}, OLD)


@pytest.mark.parametrize(
    ("told", "clause"),
    [
        ([], "not a JSON object"),
        ({}, "blobs is not a list"),
        ({**TOLD, "blobs": ["a"]}, "blobs is not a list of blobs"),
        ({**TOLD, "blobs": []}, "blobCount is 2, but it names 0 blobs"),
        ({**TOLD, "blobs": [], "blobCount": 0}, "names no blobs, and dataRowCount is 5"),
        ({**TOLD, "blobs": BLOBS[:1] * 2}, "names p/1.csv twice"),
        ({**TOLD, "blobs": [{}, {}]}, "a blob has no blobName"),
        ({**TOLD, "dataRowCount": 6}, "dataRowCount is 6, but its blobs have 5 rows"),
        ({**TOLD, "dataRowCount": "5"}, "dataRowCount is '5', which is no number"),
        ({**TOLD, "exportConfig": "x"}, "exportConfig is not an object"),
        (changed("exportConfig", type=1), "type is not a text"),
        (changed("runInfo", endDate="soon"), "runInfo.endDate is 'soon', which is no time"),
        (changed("runInfo", startDate=None), "runInfo.startDate is '', which is no time"),
        (changed("runInfo", startDate="2026-09-01"), "ends on 2026-08-31, before it begins"),
    ],
)
def test_what_is_wrong_is_named(told, clause):
    """With the blob, and what to do if it belongs to something else."""
    with pytest.raises(FatalError, match="make prefix more exact") as failed:
        read(told)

    assert NEW in str(failed.value)
    assert clause in str(failed.value)


def test_days_must_stand_somewhere():
    """In the manifest or in its path."""
    with pytest.raises(FatalError, match="neither runInfo nor its path"):
        read({**COUNTS}, "costs/acme/20261301-20260831/manifest.json")


def test_what_is_not_json_is_named():
    """A blob of that name may be anything."""
    with pytest.raises(FatalError, match="it is not JSON"):
        parse(b"{", NEW, MODIFIED)
