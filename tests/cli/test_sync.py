"""``ogfd sync`` and ``ogfd plan``."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from ogfd.cli.session import RemoteOperations
from ogfd.control.protocol import OperationError


def slice_(name="aws-prod/cost/2026-10", outcome="committed", **changes):
    return {
        "slice": name,
        "outcome": outcome,
        "reason": None,
        "error_class": None,
        "rows": 1200,
        "line_count": 5000,
        "source_rows": 5000,
        "rejected": 0,
        "filtered": 0,
        "sums": {"billed_cost:USD": "1234.5", "line_count": "5000"},
        "deliveries": {"main": {"outcome": "committed", "generation": 3}},
        "seconds": 1.25,
        "next_due": None,
        **changes,
    }


def run(*slices, outcome=None, error=None, connector="aws-prod"):
    bad = sum(item["outcome"] in {"failed", "held"} for item in slices) + bool(error)
    mixed = "failed" if bad == len(slices) + bool(error) else "partial"
    return {
        "run_id": "r1",
        "connector": connector,
        "provider": "aws",
        "trigger": "cli",
        "outcome": outcome or (mixed if bad else "succeeded"),
        "started_at": "2026-11-21T00:00:00+00:00",
        "ended_at": "2026-11-21T00:01:00+00:00",
        "error": error,
        "errors": [error] if error else [],
        "slices": list(slices),
    }


def document(*runs, outcome="succeeded"):
    return {"outcome": outcome, "runs": list(runs)}


HELD = slice_("aws-prod/cost/2026-09", "held", reason="rows dropped by 60 %", deliveries={})
DOWN = {"class": "transient", "message": "down", "stream": None}
AUTH = {"class": "auth", "message": "no credentials", "stream": None}


def test_outcomes_are_a_table(ogfd):
    """With rows, cost, where it went and why not."""
    ogfd.results["sync"] = document(run(slice_(), HELD, outcome="partial"), outcome="partial")
    code, out, err = ogfd("sync")

    assert [
        "SLICE                  OUTCOME    ROWS          COST  SINKS   SECONDS  REASON",
        "aws-prod/cost/2026-10  committed  1200  1,234.50 USD  main@3      1.2  -",
        "aws-prod/cost/2026-09  held       1200  1,234.50 USD  -           1.2  rows dropped by 60 %",
        "partial: 1 committed, 1 held",
    ] == out.splitlines()
    assert (1, "") == (code, err)


def test_the_parameters_are_those_of_the_command_line(ogfd):
    """Months inclusive, several connectors."""
    ogfd.results["sync"] = document()
    ogfd("sync", "aws-prod", "gcp", "--stream", "cost", "--from", "2026-01", "--to", "2026-02",
         "--force")  # fmt: skip

    assert [
        (
            "sync",
            {
                "connectors": ["aws-prod", "gcp"],
                "stream": "cost",
                "from": "2026-01",
                "to": "2026-02",
                "force": True,
                "trigger": "cli",
            },
        )
    ] == ogfd.calls


def test_json_is_exactly_the_result(ogfd):
    """One document on stdout and nothing else, with or without events."""
    ogfd.results["sync"] = document(run(slice_()))
    ogfd.events = [{"event": "progress", "slice": "a/b/c", "done": 1, "total": 2, "unit": "rows"}]
    code, out, err = ogfd("sync", "--json")

    assert (0, "") == (code, err)
    assert ogfd.results["sync"] == json.loads(out)


def lines_to(path):
    """Return a configuration with a jsonl sink."""
    table = SimpleNamespace(type="jsonl", values={"path": path})
    return SimpleNamespace(sinks={"lines": SimpleNamespace(table=table)})


@pytest.mark.parametrize("command", [("sync",), ("slices", "drop", "a/b/c", "--reason", "x")])
def test_json_is_refused_while_a_sink_writes_to_stdout(ogfd, command):
    """The rows would come before the document; nothing is done, and the sink is named."""
    ogfd.bound = lines_to("-")
    code, out, err = ogfd(*command, "--json")

    assert (64, [], 64) == (code, ogfd.calls, json.loads(out)["error"]["exit_code"])
    assert "the jsonl sink lines and --json would share stdout" in err
    assert "drop --json, or give sinks.lines.path a file" in err


def test_json_is_fine_where_stdout_has_no_rows(ogfd, tmp_path, monkeypatch):
    """Without --json, with a file, when nothing is committed, or if the daemon has the sink."""
    ogfd.results.update(sync=document(), plan={"slices": [], "errors": []})
    ogfd.bound = lines_to("-")
    assert [0, 0] == [ogfd("sync")[0], ogfd("plan", "--json")[0]]

    ogfd.opened = RemoteOperations(tmp_path / "socket")
    monkeypatch.setattr(RemoteOperations, "call", lambda _, *rest: ogfd.call(*rest))
    assert 0 == ogfd("sync", "--json")[0]

    ogfd.opened, ogfd.bound = None, lines_to("lines.jsonl")
    assert 0 == ogfd("sync", "--json")[0]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (document(), 0),
        (document(run(slice_(), slice_(outcome="unchanged"))), 0),
        (document(run(slice_(outcome="pending"), slice_(outcome="absent"))), 0),
        (document(run(slice_(), HELD, outcome="partial"), outcome="partial"), 1),
        (document(run(HELD)), 1),
        (document(run(slice_(outcome="failed", error_class="fatal")), outcome="failed"), 1),
        (document(run(outcome="failed", error=DOWN), outcome="failed"), 69),
        (document(run(slice_(outcome="failed", error_class="transient")), outcome="failed"), 1),
        (document(run(slice_(outcome="failed")), run(error=DOWN), outcome="failed"), 1),
        (document(run(error={**DOWN, "class": "fatal"}), run(error=DOWN), outcome="failed"), 1),
        (document(run(error=AUTH), run(error=DOWN), outcome="failed"), 77),
        (document(run(slice_(), outcome="partial", error=DOWN), outcome="partial"), 1),
        (document(run(outcome="failed", error=AUTH), outcome="failed"), 77),
        (document(run(slice_(outcome="failed", error_class="auth")), outcome="failed"), 77),
        (document(run(slice_(outcome="failed", error_class="auth"), HELD), outcome="failed"), 77),
        (
            document(
                run(outcome="failed", error=AUTH),
                run(slice_("gcp/cost/a"), connector="gcp"),
                outcome="partial",
            ),
            1,
        ),
        (
            document(
                run(slice_(outcome="failed", error_class="auth"), slice_(outcome="unchanged")),
                outcome="partial",
            ),
            1,
        ),
        (document(run(slice_(deliveries={"b": {"outcome": "failed", "generation": None}}))), 1),
        (document(outcome="failed"), 1),
    ],
)
def test_the_exit_code_says_what_became_of_it(ogfd, result, expected):
    """77 and 69 only if nothing at all succeeded; 1 for anything else that failed or is held."""
    ogfd.results["sync"] = result

    assert expected == ogfd("sync", "--json")[0]
    assert expected == ogfd("sync")[0]


def test_the_errors_of_a_run_are_shown(ogfd):
    """With their class."""
    ogfd.results["sync"] = document(run(outcome="failed", error=AUTH), outcome="failed")
    _, out, _ = ogfd("sync")

    assert ["aws-prod: failed: auth: no credentials", "failed: no slices"] == out.splitlines()


def test_a_slice_that_waits_says_until_when(ogfd):
    """A server that wants a long wait parks it."""
    parked = slice_(outcome="failed", reason="throttled", next_due="2026-11-21T09:00:00+00:00")
    ogfd.results["sync"] = document(run(parked, outcome="failed"), outcome="failed")

    assert "throttled; again at 2026-11-21 09:00:00Z" in ogfd("sync")[1]


def test_what_could_not_be_listed_says_until_when(ogfd):
    """In a sync and in a plan, and so does a slice in a plan."""
    error = {**DOWN, "message": "throttled", "next_due": "2026-11-21T09:00:00+00:00"}
    ogfd.results["sync"] = document(run(outcome="failed", error=error), outcome="failed")
    waiting = planned(action="parked", reason="no answer", next_due="2026-11-21T08:00:00+00:00")
    ogfd.results["plan"] = {"slices": [waiting], "errors": [{"connector": "aws-prod", **error}]}

    again = "transient: throttled; again at 2026-11-21 09:00:00Z"
    assert f"aws-prod: failed: {again}" in ogfd("sync")[1]
    shown = ogfd("plan")[1]
    assert f"aws-prod: {again}" in shown
    assert "no answer; again at 2026-11-21 08:00:00Z" in shown


def test_control_characters_of_a_provider_do_not_reach_the_terminal(ogfd):
    """They could hide what follows."""
    bad = slice_(reason="\x1b[2Jgone\nforged", outcome="failed")
    ogfd.results["sync"] = document(run(bad, outcome="failed"), outcome="failed")
    _, out, _ = ogfd("sync")

    assert "\x1b" not in out
    assert "\\u001b[2Jgone\\nforged" in out


def test_progress_is_drawn_on_a_terminal_only(ogfd, monkeypatch):
    """On stderr; stdout stays the table or the JSON document."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    ogfd.results["sync"] = document(run(slice_()))
    ogfd.events = [
        {"event": "run", "run_id": "r1"},
        {"event": "progress", "slice": "a/b/c", "done": 1, "total": 2, "unit": "files"},
        {"event": "progress", "slice": "a/b/c", "done": 2, "total": None, "unit": "files"},
        {"event": "slice", "slice": "a/b/c", "outcome": "committed"},
        {"event": "slice", "slice": "never/seen/before", "outcome": "unchanged"},
    ]
    code, out, _ = ogfd("sync")
    assert 0 == code
    assert "a/b/c" not in out
    assert "a/b/c" in terminal.getvalue()
    assert "2 done" in terminal.getvalue()

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    ogfd("sync", "--json")
    assert "" == terminal.getvalue()


