"""Bad input: one clear message, the right outcome, the old rows untouched."""

import gzip
import json
import subprocess
import sys

import pytest
from ogfd_sandbox.cur import restate
from ogfd_sandbox.faults import Rule


@pytest.fixture
def loaded(loaded, first):
    """Return a site that holds the first delivery, with the second one in the bucket."""
    loaded.second = restate(first)
    loaded.put(loaded.second)
    loaded.before = loaded.query("SELECT * FROM activities ORDER BY activity_id")
    return loaded


def slow(*values):
    """Mark parameters for which the plugin's own tests are enough in a hurry."""
    return pytest.param(*values, marks=pytest.mark.slow)


def assert_untouched(site, outcome, expected, message):
    assert (expected, 1) == (outcome["outcome"], outcome["exit_code"])
    assert message in outcome["reason"]
    assert "Traceback" not in outcome["reason"]
    assert site.before == site.query("SELECT * FROM activities ORDER BY activity_id")
    assert [] == site.leftovers()


def test_a_truncated_gzip(loaded):
    """The end of the compressed data is checked, not only the length of the file."""
    key = loaded.files(loaded.second)[0]
    body = loaded.s3.get(loaded.place.bucket, key)
    loaded.s3.put(loaded.place.bucket, key, body[: len(body) // 2])

    assert_untouched(loaded, loaded.sync(), "failed", key.rpartition("/")[2])


def test_a_listed_file_that_is_missing(loaded):
    """The manifest is the truth; without one of its files there is no month."""
    key = loaded.files(loaded.second)[-1]
    loaded.s3.delete(loaded.place.bucket, key)

    assert_untouched(loaded, loaded.sync(), "failed", key.rpartition("/")[2])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text[: len(text) // 2], "manifest"),
        slow(lambda text: text.replace(b'"cur/acme/', b'"other/acme/'), "other/acme/"),
        slow(lambda text: text.replace(b'"reportKeys"', b'"reportKeyz"'), "reportKeys"),
        slow(lambda text: text + b" " * (6 << 20), "manifest"),
        slow(lambda text: text.replace(b"cur/acme/2026", b"cur/acme/../acme/2026"), ".."),
    ],
    ids=["malformed", "foreign prefix", "no keys", "huge", "dots"],
)
def test_a_manifest_that_cannot_be_trusted(loaded, spoil, message):
    """Malformed, huge or pointing elsewhere."""
    pointer = loaded.pointer
    loaded.s3.put(loaded.place.bucket, pointer, spoil(loaded.s3.get(loaded.place.bucket, pointer)))

    assert_untouched(loaded, loaded.sync(), "failed", message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"lineItem/UnblendedCost", b"lineItem/UnblendedKost", "lineItem/UnblendedCost"),
        slow(b"lineItem/UnblendedRate", b"lineItem/UnblendedCost", "more than once"),
    ],
    ids=["missing column", "duplicate column"],
)
def test_a_header_that_lacks_or_repeats_a_column(loaded, old, new, message):
    """Required columns are named; the same name twice is nobody's guess."""
    loaded.spoil(loaded.files(loaded.second)[0], lambda text: text.replace(old, new, 1))

    assert_untouched(loaded, loaded.sync(), "failed", message)


def first_cost(text, cell):
    """Put *cell* into the cost of the first row."""
    import csv
    import io

    rows = list(csv.reader(io.StringIO(text.decode())))
    rows[1][rows[0].index("lineItem/UnblendedCost")] = "@COST@"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode().replace(b"@COST@", cell)


@pytest.mark.parametrize(
    "cell",
    [
        b"NaN",
        slow(b"\xff\xfe"),
        slow(b"1e999"),
        slow(b""),
        slow(b"twelve"),
    ],
)
def test_a_cost_that_is_no_number_holds_the_month(loaded, cell):
    """The row is rejected with its place, the month is held: dropping money is a wrong invoice."""
    key = loaded.files(loaded.second)[0]
    loaded.spoil(key, lambda text: first_cost(text, cell))

    outcome = loaded.sync()

    assert_untouched(loaded, outcome, "held", "1 rejected row may hold cost")
    shown = json.loads(loaded.run("slices", "show", outcome["slice"], "--json").stdout)
    [reject] = shown["waiting"]["rejects"]
    assert key.rpartition("/")[2] in reject["where"]
    assert "UnblendedCost" in reject["reason"]


