"""Runs of an export: what is in them, what their manifests tell, and what a later one replaces."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from ogfd_sandbox.azure.bill import (
    AzureSettings,
    Changes,
    Dataset,
    Format,
    Generation,
    Kind,
    Month,
    Overwrite,
    Place,
    assemble,
    deliver,
    put,
    restate,
)
from ogfd_sandbox.azure.bill.amounts import total

MONTH = Month(2026, 2)
SETTINGS = AzureSettings(seed=7, rows=1_000, currencies=("USD", "DKK"), taxes_and_credits=True)
every_format = pytest.mark.parametrize("format", Format, ids=lambda one: one.name.lower())


def _rows(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_running_month_has_what_the_whole_one_has_by_then(bill):
    """So that month-to-date runs grow."""
    running = assemble(SETTINGS, MONTH, through_day=9)
    days = ("day", "kind", "currency")
    whole = bill.truth.by("billed", *days)

    assert 9 == running.through_day
    assert {key: value for key, value in whole.items() if key[0] <= "2026-02-09"} == (
        running.truth.by("billed", *days)
    )


def test_a_restatement_changes_what_it_says_and_nothing_else(bill):
    """Usage of other days stays, but for what vanishes, arrives or is refunded."""
    changes = Changes(day=3, usage_per_mille=900, vanished=0.0, late=0, refunded=Decimal(2))
    before, after = bill.truth, restate(bill, changes).truth
    old, new = (truth.by("billed", "kind", "day") for truth in (before, after))
    differing = {key for key in {*old, *new} if old.get(key) != new.get(key)}

    assert {(Kind.USAGE, "2026-02-03"), (Kind.REFUND, "2026-02-01")} == differing
    assert new[Kind.USAGE, "2026-02-03"] < old[Kind.USAGE, "2026-02-03"]
    assert before.rows + 1 == after.rows


def test_a_restated_month_is_a_run_of_its_own(bill):
    """Its files bear out its truth."""
    again = restate(bill, Changes(vanished=0.05, late=30))
    place = Place(dataset=Dataset.ACTUAL_EA, format=Format.CSV)
    first, second = deliver(bill, place), deliver(again, place)
    parts = [body for name, body in second.blobs.items() if name != second.manifest]
    costs = [Decimal(row["CostInBillingCurrency"]) for part in parts for row in _rows(part)]

    assert first.run_id != second.run_id
    assert first.submitted < second.submitted
    assert first.folder == second.folder
    assert total(again.truth.of_kinds(Dataset.ACTUAL_EA.kinds).billed().values()) == total(costs)
    assert bill.truth.billed() != again.truth.billed()
    assert bill.truth.rows != again.truth.rows


def test_an_export_of_a_subscription_has_its_costs_alone(bill):
    """What has no subscription is the account's."""
    parts = [bill.within(f"/subscriptions/{one.id}") for one in bill.book.subscriptions]
    group = next(one.resource_group for one in parts[0].truth.totals if one.resource_group)
    inside = parts[0].within(f"{parts[0].book.subscriptions[0].id}".join(
        ["subscriptions/", f"/resourceGroups/{group.upper()}"]
    ))  # fmt: skip
    nobody = bill.truth.by("effective", "subscription_id")["",]

    assert total(bill.truth.effective().values()) - nobody == total(
        amount for part in parts for amount in part.truth.effective().values()
    )
    assert {group} == {one.resource_group for one in inside.truth.totals}
    assert bill is bill.within(bill.book.scope)
    with pytest.raises(ValueError, match="no subscription nobody"):
        bill.within("subscriptions/nobody")


@pytest.mark.parametrize("dataset", [Dataset.FOCUS_1_2, Dataset.ACTUAL_MCA])
@every_format
def test_an_export_may_be_empty(bill, dataset, format):
    """A resource group without charges has files with a header alone, and may be restated."""
    scope = f"/subscriptions/{bill.book.subscriptions[0].id}/resourceGroups/none"
    again = restate(bill.within(scope))
    run = deliver(again, Place(dataset=dataset, format=format))
    told = json.loads(run.blobs[run.manifest])
    content = next(iter(run.blobs.values()))

    assert 0 == told["dataRowCount"] == again.truth.rows
    if format is Format.PARQUET:
        assert 0 == pq.read_table(io.BytesIO(content)).num_rows
    else:
        plain = gzip.decompress(content) if format is Format.GZIP else content
        assert [] == _rows(plain)
        assert 1 == plain.count(b"\n")