@pytest.mark.parametrize(
    "args",
    [
        ("--from", "2026-13"),
        ("--from", "26-01"),
        ("--to", "0000-01"),
        ("--from", "2026-02", "--to", "2026-01"),
        ("--frm", "2026-01"),
    ],
)
@pytest.mark.parametrize("command", ["sync", "plan"])
def test_a_wrong_command_line_is_64_and_asks_nobody(ogfd, command, args):
    """Before the configuration is read."""
    code, out, err = ogfd(command, *args)

    assert (64, "") == (code, out)
    assert "Usage: ogfd" in err
    assert [] == ogfd.loaded


def test_an_unknown_connector_is_what_the_operation_says(ogfd):
    """Its message and its code."""
    ogfd.results["sync"] = OperationError("there is no connector awz", 64)
    code, out, err = ogfd("sync", "awz")

    assert (64, "", "ogfd: there is no connector awz\n") == (code, out, err)


def planned(**changes):
    return {
        "slice": "aws-prod/cost/2026-10",
        "action": "read",
        "reason": None,
        "size_bytes": 3_500_000,
        "requests": 4,
        "price": {"amount": "0.01", "currency": "USD"},
        "version": "v",
        "state": "open",
        **changes,
    }


def test_a_plan_shows_bytes_requests_and_price(ogfd):
    """And adds up what would be read."""
    ogfd.results["plan"] = {
        "slices": [
            planned(),
            planned(slice="aws-prod/cost/2026-09", action="unchanged", price=None, size_bytes=10),
            planned(slice="aws-prod/cost/2026-08", price=None, size_bytes=None),
        ],
        "errors": [],
        "total": {
            "paid_requests": 4,
            "prices": [
                {"amount": "1.50", "currency": "EUR"},
                {"amount": "0.01", "currency": "USD"},
            ],
        },
    }
    code, out, _ = ogfd("plan", "aws-prod")

    assert [
        "SLICE                  ACTION        SIZE  REQUESTS     PRICE  STATE",
        "aws-prod/cost/2026-10  read       3.3 MiB         4  0.01 USD  open",
        "aws-prod/cost/2026-09  unchanged     10 B         4         -  open",
        "aws-prod/cost/2026-08  read             -         4         -  open",
        (
            "2 read, 1 unchanged; 3.3 MiB to read, 1 slice of unknown size; "
            "4 paid requests, 1.50 EUR, 0.01 USD"
        ),
    ] == out.splitlines()
    assert 0 == code
    assert ["aws-prod"] == ogfd.calls[0][1]["connectors"]


@pytest.mark.parametrize(
    ("slices", "errors", "expected"),
    [
        ([], [], 0),
        ([], [{"connector": "a", "class": "auth", "message": "denied"}], 77),
        ([planned()], [{"connector": "a", "class": "auth", "message": "denied"}], 1),
        ([], [{"connector": "a", "class": "transient", "message": "down"}], 69),
        ([planned()], [{"connector": "a", "class": "transient", "message": "down"}], 1),
        (
            [],
            [
                {"connector": "a", "class": "transient", "message": "down"},
                {"connector": "b", "class": "fatal", "message": "odd"},
            ],
            1,
        ),
    ],
)
def test_a_plan_that_could_not_list_fails(ogfd, slices, errors, expected):
    """With 77 if it was for credentials, 69 if no provider could be reached."""
    ogfd.results["plan"] = {"slices": slices, "errors": errors}

    assert expected == ogfd("plan", "--json")[0]
    code, out, _ = ogfd("plan")
    assert expected == code
    assert all(f"{e['connector']}: {e['class']}: {e['message']}" in out for e in errors)
