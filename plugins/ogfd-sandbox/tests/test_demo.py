"""The demonstration, with a program that answers as told."""

import io
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from ogfd_sandbox.azure.bill import AzureSettings
from ogfd_sandbox.bigquery.bill import BillSettings
from ogfd_sandbox.bigquery.tables import LOADED
from ogfd_sandbox.cur import CurSettings
from ogfd_sandbox.demo.clouds import GCP_CARBON, GCP_COST, Aws, Azure, Gcp
from ogfd_sandbox.demo.ledger import read_sums
from ogfd_sandbox.demo.steps import Demonstration, perform
from ogfd_sandbox.program import Finished, Program
from ogfd_sandbox.tables import outcomes
from rich.console import Console

TODAY = date(2026, 3, 1)
TINY = Decimal("1E-18")


class Store:
    """Stand-ins of all clouds that only remember what they were given."""

    url = "http://127.0.0.1:1"

    def __init__(self):
        self.objects = set()
        self.blobs_put = set()
        self.published = []
        self.tables = []

    def set_emissions(self, account, months):
        self.published.append(list(months))

    def set_subscriptions(self, subscriptions):
        self.subscriptions = {one.subscription_id for one in subscriptions}

    def set_carbon(self, items):
        found = list(items)
        assert self.subscriptions == {one.subscription_id for one in found}
        self.published.append(sorted({one.month for one in found}))

    def create_bucket(self, bucket):
        pass

    def put(self, bucket, key, body):
        self.objects.add(key)

    def put_blob(self, container, name, body):
        self.blobs_put.add(name)

    def blobs(self, container, prefix):
        return sorted(name for name in self.blobs_put if name.startswith(prefix))

    def delete_blob(self, container, name):
        self.blobs_put.remove(name)

    def set_table(self, table, rows):
        self.tables.append((table.path, rows))

    def forget_requests(self):
        pass

    def requests(self):
        return ()

    def count(self, operation, key):
        return 0


@dataclass
class Given:
    """A cloud whose sums are given."""

    provider: str
    connector: str
    amounts: dict
    downloads: int = 0
    delivered: str = "delivered"
    redelivered: str = "redelivered"

    def deliver(self, months):
        pass

    def redeliver(self):
        pass

    def sums(self):
        return dict(self.amounts)

    def forget_requests(self):
        pass

    def requests(self):
        return 4, self.downloads


def clouds(downloads=0):
    """Return one cloud with both methods, and one with two currencies and one method."""
    aws = {
        "billed_cost:USD": Decimal("11806.745660138141410249"),
        "effective_cost:USD": Decimal("11699.945705289505890249"),
        "location_based_kg": Decimal("43376.036"),
        "market_based_kg": Decimal("26690.096"),
    }
    azure = {
        "billed_cost:EUR": Decimal("529.4722911155324552500000000000"),
        "effective_cost:EUR": Decimal("484.40415031553277925"),
        "billed_cost:USD": Decimal("52.9"),
        "effective_cost:USD": Decimal("48.4"),
        "market_based_kg": Decimal("11716.884"),
    }
    return Given("aws", "aws-demo", aws), Given("azure", "azure-demo", azure, downloads)


