"""A real layout, read by the installed program, against the bill to the last digit."""

import json
import sqlite3
import subprocess
import sys
from decimal import Decimal

import duckdb
import pytest
from ogfd_sandbox.cur import restate

TOLERANCE = 1e-9  # of the sum of absolute values, for sums of REAL


def assert_equals_the_truth(site, assembly):
    """Ledger sums are exact; REAL sums by service and day are as good as REAL is."""
    truth = assembly.truth
    sums = site.sums()
    assert truth.billed() == {"USD": sums["billed_cost:USD"]}
    assert truth.effective() == {"USD": sums["effective_cost:USD"]}
    services = dict(site.query("SELECT service, total(billed_cost) FROM ogfd_cost GROUP BY 1"))
    expected = {service: cost for (service,), cost in truth.billed_by("service").items()}
    assert expected.keys() == services.keys()
    for service, cost in expected.items():
        [(size,)] = site.query(
            "SELECT total(abs(billed_cost)) FROM ogfd_cost WHERE service = "
            f"'{service.replace(chr(39), chr(39) * 2)}'"
        )
        assert abs(services[service] - float(cost)) <= TOLERANCE * size + 1e-12


def test_a_month_equals_its_bill(site, first):
    """Every row has a fate, and every sum is the bill's."""
    site.put(first)

    outcome = site.sync()

    assert ("committed", 0) == (outcome["outcome"], outcome["exit_code"])
    assert first.truth.lines == outcome["source_rows"]
    accepted = outcome["line_count"] + outcome["rejected"] + outcome["filtered"]
    assert outcome["source_rows"] == accepted
    assert_equals_the_truth(site, first)
    assert [] == site.leftovers()


def test_the_sink_equals_an_independent_query_over_the_files(site, first, tmp_path):
    """DuckDB reads the files itself and finds the same cost per day and charge category."""
    site.put(first)
    site.sync()
    paths = []
    for number, key in enumerate(site.files(first)):
        path = tmp_path / f"{number}.csv.gz"
        path.write_bytes(site.s3.get(site.place.bucket, key))
        paths.append(str(path))

    rows = duckdb.sql(
        'SELECT CAST("lineItem/UsageStartDate"[:10] AS VARCHAR), '
        'sum(CAST("lineItem/UnblendedCost" AS DECIMAL(38,18))), '
        'sum(abs(CAST("lineItem/UnblendedCost" AS DECIMAL(38,18)))) '
        f"FROM read_csv({paths}, all_varchar=true, union_by_name=true) GROUP BY 1"
    ).fetchall()

    expected = {day: (float(cost), float(size)) for day, cost, size in rows}
    days = dict(
        site.query(
            "SELECT substr(period_start, 1, 10), total(billed_cost) FROM ogfd_cost GROUP BY 1"
        )
    )
    assert expected.keys() == days.keys()
    assert all(abs(days[day] - cost) <= TOLERANCE * size for day, (cost, size) in expected.items())


def test_a_second_sync_downloads_no_data(site, first):
    """`unchanged` costs a listing and nothing else."""
    site.put(first)
    site.sync()
    site.s3.forget_requests()

    outcome = site.sync()

    assert "unchanged" == outcome["outcome"]
    assert 0 == site.s3.count("GetObject")
    assert 0 < site.s3.count("ListObjectsV2")


def test_a_restated_month_equals_the_new_assembly(site, first):
    """Fewer files, changed and vanished rows, a new tag column and a credit."""
    site.put(first)
    site.sync()
    second = restate(first)
    assert len(site.files(second)) < len(site.files(first))
    site.put(second)

    outcome = site.sync()

    assert "committed" == outcome["outcome"]
    assert_equals_the_truth(site, second)
    history = site.run("slices", "history", outcome["slice"]).stdout
    assert "generation 2" in history
    assert "BEFORE" in history


READER = """
import sqlite3, sys
seen = set()
db = sqlite3.connect(sys.argv[1], timeout=30)
print("ready", flush=True)
import select
while not select.select([sys.stdin], [], [], 0)[0]:
    rows, generations, low, high = db.execute(
        "SELECT count(*), count(DISTINCT generation), min(generation), max(generation) FROM activities"
    ).fetchone()
    seen.add((rows, generations, low, high))
print(sorted(seen, key=str))
"""


def test_a_reader_sees_the_old_month_or_the_new_one(site, first):
    """Polled all through the commit, the month is never mixed and never gone."""
    site.put(first)
    old = site.sync()["rows"]
    site.put(restate(first))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(site.directory / "ogfd.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "ready\n" == reader.stdout.readline()
    new = site.sync()["rows"]
    out, _ = reader.communicate("stop\n", timeout=60)

    seen = eval(out)  # the reader's own tuples

    assert set(seen) <= {(old, 1, 1, 1), (new, 1, 2, 2)}
    assert (old, 1, 1, 1) in seen


def test_a_changed_grain_is_another_recipe(site, first):
    """What shapes the rows restates them, though the source stands still."""
    site.put(first)
    before = site.sync()
    site.extra = 'grain = "monthly"\n'

    after = site.sync("--force")

    assert "committed" == after["outcome"]
    assert after["rows"] < before["rows"]
    assert before["sums"]["billed_cost:USD"] == after["sums"]["billed_cost:USD"]


@pytest.mark.parametrize("command", ["status", "plan", "check", "report"])
def test_every_command_prints_one_document(loaded, command):
    """`--json` (or `--format json`) is for machines: stdout parses to the end."""
    arguments = ["--format", "json"] if command == "report" else ["--json"]

    done = loaded.run(command, *arguments)

    assert 0 == done.returncode, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


def test_sums_survive_a_vacuum(loaded, first):
    """The file is a plain SQLite database that any tool may work with."""
    loaded.put(first)
    with sqlite3.connect(loaded.directory / "ogfd.db") as db:
        db.execute("VACUUM")
    db.close()

    assert Decimal(0) < loaded.sums()["billed_cost:USD"]
    assert "unchanged" == loaded.sync()["outcome"]
