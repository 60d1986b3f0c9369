"""``ogfd status``, ``ogfd check``, ``ogfd slices``."""

import json

import pytest

from ogfd.control.protocol import OperationError

STATUS = {
    "daemon": {
        "running": True,
        "pid": 42,
        "version": "0.1.0",
        "state_dir": "/var/lib/ogfd",
        "started_at": "2026-11-21T00:00:00+00:00",
    },
    "connectors": [
        {
            "name": "aws-prod",
            "type": "aws",
            "provider": "aws",
            "status": "connected",
            "identity": "arn:aws:sts::1:assumed-role/ogfd/x",
            "identity_since": "2026-11-20T00:00:00+00:00",
            "last_run": {
                "run_id": "r",
                "outcome": "succeeded",
                "started_at": "2026-11-21T00:00:00+00:00",
                "ended_at": "2026-11-21T00:01:00+00:00",
            },
            "next_run": "2026-11-21T06:00:00+00:00",
            "last_error": None,
            "streams": ["cost"],
            "unknown": [
                {"stream": "cost", "field": "region", "value": "mars-1", "rows": 3},
                {"stream": "cost", "field": "region", "value": "mars-2", "rows": 4},
            ],
            "spending": [
                {"operation": "ce:Get", "month": "2026-11", "requests": 12, "usd": "0.12"},
            ],
        },
        {"name": "gcp", "type": "gcp", "provider": None, "status": "error", "last_run": None,
         "identity": None, "identity_since": None, "next_run": None, "last_error": "no plugin", "streams": []},
    ],
    "stopped": [
        {
            "connector": "aws-prod",
            "operation": "",
            "until": "2026-11-21T00:15:00+00:00",
            "reason": "no answer within 30 s",
        },
        {
            "connector": "aws-prod",
            "operation": "s3:GetObject",
            "scope": "bucket-1",
            "until": None,
            "reason": "denied",
        },
    ],
    "slices": {"committed": 5, "held": 1},
    "failing": [
        {"name": "aws-prod/carbon", "error_class": "auth", "reason": "denied", "failures": 1,
         "next_due": None},
        {"name": "aws-prod/cost/2026-08", "error_class": "transient", "reason": "throttled",
         "failures": 3, "next_due": "2026-11-21T00:10:00+00:00"},
    ],
    "held": [{"slice": "aws-prod/cost/2026-09", "reason": "rows dropped"}],
    "sinks": [
        {"name": "main", "type": "sqlite", "guarantee": "exactly_once", "ok": True, "error": None}
    ],
    "problems": [{"plugin": "gcp", "reason": "missing", "message": "there is no plugin gcp"}],
}  # fmt: skip


def test_status_shows_everything_there_is(ogfd):
    """A section each."""
    ogfd.results["status"] = STATUS
    code, out, _ = ogfd("status")

    assert 0 == code
    for text in (
        "daemon.state_dir   /var/lib/ogfd",
        "aws-prod   aws   connected  cost     2026-11-21 00:01:00Z succeeded",
        "no plugin",
        "CONNECTOR  SIGNED IN AS                        SINCE\n",
        "\naws-prod   arn:aws:sts::1:assumed-role/ogfd/x  2026-11-20 00:00:00Z\n\n",
        "main  sqlite  exactly_once  yes",
        "aws-prod           (others)                  2026-11-21 00:15:00Z  no answer within 30 s",
        "aws-prod           s3:GetObject of bucket-1  -                     denied",
        "aws-prod/cost region  mars-1, mars-2  7",
        "aws-prod          ce:Get     2026-11  12        0.12",
        "aws-prod/carbon        auth       1         by schedule           denied",
        "aws-prod/cost/2026-08  transient  3         2026-11-21 00:10:00Z  throttled",
        "held       1",
        "aws-prod/cost/2026-09  rows dropped",
        "there is no plugin gcp",
    ):
        assert text in out


def test_status_names_some_of_many_and_counts_the_rest(ogfd):
    """Of each stream, and each class of error: the days of two years may fail alike."""
    days = [f"gcp/cost/2026-08-{day:02}" for day in range(1, 31)]
    failing = [
        {"name": day, "error_class": "auth", "reason": "denied", "failures": 1} for day in days
    ]
    odd = {"name": days[-1], "error_class": "fatal", "reason": "no billing", "failures": 1}
    held = [{"slice": "aws/cost/2026-08", "reason": "rows dropped"}]
    held += [{"slice": day, "reason": "overlaps"} for day in days]
    ogfd.results["status"] = STATUS | {"failing": [*failing, odd], "held": held}
    _, out, _ = ogfd("status")

    assert 2 == out.count("gcp/cost/2026-08-05 ")
    assert "gcp/cost/2026-08-06" not in out
    more = [line for line in out.splitlines() if line.startswith("25 more of gcp/cost ")]
    assert 2 == len(more)
    assert all(line.endswith("ogfd slices list gcp names all") for line in more)
    assert "rows dropped" in out
    assert "no billing" in out