class Answers:
    """A program and a sink that know the clouds, but for *changes*, which they have instead."""

    def __init__(self, clouds, third="unchanged", **changes):
        self.clouds = clouds
        self.third = third
        self.changes = changes
        self.syncs = 0
        self.asked = []

    def __call__(self, command):
        self.asked.append(" ".join(command[5:]))
        match command[5:]:
            case ["sync", *_]:
                document = self._sync()
            case ["report", "--by", by, *_]:
                document = self._report(by.split(","))
            case ["slices", "history", slice, *_]:
                document = self._history(slice)
        return Finished(code=0, out=json.dumps(document), err="")

    def sums(self, cloud, where):
        changed = cloud.sums() | self.changes.get(where, {}).get(cloud.provider, {})
        return {name: amount for name, amount in changed.items() if amount is not None}

    def ledger(self):
        """Return sums of the sink, others among them that nobody compares."""
        return {
            cloud.connector: self.sums(cloud, "ledger") | {"quantity:Hrs": Decimal(4)}
            for cloud in self.clouds
        }

    def _sync(self):
        self.syncs += 1
        return {
            "outcome": "succeeded",
            "runs": [
                {"connector": cloud.connector, "slices": self._slices(cloud)}
                for cloud in self.clouds
            ],
        }

    def _slices(self, cloud):
        return [
            {
                "slice": f"{cloud.connector}/{stream}/{month}",
                "outcome": {1: "committed", 2: "committed" if new else "unchanged"}.get(
                    self.syncs, self.third
                ),
                "rows": 10,
                "source_rows": 1000,
                "rejected": None,
            }
            for stream in ("carbon", "cost")
            for month, new in (("2025-12", False), ("2026-01", False), ("2026-02", True))
        ]

    def _report(self, by):
        rows, emissions = [], []
        for cloud in self.clouds:
            group = dict.fromkeys(by, "[/not markup] of rich") | {"provider": cloud.provider}
            sums = {name: float(amount) for name, amount in self.sums(cloud, "report").items()}
            rows += [
                group
                | {"currency": currency}
                | {
                    name: sums.get(f"{name}:{currency}")
                    for name in ("billed_cost", "effective_cost")
                }
                for currency in sorted({name[-3:] for name in sums if ":" in name})
            ]
            kinds = ("location_based_kg", "market_based_kg")
            emissions.append(group | {name: sums.get(name) for name in kinds})
        return {
            "by": [*by, "currency"],
            "rows": rows,
            "emissions": {"by": by, "rows": emissions},
            "missing": ["azure-demo/carbon has no location_based_kg"],
        }

    def _history(self, slice):
        change = {"account_id": "1", "measure": "billed_cost", "unit": "USD"}
        changes = [
            change | {"service": f"Service {number}", "before": "100.5", "after": str(100 - number)}
            for number in range(7)
        ]
        commits = [{"generation": 1, "changes": []}, {"generation": 2, "changes": changes}]
        return {"slice": slice, "sinks": {"main": commits}}


def _shown(tmp_path, answers):
    console = Console(file=io.StringIO(), width=120)
    program = Program(tmp_path / "ogfd.toml", answers)
    good = perform(Demonstration(answers.clouds, program, answers.ledger, console), TODAY)
    return good, console.file.getvalue()


def _line(text, *cells):
    """Return the line of a table that begins with *cells*, as its cells."""
    lines = [[cell.strip() for cell in line.split("│")] for line in text.splitlines()]
    [found] = [line for line in lines if [*cells] == line[: len(cells)]]
    return found


def test_a_sink_that_holds_what_was_delivered_is_a_match(tmp_path):
    """Figures are the program's; each provider, currency and method has a line of its own."""
    good, text = _shown(tmp_path, Answers(clouds()))

    assert good
    assert text.rstrip().endswith("match")
    assert "no match" not in text
    cost = "11806.745660138141410249"
    assert ["11,806.75", cost, "=", cost] == _line(text, "aws", "billed, USD")[2:]
    cost = "529.47229111553245525"
    assert ["529.47", cost, "=", cost] == _line(text, "azure", "billed, EUR")[2:]
    assert "52.9" == _line(text, "azure", "billed, USD")[3]
    assert "43376.036" == _line(text, "aws", "location-based, kgCO2e")[3]
    assert 1 == text.count("location-based, kgCO2e")
    assert "[/not markup] of rich" in text
    assert "incomplete: azure-demo/carbon has no location_based_kg" in text
    assert "azure-demo: 4 requests, 0 of them for data" in text


