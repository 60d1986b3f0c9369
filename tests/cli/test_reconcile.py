"""``ogfd reconcile``, and what ``ogfd status`` shows of it."""

import json

import pytest

MATCH = {
    "connector": "aws-prod", "stream": "cost", "billing_period": "2026-10", "sink": "main",
    "measure": "billed_cost:USD", "result": "match", "committed": "1234.5600000001",
    "provider": "1234.56", "difference": "0.0000000001", "share": 8.1e-14, "agrees": True,
    "reason": None, "origin": "Cost Explorer", "independent": True,
    "checked_at": "2026-11-10T12:00:00+00:00",
}  # fmt: skip
DRIFT = MATCH | {"billing_period": "2026-09", "result": "drift", "committed": "1222.22",
                 "difference": "-12.34", "share": -0.01, "agrees": False}  # fmt: skip
UNVERIFIED = MATCH | {
    "stream": "carbon", "measure": None, "result": "unverified", "committed": None,
    "provider": None, "difference": None, "share": None, "agrees": None,
    "reason": "the provider gives no totals of this month",
}  # fmt: skip


def document(*checks, errors=()):
    classes = [{"connector": "aws-prod", "class": each, "message": "no"} for each in errors]
    return {"result": "drift", "checks": list(checks), "errors": classes}


def test_a_table_for_people(ogfd):
    """Every figure beside its counterpart; reasons and errors follow."""
    ogfd.results["reconcile"] = document(MATCH, DRIFT, UNVERIFIED, errors=["transient"])
    code, out, _ = ogfd("reconcile", "aws-prod", "--stream", "cost", "--from", "2026-09")
    lines = [" ".join(line.split()) for line in out.splitlines()]

    assert 1 == code
    assert [
        "STREAM PERIOD MEASURE RESULT COMMITTED PROVIDER DIFFERENCE SHARE SINK REASON",
        "aws-prod/cost 2026-10 billed_cost:USD match 1,234.56 1,234.56 1e-10 8.1e-12 % main -",
        "aws-prod/cost 2026-09 billed_cost:USD drift 1,222.22 1,234.56 -12.34 -1.00 % main -",
        f"aws-prod/carbon 2026-10 - unverified - - - - main {UNVERIFIED['reason']}",
        "aws-prod: transient: no",
        "1 drift, 1 match, 1 unverified",
    ] == lines
    [(_, asked)] = ogfd.calls
    assert (["aws-prod"], "cost", "2026-09", None) == tuple(
        asked[name] for name in ("connectors", "stream", "from", "to")
    )


def test_json_is_the_document(ogfd):
    """One, with every digit."""
    ogfd.results["reconcile"] = document(MATCH)
    code, out, _ = ogfd("reconcile", "--json")

    assert (0, document(MATCH)) == (code, json.loads(out))


def test_nothing_to_compare_is_said(ogfd):
    ogfd.results["reconcile"] = document()

    assert (0, "nothing to compare\n", "") == ogfd("reconcile")


@pytest.mark.parametrize(
    ("checks", "errors", "code"),
    [
        ([MATCH, UNVERIFIED], [], 0),
        ([MATCH, DRIFT], [], 1),
        ([MATCH | {"result": "missing"}], [], 1),
        ([MATCH], ["auth"], 1),
        ([], ["auth", "transient"], 77),
        ([], ["transient"], 69),
        ([], ["transient", "fatal"], 1),
    ],
)
def test_the_exit_code_says_the_worst(ogfd, checks, errors, code):
    """77 and 69 only if nothing at all could be compared."""
    ogfd.results["reconcile"] = document(*checks, errors=errors)

    assert code == ogfd("reconcile")[0]


def test_months_the_wrong_way_round_are_refused(ogfd):
    code, _, err = ogfd("reconcile", "--from", "2026-10", "--to", "2026-09")

    assert 64 == code
    assert "--from 2026-10 is after --to 2026-09" in err


def test_status_shows_what_is_off_and_what_could_not_be_checked(ogfd):
    """With the time of the check, or of its failure."""
    month = {"stream": "aws-prod/cost", "billing_period": "2026-09",
             "checked_at": "2026-11-10T12:00:00+00:00"}  # fmt: skip
    off = month | {name: DRIFT[name] for name in ("measure", "result", "difference", "share")}
    failed = month | {
        "result": "failed",
        "error": {"message": "throttled", "at": "2026-11-11T12:00:00+00:00"},
    }
    parts = ("connectors", "stopped", "failing", "held", "sinks", "problems")
    ogfd.results["status"] = {part: [] for part in parts} | {
        "daemon": {}, "slices": {}, "reconciliation": [off, failed],
    }  # fmt: skip
    lines = [" ".join(line.split()) for line in ogfd("status")[1].splitlines()]

    assert [
        "OFF THE PROVIDER'S TOTALS PERIOD MEASURE RESULT DIFFERENCE SHARE CHECKED REASON",
        "aws-prod/cost 2026-09 billed_cost:USD drift -12.34 -1.00 % 2026-11-10 12:00:00Z -",
        "aws-prod/cost 2026-09 - failed - - 2026-11-11 12:00:00Z throttled",
    ] == lines[-3:]