def test_status_of_a_fresh_installation_has_no_empty_sections(ogfd):
    """Nothing has run yet."""
    names = ("connectors", "stopped", "failing", "held", "sinks", "problems")
    empty = {"slices": {}, **{name: [] for name in names}}
    ogfd.results["status"] = STATUS | empty

    assert 5 == len(ogfd("status")[1].splitlines())


def finding(level="ok", scope="connector aws-prod", error_class=None, grant=None):
    return {
        "scope": scope,
        "level": level,
        "subject": "s3:ListBucket my-bucket",
        "message": "allowed" if level == "ok" else "denied",
        "grant": grant,
        "error_class": error_class,
    }


def test_check_prints_findings_and_each_grant_once(ogfd):
    """Ready to paste, its indentation kept."""
    grant = '{\n  "Effect": "Allow"\n}\n\nthe same'
    bad = finding("error", error_class="auth", grant=grant)
    ogfd.results["check"] = {"findings": [finding(scope="sink main"), bad, bad]}
    code, out, _ = ogfd("check", "aws-prod")

    assert 77 == code
    assert [("check", {"connectors": ["aws-prod"], "discover": False})] == ogfd.calls
    assert 1 == out.count('To grant:\n  {\n    "Effect": "Allow"\n  }\n\n  the same\n')
    assert out.endswith("2 error, 1 ok\n")


def test_check_prints_what_it_discovers_as_configuration(ogfd):
    """Ready to paste into ogfd.toml."""
    tables = {"connectors": {"aws-prod": {"cost": {"bucket": "billing", "prefix": "cur"}}}}
    ogfd.results["check"] = {"findings": [finding() | {"suggestion": tables}]}
    _, out, _ = ogfd("check", "--discover")

    assert [("check", {"connectors": [], "discover": True})] == ogfd.calls
    assert ogfd.streamless
    expected = '[connectors.aws-prod.cost]\n  bucket = "billing"\n  prefix = "cur"\n'
    assert f"To configure:\n  {expected}" in out


def test_check_tells_what_cannot_both_be_configured(ogfd):
    """A connector has one table of a name; two of them in one file are a mistake."""
    cost, carbon = ({"connectors": {"azure-eu": {name: {}}}} for name in ("cost", "carbon"))
    found = [finding() | {"suggestion": tables} for tables in (cost, carbon, cost)]
    ogfd.results["check"] = {"findings": found}
    _, out, _ = ogfd("check", "--discover")

    heads = [line for line in out.splitlines() if line.startswith("To ")]
    assert ["To configure:", "To configure:", "To configure instead:"] == heads


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], 0),
        ([finding(), finding("warning")], 0),
        ([finding("error", error_class="fatal")], 1),
        ([finding(scope="config"), finding("error", error_class="auth")], 77),
        ([finding(scope="connector b"), finding("error", error_class="auth")], 1),
        ([finding("error", scope="sink main", error_class="transient"), finding()], 69),
        (
            [finding("error", error_class="transient"), finding("error", error_class="auth")],
            77,
        ),
    ],
)
def test_the_exit_code_of_a_check_is_that_of_the_worst_finding(ogfd, findings, expected):
    """77 before 69 before 1."""
    ogfd.results["check"] = {"findings": findings}

    assert expected == ogfd("check", "--json")[0]


LISTED = {
    "slice": "aws-prod/cost/2026-10", "sink": "main", "generation": 3, "rows": 12,
    "period": "2026-10", "closed": False, "version": "v",
    "committed_at": "2026-11-21T00:00:00+00:00", "state": "committed", "reason": None,
    "next_due": None,
}  # fmt: skip


def test_slices_are_listed(ogfd):
    """By connector if one is named."""
    ogfd.results["slices.list"] = {"slices": [LISTED]}
    code, out, _ = ogfd("slices", "list", "aws-prod")

    assert 0 == code
    assert [("slices.list", {"connector": "aws-prod"})] == ogfd.calls
    assert [
        "SLICE                  STATE      SINK  GEN  ROWS  CLOSED  COMMITTED",
        "aws-prod/cost/2026-10  committed  main    3    12  no      2026-11-21 00:00:00Z",
        "1 slice",
    ] == out.splitlines()


def test_a_slice_that_failed_is_listed_with_its_next_try(ogfd):
    """Beside the reason."""
    failed = LISTED | {"state": "failed", "reason": "no answer",
                       "next_due": "2026-11-21T00:10:00+00:00"}  # fmt: skip
    ogfd.results["slices.list"] = {"slices": [failed]}
    head, line, _ = ogfd("slices", "list")[1].splitlines()

    assert head.endswith("REASON     TRIED AGAIN")
    assert line.endswith("no answer  2026-11-21 00:10:00Z")