def test_each_month_is_delivered_by_both_clouds_and_the_last_one_again(tmp_path):
    """With its emissions, which are out only then; a run of Azure replaces the one before."""
    store = Store()
    settings = AzureSettings(rows=600, subscriptions=2, currencies=("EUR", "USD"))
    answers = Answers((Aws(store, CurSettings(rows=300)), Azure(store, settings)))
    good, _ = _shown(tmp_path, answers)
    aws, azure = (cloud.sums() for cloud in answers.clouds)

    assert good
    assert [["2025-12", "2026-01"]] * 2 + [["2025-12", "2026-01", "2026-02"]] * 2 == store.published
    # three pointers, and a manifest in each of four assemblies
    assert 7 == sum(key.endswith("acme-Manifest.json") for key in store.objects)
    assert 3 == sum(name.endswith("manifest.json") for name in store.blobs_put)
    assert {"billed_cost:EUR", "billed_cost:USD", "market_based_kg"} < azure.keys()
    assert {"billed_cost:USD", "location_based_kg", "market_based_kg"} < aws.keys()
    assert "location_based_kg" not in azure
    assert [
        "sync --json",
        "report --by category,provider --format json",
        "sync --json",
        "slices history aws-demo/cost/2026-02 --json",
        "slices history azure-demo/cost/2026-02 --json",
        "sync --json",
        "report --by provider,month --format json",
    ] == answers.asked


def _days(rows):
    return [f"{moment:%Y-%m-%d}" for moment in rows[LOADED].to_pylist()]


def _invoiced(rows, day):
    """Count rows of a day of export by month of the invoice, and whether they cost something."""
    found = zip(_days(rows), rows["invoice"].to_pylist(), rows["cost"].to_pylist(), strict=True)
    return Counter((invoice["month"], cost > 0) for one, invoice, cost in found if one == day)


def test_google_cloud_exports_rows_late_and_takes_some_back(tmp_path):
    """Both on one day, long after the export was turned on; nothing is of a day to come."""
    store = Store()
    answers = Answers((Gcp(store, BillSettings(rows=900, currencies=("GBP",))),))
    good, text = _shown(tmp_path, answers)
    [first, second] = [rows for path, rows in store.tables if path == GCP_COST.path]
    [early, late] = [rows for path, rows in store.tables if path == GCP_CARBON.path]
    more = Counter(_days(second)) - Counter(_days(first))
    months = {f"{month['month']}" for month in second["invoice"].to_pylist()}
    before, after = (_invoiced(rows, "2026-02-20") for rows in (first, second))

    assert good
    assert {"2026-02-20": 6} == dict(more)
    assert {("202602", True): 3, ("202602", False): 3} == dict(after - before)
    assert ("2026-01-31", "2026-02-28") == (min(_days(second)), max(_days(second)))
    assert {"202512", "202601", "202602"} <= months
    assert [2, 3] == [len(set(rows["usage_month"].to_pylist())) for rows in (early, late)]
    assert ["billed_cost:GBP", "effective_cost:GBP", "location_based_kg", "market_based_kg"] == (
        sorted(answers.clouds[0].sums())
    )
    assert "19 days late" in text


def test_a_slice_of_a_day_is_shown_by_its_month():
    """As those of a month are."""
    document = {
        "runs": [
            {
                "slices": [
                    {"slice": f"gcp-demo/cost/2026-{day}", "outcome": "committed"}
                    for day in ("01-31", "02-01", "02-02")
                ]
            }
        ]
    }
    console = Console(file=io.StringIO(), width=120)
    console.print(outcomes(document))

    line = _line(console.file.getvalue(), "gcp-demo/cost", "2026-01 to 2026-02")
    assert ["committed", "3"] == line[2:4]


def test_sums_of_months_are_added_up(tmp_path):
    """By provider, currency and method, each alone."""
    answers = Answers(clouds())
    whole = answers._report

    def halves(by):
        document = whole(by)
        for rows in (document["rows"], document["emissions"]["rows"]):
            for row in rows:
                for name, value in row.items():
                    row[name] = value / 2 if isinstance(value, float) else value
            rows += [dict(row) for row in rows]
        return document

    answers._report = halves
    good, _ = _shown(tmp_path, answers)

    assert good