def test_a_restated_part_is_the_part_of_the_restated_whole(bill):
    """What arrives late for others does not enter it."""
    scope = f"subscriptions/{bill.book.subscriptions[0].id}"
    late = restate(bill.within(scope), Changes(late=200))

    assert {bill.book.subscriptions[0].id} == {one.subscription_id for one in late.truth.totals}
    assert late.truth.rows > bill.within(scope).truth.rows


def test_a_manifest_tells_export_run_and_parts(bill):
    """As those since 2023 do; all sizes and counts are true."""
    place = Place(
        dataset=Dataset.FOCUS_1_2,
        directory="acme/costs",
        export="daily",
        overwrite=Overwrite.PREVIOUS,
    )
    run = deliver(bill, place, run_id="1d2c", submitted=datetime(2026, 3, 2, 4, 5, 6, 7, UTC))
    told = json.loads(run.blobs[run.manifest])
    parts = {name: body for name, body in run.blobs.items() if name != run.manifest}

    assert (
        run.manifest
        == list(run.blobs)[-1]
        == ("acme/costs/daily/20260201-20260228/1d2c/manifest.json")
    )
    assert f"{run.folder}1d2c/part_0_0001.csv.gz" in parts
    assert {
        "exportName": "daily",
        "resourceId": f"{bill.book.scope}/providers/Microsoft.CostManagement/exports/daily",
        "dataVersion": "1.2",
        "apiVersion": "2023-07-01-preview",
        "type": "FocusCost",
        "timeFrame": "MonthToDate",
        "granularity": "Daily",
    } == told["exportConfig"]
    assert {
        "executionType": "Scheduled",
        "submittedTime": "2026-03-02T04:05:06.0000070Z",
        "runId": "1d2c",
        "startDate": "2026-02-01T00:00:00",
        "endDate": "2026-02-28T00:00:00",
    } == told["runInfo"]
    assert ("Csv", "Gzip", "OverwritePreviousReport") == tuple(
        told["deliveryConfig"][name]
        for name in ("fileFormat", "compressionMode", "dataOverwriteBehavior")
    )
    assert {
        name: (len(body), len(_rows(gzip.decompress(body)))) for name, body in parts.items()
    } == {blob["blobName"]: (blob["byteCount"], blob["dataRowCount"]) for blob in told["blobs"]}
    assert (2, bill.truth.rows) == (told["blobCount"], told["dataRowCount"])


def test_a_manifest_of_2021_tells_parts_alone(bill):
    """In a folder by the time of the run."""
    place = Place(generation=Generation.Y2021, format=Format.CSV)
    run = deliver(bill, place, run_id="1d2c", submitted=datetime(2026, 3, 2, 4, 5, tzinfo=UTC))
    told = json.loads(run.blobs[run.manifest])

    assert "2021-01-01" == told["manifestVersion"]
    assert {"blobs", "blobCount", "byteCount", "dataFormat", "dataRowCount"} == set(told) - {
        "manifestVersion"
    }
    assert (
        "costs/acme-costs/20260201-20260228/202603020405/1d2c/000001.csv"
        == (told["blobs"][0]["blobName"])
    )
    assert {1} == {blob["headerRowCount"] for blob in told["blobs"]}


def test_a_one_time_export_names_its_days(bill):
    """And says in its manifest that it has no more."""
    run = deliver(bill.through(9), Place(time_frame="OneTime"))
    told = json.loads(run.blobs[run.manifest])

    assert "costs/acme-costs/20260201-20260209/" == run.folder
    assert "2026-02-09T00:00:00" == told["runInfo"]["endDate"]


class Container:
    """What `put` needs of a store."""

    def __init__(self):
        self.content = {}

    def put_blob(self, container, name, body):
        self.content[name] = (container, body)

    def delete_blob(self, container, name):
        assert container == self.content.pop(name)[0]

    def blobs(self, container, prefix=""):
        return [name for name in self.content if name.startswith(prefix)]


@pytest.mark.parametrize(("overwrite", "manifests"), [(Overwrite.NEW, 3), (Overwrite.PREVIOUS, 2)])
def test_a_run_stays_beside_the_one_before_or_takes_its_place(bill, overwrite, manifests):
    """The run of another month is never touched."""
    store, place = Container(), Place(overwrite=overwrite)
    other = deliver(assemble(SETTINGS, MONTH.plus(-1)), place)
    runs = [other, deliver(bill, place), deliver(restate(bill), place)]
    for run in runs:
        put(store, run, "exports")

    assert manifests == sum(name.endswith("manifest.json") for name in store.content)
    assert {runs[0].manifest, runs[2].manifest} <= set(store.content)
    assert runs[2].manifest == list(store.content)[-1]