def test_all_of_a_slice_is_shown(ogfd):
    """Nested fields too."""
    ogfd.results["slices.show"] = {
        "slice": "a/b/c",
        "sinks": [{"sink": "main", "sums": {"billed_cost:USD": "1.5"}}],
        "waiting": None,
        "verdicts": [],
    }

    assert [
        "slice                         a/b/c",
        "sinks.1.sink                  main",
        "sinks.1.sums.billed_cost:USD  1.5",
        "waiting                       -",
        "verdicts                      -",
    ] == ogfd("slices", "show", "a/b/c")[1].splitlines()


def test_history_shows_exact_changes_and_who_approved(ogfd):
    """The audit trail is not rounded."""
    commit = {
        "generation": 2, "committed_at": "2026-11-21T00:00:00+00:00", "rows": 12,
        "actor": "ana", "reason": "credit\nnote",
        "changes": [{"account_id": "1", "service": "AmazonEC2", "measure": "billed_cost",
                     "unit": "USD", "before": "1.000000001", "after": "1.000000002"}],
    }  # fmt: skip
    ogfd.results["slices.history"] = {"slice": "a/b/c", "sinks": {"main": [commit]}}
    _, out, _ = ogfd("slices", "history", "a/b/c")

    assert "a/b/c in main\n  generation 2  2026-11-21 00:00:00Z  12 rows" in out
    assert "by ana: credit\\nnote" in out
    assert "1.000000001  1.000000002" in out


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_a_verdict_needs_a_reason_and_names_its_actor(ogfd, monkeypatch, verdict):
    """The user, unless another is named."""
    monkeypatch.setenv("LOGNAME", "ana")
    ogfd.results[f"slices.{verdict}"] = {"slice": "a/b/c"}

    assert 64 == ogfd("slices", verdict, "a/b/c")[0]
    assert 0 == ogfd("slices", verdict, "a/b/c", "--reason", "ok")[0]
    assert 0 == ogfd("slices", verdict, "a/b/c", "--reason", "ok", "--actor", "bo")[0]
    assert ["ana", "bo"] == [params["actor"] for _, params in ogfd.calls]
    assert {"ok"} == {params["reason"] for _, params in ogfd.calls}


@pytest.mark.parametrize(
    ("outcome", "expected"), [("committed", 0), ("superseded", 1), ("failed", 1)]
)
def test_an_approved_package_that_was_not_committed_is_a_failure(ogfd, outcome, expected):
    """The operator must know."""
    ogfd.results["slices.approve"] = {"slice": "a/b/c", "result": {"outcome": outcome}}

    assert expected == ogfd("slices", "approve", "a/b/c", "--reason", "ok")[0]


@pytest.mark.parametrize(("outcome", "expected"), [("committed", 0), ("failed", 1)])
def test_the_slices_of_a_stream_are_dropped_one_by_one(ogfd, outcome, expected):
    """One that is left is a failure."""
    results = [("a/b/1", "committed"), ("a/b/2", outcome)]
    ogfd.results["slices.drop"] = {
        "stream": "a/b",
        "slices": [{"slice": name, "result": {"outcome": told}} for name, told in results],
    }
    code, out, _ = ogfd("slices", "drop", "a/b", "--reason", "moved")

    assert expected == code
    assert ["SLICE  OUTCOME", "a/b/1  committed", f"a/b/2  {outcome}", "2 slices"] == (
        out.splitlines()
    )


@pytest.mark.parametrize(
    ("args", "name", "result"),
    [
        (("status",), "status", STATUS),
        (("check",), "check", {"findings": [finding()]}),
        (("slices", "list"), "slices.list", {"slices": [LISTED]}),
        (("slices", "show", "a/b/c"), "slices.show", {"slice": "a/b/c"}),
        (("slices", "history", "a/b/c"), "slices.history", {"slice": "a/b/c", "sinks": {}}),
        (("slices", "approve", "a/b/c", "--reason", "r"), "slices.approve", {"slice": "a/b/c"}),
        (("slices", "reject", "a/b/c", "--reason", "r"), "slices.reject", {"slice": "a/b/c"}),
    ],
)
def test_json_is_exactly_one_document(ogfd, args, name, result):
    """Of success, and of failure as well."""
    ogfd.results[name] = result
    code, out, err = ogfd(*args, "--json")
    assert (0, result, "") == (code, json.loads(out), err)

    ogfd.results[name] = OperationError("it broke", 69)
    code, out, err = ogfd(*args, "--json")
    assert (69, {"error": {"message": "it broke", "exit_code": 69}}) == (code, json.loads(out))
    assert "ogfd: it broke\n" == err