def test_a_held_month_is_approved_by_name_and_reason(loaded):
    """The operator decides, and the history says who and why."""
    loaded.spoil(loaded.files(loaded.second)[0], lambda text: first_cost(text, b"NaN"))
    outcome = loaded.sync()
    reads = loaded.s3.count("GetObject")

    approved = loaded.run(
        "slices", "approve", outcome["slice"], "--actor", "ann", "--reason", "known defect"
    )

    assert 0 == approved.returncode, approved.stderr
    assert reads == loaded.s3.count("GetObject")
    assert "unchanged" == loaded.sync()["outcome"]
    assert "by ann: known defect" in loaded.run("slices", "history", outcome["slice"]).stdout


def test_a_row_with_too_many_cells_holds_the_month(loaded):
    """A row that does not fit the header may hold any cost."""
    key = loaded.files(loaded.second)[0]
    loaded.spoil(key, lambda text: text + b"a,b,c\n")

    assert_untouched(loaded, loaded.sync(), "held", "1 rejected row may hold cost")


def test_a_file_replaced_while_it_is_read(site, first, tmp_path):
    """The read starts again and ends on the new delivery, never on a mix."""
    site.put(first)
    second = restate(first)
    objects = []
    from ogfd_sandbox.cur import write_month

    for key, path in write_month(second, site.place, tmp_path / "second"):
        objects.append((site.place.bucket, key, str(path)))
    # Overwrite mode: the first delivery's own file changes as well.
    victim = site.files(first)[1]
    objects.append((site.place.bucket, victim, objects[0][2]))
    site.s3.inject(Rule(action="replace", key=victim, objects=tuple(objects)))

    outcome = site.sync()

    assert "committed" == outcome["outcome"]
    assert second.truth.billed() == {"USD": site.sums()["billed_cost:USD"]}
    assert [] == site.leftovers()


def test_a_throttled_and_broken_connection_is_tried_again(site, first):
    """503 and a reset in the middle cost time, not data."""
    site.put(first)
    site.s3.inject(
        Rule(action="status", key="*00001*", times=1, retry_after="0"),
        Rule(action="truncate", key="*00002*", times=1),
    )

    outcome = site.sync()

    assert "committed" == outcome["outcome"]
    assert first.truth.billed() == {"USD": site.sums()["billed_cost:USD"]}


LOCKER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_sink_locked_by_another_program(loaded):
    """The package waits; the next sync delivers it without a new download."""
    path = loaded.directory / "ogfd.db"
    loaded.environ |= {"OGFD_SINKS__MAIN__BUSY_TIMEOUT": "0.5"}
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "locked\n" == locker.stdout.readline()
    outcome = loaded.sync()
    locker.communicate("", timeout=30)
    reads = loaded.s3.count("GetObject", "*.csv.gz")

    assert_untouched(loaded, outcome, "failed", "lock")
    assert "committed" == loaded.sync()["outcome"]
    assert reads == loaded.s3.count("GetObject", "*.csv.gz")


def test_a_wrong_bucket_names_itself(site):
    """No bucket, no month: the run fails and says which."""
    done = site.run("sync", "--json")

    assert 1 == done.returncode
    [run] = json.loads(done.stdout)["runs"]
    assert site.place.bucket in run["error"]["message"]
    assert "report" in run["error"]["message"]


def test_gzip_members_that_follow_each_other_are_one_file(site, first):
    """Concatenated gzip members are legal and read to the end."""
    site.put(first)
    key = site.files(first)[0]
    text = gzip.decompress(site.s3.get(site.place.bucket, key))
    middle = text.index(b"\n", len(text) // 2) + 1
    site.s3.put(site.place.bucket, key, gzip.compress(text[:middle]) + gzip.compress(text[middle:]))

    assert "committed" == site.sync()["outcome"]
    assert first.truth.billed() == {"USD": site.sums()["billed_cost:USD"]}
