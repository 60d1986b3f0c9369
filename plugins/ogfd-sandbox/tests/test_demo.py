"""The demonstration, with a program that answers as told."""

import io
import json
import tomllib
from datetime import date
from decimal import Decimal

import pytest
from click.testing import CliRunner
from ogfd_sandbox.__main__ import main
from ogfd_sandbox.configuration import environment, ogfd_toml
from ogfd_sandbox.cur import CurSettings, Month, Place
from ogfd_sandbox.demo import Demonstration, demo, perform
from ogfd_sandbox.program import Finished, Program
from rich.console import Console

TODAY = date(2026, 3, 1)


class Store:
    """An object store that only counts."""

    url = "http://127.0.0.1:1"

    def __init__(self, downloads=0):
        self.downloads = downloads
        self.objects = {}
        self.published = []

    def set_emissions(self, account, months):
        self.published.append(list(months))

    def create_bucket(self, bucket):
        pass

    def put(self, bucket, key, body):
        self.objects[key] = body.stat().st_size

    def forget_requests(self):
        pass

    def requests(self):
        return ["ListObjectsV2"] * 4

    def count(self, operation, key):
        return self.downloads


class Answers:
    """A program that knows bills and emissions, and is off by *error* in what its ledger says."""

    def __init__(self, error=Decimal(0), third="unchanged", carbon_error=Decimal(0)):
        self.error = error
        self.carbon_error = carbon_error
        self.third = third
        self.syncs = 0
        self.demonstration = None

    def __call__(self, command):
        match command[5:]:
            case ["sync", *_]:
                document = self._sync()
            case ["report", *_]:
                document = self._report()
            case ["slices", "history", slice, *_]:
                document = self._history(slice)
        return Finished(code=0, out=json.dumps(document), err="")

    def _bills(self):
        return self.demonstration._bills

    def _sync(self):
        self.syncs += 1
        newest = max(self._bills())
        slices = [
            {
                "slice": f"aws-demo/cost/{month}",
                "outcome": {1: "committed", 2: "committed" if month == newest else "unchanged"}.get(
                    self.syncs, self.third
                ),
                "rows": 10,
                "source_rows": bill.truth.lines,
                "rejected": 0,
                "deliveries": {"main": {"outcome": "committed", "generation": 1}},
            }
            for month, bill in self._bills().items()
        ]
        return {"outcome": "succeeded", "runs": [{"connector": "aws-demo", "slices": slices}]}

    def _report(self):
        row = {
            "category": "[/not markup] of rich",
            "currency": "USD",
            "billed_cost": "12.5",
            "effective_cost": None,
            "line_count": 7,
        }
        emitted = {"location_based_kg": 31.5, "market_based_kg": None, "line_count": 1}
        rows = [{"category": row["category"]} | emitted, {"category": "storage"} | emitted]
        return {
            "by": ["category", "currency"],
            "rows": [row],
            "emissions": {"by": ["category"], "rows": rows},
            "missing": ["aws-demo/carbon holds nothing for 2026-02"],
        }

    def _history(self, slice):
        if "/carbon/" in slice:
            (made,) = [one for one in self.demonstration._emitted if str(one.month) == slice[-7:]]
            kg = made.kg()
            sums = {
                "location_based_kg": f"{kg['TOTAL_LBM_CARBON_EMISSIONS'] + self.carbon_error:f}",
                "market_based_kg": f"{kg['TOTAL_MBM_CARBON_EMISSIONS']:f}",
            }
            return {"slice": slice, "sinks": {"main": [{"generation": 1, "sums": sums}]}}
        truth = self._bills()[Month.parse(slice[-7:])].truth
        billed = truth.billed()["USD"] + self.error
        change = {"account_id": "1", "service": "AWS Glue", "measure": "billed_cost", "unit": "USD"}
        commits = [
            {"generation": 1, "sums": {"billed_cost:USD": "1"}, "changes": []},
            {
                "generation": 2,
                "sums": {
                    "billed_cost:USD": f"{billed:f}",
                    "effective_cost:USD": f"{truth.effective()['USD']:f}",
                    "quantity:Hrs": "4",
                },
                "changes": [{**change, "before": "100.5", "after": "98.25"}],
            },
        ]
        return {"slice": slice, "sinks": {"main": commits}}


def _shown(tmp_path, answers, store):
    console = Console(file=io.StringIO(), width=120)
    shown = Demonstration(store, Program(tmp_path / "ogfd.toml", answers), console)
    answers.demonstration = shown
    good = perform(shown, TODAY, CurSettings(rows=400))
    return good, console.file.getvalue()