def test_slices_of_a_stream_with_one_outcome_are_one_line(tmp_path):
    """Each subscription and month of Azure is a slice: dozens, soon."""
    _, text = _shown(tmp_path, Answers(clouds()))

    first = ["aws-demo/cost", "2025-12 to 2026-02", "committed", "3", "3,000", "30", "-"]
    assert first == _line(text, *first)
    assert ["1"] == _line(text, "aws-demo/cost", "2026-02", "committed")[3:4]
    assert ["2"] == _line(text, "aws-demo/cost", "2025-12 to 2026-01", "unchanged")[3:4]


def test_what_changed_most_is_shown_and_the_rest_in_one_line(tmp_path):
    """Readable, whatever the number of services."""
    _, text = _shown(tmp_path, Answers(clouds()))
    most = [line for line in text.splitlines() if line.startswith("Service 6")]
    others = [line for line in text.splitlines() if line.startswith("2 others")]

    assert ["-6.50"] * 2 == [line.split()[-1] for line in most]
    assert ["-2.00"] * 2 == [line.split()[-1] for line in others]


@pytest.mark.parametrize(
    ("where", "place", "name", "error"),
    [
        ("ledger", 0, "billed_cost:USD", TINY),
        ("ledger", 1, "effective_cost:EUR", TINY),
        ("ledger", 1, "market_based_kg", Decimal("0.001")),
        ("report", 1, "billed_cost:USD", Decimal("0.01")),
    ],
)
def test_a_difference_is_no_match(tmp_path, where, place, name, error):
    """To the last digit in the ledger, to a cent in the report."""
    cloud = clouds()[place]
    wrong = {cloud.provider: {name: cloud.sums()[name] + error}}
    good, text = _shown(tmp_path, Answers(clouds(), **{where: wrong}))

    assert not good
    assert text.rstrip().endswith("no match")
    assert 1 == text.count("!=")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ledger": {"azure": {"location_based_kg": Decimal(0)}}},
        {"report": {"azure": {"location_based_kg": Decimal(3)}}},
        {"report": {"azure": {"billed_cost:USD": None, "effective_cost:USD": None}}},
        {"ledger": {"aws": {"market_based_kg": None}}},
    ],
    ids=["zero for none", "another method", "a currency less", "not held"],
)
def test_a_sum_that_one_has_and_another_has_not_is_no_match(tmp_path, wrong):
    """A method that a provider does not report stays empty; a currency is not left out."""
    good, text = _shown(tmp_path, Answers(clouds(), **wrong))

    assert not good
    assert "no match" in text


@pytest.mark.parametrize(("third", "downloads"), [("unchanged", 1), ("committed", 0)])
def test_a_third_sync_that_reads_data_is_no_success(tmp_path, third, downloads):
    """Nothing changed, so nothing may be downloaded or committed."""
    good, _ = _shown(tmp_path, Answers(clouds(downloads), third))

    assert not good


def test_the_ledger_is_added_up_by_connector(tmp_path):
    """Exactly, beyond what binary floats and the default precision of decimals keep."""
    path = tmp_path / "a b#.db"
    rows = [("a", "20000000000000000000.000000000000000001"), ("a", "1E-18"), ("b", "3")]
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE ogfd_ledger (connector TEXT, sums TEXT)")
        values = [(name, json.dumps({"billed_cost:USD": amount})) for name, amount in rows]
        db.executemany("INSERT INTO ogfd_ledger VALUES (?, ?)", values)
    db.close()

    assert {
        "a": {"billed_cost:USD": Decimal("20000000000000000000.000000000000000002")},
        "b": {"billed_cost:USD": Decimal(3)},
    } == read_sums(path)
