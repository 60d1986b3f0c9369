"""``ogfd report``."""

import csv
import io
import json

import pytest

from ogfd.control.protocol import OperationError

REPORT = {
    "by": ["service", "currency"],
    "rows": [
        {"service": "AmazonEC2", "currency": "USD", "billed_cost": 1234.567,
         "effective_cost": 0.0012, "line_count": 7},
        {"service": None, "currency": "EUR", "billed_cost": -2.0, "effective_cost": None,
         "line_count": 1},
    ],
    "emissions": {"by": ["service"], "rows": []},
    "from": "2026-01", "to": "2026-12", "sink": "main", "complete": False,
    "missing": ["aws-prod/cost holds nothing for 2026-11"],
}  # fmt: skip
BOTH = REPORT | {
    "emissions": {
        "by": ["service"],
        "rows": [{"service": "AmazonEC2", "location_based_kg": 1500.25, "market_based_kg": 40.0,
                  "line_count": 3}],
    }
}  # fmt: skip


def test_a_table_for_people(ogfd):
    """Gaps are named on stderr."""
    ogfd.results["report"] = REPORT
    code, out, err = ogfd("report", "--by", "service")

    assert [
        "SERVICE    CURRENCY  BILLED_COST  EFFECTIVE_COST  LINE_COUNT",
        "AmazonEC2  USD          1,234.57          0.0012           7",
        "-          EUR             -2.00               -           1",
    ] == out.splitlines()
    assert (0, "incomplete: aws-prod/cost holds nothing for 2026-11\n") == (code, err)


def test_emissions_have_a_table_of_their_own(ogfd):
    """They have no currency, and their two methods no common sum."""
    ogfd.results["report"] = BOTH
    lines = ogfd("report")[1].splitlines()

    assert [
        "",
        "SERVICE    LOCATION_BASED_KG  MARKET_BASED_KG  LINE_COUNT",
        "AmazonEC2           1,500.25            40.00           3",
    ] == lines[3:]

    ogfd.results["report"] = BOTH | {"rows": []}
    assert lines[4:] == ogfd("report")[1].splitlines()


@pytest.mark.parametrize("args", [("--json",), ("--format", "json")])
def test_a_document_for_machines(ogfd, args):
    """With the gaps in it and nothing beside it."""
    ogfd.results["report"] = REPORT
    code, out, err = ogfd("report", *args)

    assert (0, REPORT, "") == (code, json.loads(out), err)


def test_csv_for_spreadsheets(ogfd):
    """Full precision, null is empty; each column can be added up."""
    ogfd.results["report"] = BOTH
    rows = list(csv.reader(io.StringIO(ogfd("report", "--format", "csv")[1])))

    assert [
        ["service", "currency", "billed_cost", "effective_cost", "location_based_kg",
         "market_based_kg", "line_count"],
        ["AmazonEC2", "USD", "1234.567", "0.0012", "", "", "7"],
        ["", "EUR", "-2.0", "", "", "", "1"],
        ["AmazonEC2", "", "", "", "1500.25", "40.0", "3"],
    ] == rows  # fmt: skip


def test_the_parameters_are_those_of_the_command_line(ogfd):
    """Lists by comma or by repetition."""
    ogfd.results["report"] = REPORT
    ogfd("report", "--from", "2026-01", "--by", "service, region", "--by", "month",
         "--where", "service=a", "--where", "service=b=c", "--where", "region=", "--sink", "dw")  # fmt: skip

    assert [
        (
            "report",
            {
                "from": "2026-01",
                "to": None,
                "by": ["service", "region", "month"],
                "where": {"service": ["a", "b=c"], "region": [""]},
                "basis": "reported",
                "sink": "dw",
            },
        )
    ] == ogfd.calls


def test_a_year_is_its_twelve_months(ogfd):
    """Both inclusive."""
    ogfd.results["report"] = REPORT
    ogfd("report", "--year", "2026")

    assert ("2026-01", "2026-12") == (ogfd.calls[0][1]["from"], ogfd.calls[0][1]["to"])


@pytest.mark.parametrize(
    "args",
    [
        ("--year", "26"),
        ("--year", "2026", "--from", "2026-01"),
        ("--from", "2026-02", "--to", "2026-01"),
        ("--where", "service"),
        ("--where", "=x"),
        ("--format", "xml"),
    ],
)
def test_a_wrong_command_line_is_64(ogfd, args):
    """And asks nobody."""
    assert 64 == ogfd("report", *args)[0]
    assert [] == ogfd.loaded


def test_an_empty_report_says_so(ogfd):
    """Rather than printing nothing."""
    ogfd.results["report"] = REPORT | {"rows": [], "missing": []}

    assert (0, "no rows\n", "") == ogfd("report")


def test_an_error_is_a_document_too(ogfd):
    """For those who asked for JSON by --format."""
    ogfd.results["report"] = OperationError("a report has no dimension 'x'", 64)
    code, out, _ = ogfd("report", "--by", "x", "--format", "json")

    assert (64, 64) == (code, json.loads(out)["error"]["exit_code"])