def test_a_sink_that_holds_the_bill_is_a_match(tmp_path):
    """Figures are the program's: its services, its changes, its sums, to the last digit."""
    store = Store()
    good, text = _shown(tmp_path, Answers(), store)

    assert good
    assert text.rstrip().endswith("match")
    assert "no match" not in text
    assert "aws-demo/cost/2025-12" in text
    assert "-2.2500" in text
    assert "[/not markup] of rich" in text
    assert "of which 0 for data files" in text
    assert "31.50" in text
    assert "incomplete: aws-demo/carbon holds nothing for 2026-02" in text
    assert "location-based: sink" in text
    assert [["2025-12", "2026-01"], ["2025-12", "2026-01", "2026-02"]] == store.published
    # three pointers, and a manifest in each of four assemblies
    assert 7 == sum(key.endswith("acme-Manifest.json") for key in store.objects)


def test_a_difference_in_the_last_digit_is_no_match(tmp_path):
    """A thousandth of a millionth of a millionth of a millionth of a dollar."""
    good, text = _shown(tmp_path, Answers(error=Decimal("1E-18")), Store())

    assert not good
    assert "no match" in text


def test_a_gram_of_difference_is_no_match(tmp_path):
    """Emissions are compared like money."""
    good, text = _shown(tmp_path, Answers(carbon_error=Decimal("0.001")), Store())

    assert not good
    assert "location-based: sink" in text
    assert "no match" in text


@pytest.mark.parametrize(
    ("answers", "store"), [(Answers(), Store(downloads=1)), (Answers(third="committed"), Store())]
)
def test_a_third_sync_that_reads_data_is_no_success(tmp_path, answers, store):
    """Nothing changed, so nothing may be downloaded or committed."""
    good, _ = _shown(tmp_path, answers, store)

    assert not good


def test_the_configuration_is_toml_whatever_the_directory_is_called(tmp_path):
    """Quotes and backslashes in paths are escaped."""
    directory = tmp_path / 'a "b" \\c'
    text = ogfd_toml(
        endpoint_url="http://127.0.0.1:1",
        place=Place(bucket="billing", report="acme", prefix="cur/"),
        directory=directory,
        start=Month(2026, 1),
        listen="127.0.0.1:2",
    )
    found = tomllib.loads(text)

    assert str(directory / "ogfd.db") == found["sinks"]["main"]["path"]
    assert {"bucket": "billing", "prefix": "cur/", "report": "acme"} == found["connectors"][
        "aws-demo"
    ]["cost"]
    assert found["connectors"]["aws-demo"]["secret_access_key"].startswith("env:")


def test_settings_of_the_user_do_not_reach_the_demonstration():
    """Neither a configuration, nor a cloud account, nor a predecessor's variables."""
    found = environment(
        {"PATH": "/bin", "OGFD_CONFIG": "x", "AWS_PROFILE": "y", "OFFGRIDFLOW_AWS_REGION": "z"}
    )

    assert "/bin" == found["PATH"]
    assert not {"OGFD_CONFIG", "AWS_PROFILE", "OFFGRIDFLOW_AWS_REGION"} & set(found)


def test_demo_is_announced_with_its_options():
    """The command loads without starting anything."""
    found = CliRunner().invoke(demo, ["--help"])

    assert 0 == found.exit_code
    assert "--once" in found.output
    assert "--keep" in found.output


def test_cur_writes_files_and_prints_their_truth(tmp_path):
    """For benchmarks: objects on disk, exact totals on stdout."""
    arguments = ["cur", "--rows", "300", "--files", "2", "--month", "2026-02", "--months", "2"]
    found = CliRunner().invoke(main, [*arguments, "--restated", "--out", str(tmp_path)])
    document = json.loads(found.output)

    assert ["2026-01", "2026-02", "2026-02"] == [each["month"] for each in document["assemblies"]]
    assert 300 == document["assemblies"][0]["rows"]
    for assembly in document["assemblies"]:
        assert Decimal(assembly["billed"]["USD"]) > 0
        assert all((tmp_path / entry["key"]).is_file() for entry in assembly["objects"])


def test_cur_refuses_what_is_no_month(tmp_path):
    """Before anything is written."""
    found = CliRunner().invoke(main, ["cur", "--month", "2026-13", "--out", str(tmp_path)])

    assert 2 == found.exit_code
    assert [] == list(tmp_path.iterdir())
