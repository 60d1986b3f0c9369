"""What a manifest must say to be believed."""

import json

import pytest
from ogfd_aws.cur.manifest import parse
from ogfd_aws.cur.reports import Layout, Month
from ogfd_aws.exports.manifest import MAX_BYTES, MAX_FILES

from ogfd.plugin import FatalError, Period

MONTH = Month(
    key="2026-10",
    period=Period.month("2026-10"),
    manifest="cur/acme/20261001-20261101/acme-Manifest.json",
    root="cur/acme/",
    report="acme",
    layout=Layout.REPORT,
    folder="20261001-20261101",
)
FILE = "cur/acme/20261001-20261101/a1/acme-1.csv.gz"
GOOD = {
    "assemblyId": "a1",
    "reportName": "acme",
    "bucket": "b",
    "charset": "UTF-8",
    "compression": "GZIP",
    "contentType": "text/csv",
    "billingPeriod": {"start": "20261001T000000.000Z", "end": "20261101T000000.000Z"},
    "reportKeys": [FILE],
}


def body(**changes):
    return json.dumps({name: value for name, value in (GOOD | changes).items() if value != "-"})


def test_a_good_manifest_names_its_files():
    """In the order of the manifest."""
    found = parse(body().encode(), MONTH)

    assert ("a1", (FILE,), "b") == (found.delivery, found.files, found.bucket)


@pytest.mark.parametrize("bucket", ["", "-", "the-original"])
def test_the_bucket_may_be_empty_or_another_one(bucket):
    """AWS leaves it empty in some deliveries, and copies of a report keep the original's."""
    found = parse(body(bucket=bucket).encode(), MONTH)

    assert bucket.removeprefix("-") == found.bucket
    assert (FILE,) == found.files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (body(reportKeys="-"), "reportKeys is not a list"),
        (body(reportKeys=[1]), "reportKeys is not a list"),
        (body(reportKeys=[""]), "reportKeys is not a list"),
        (body(reportKeys=[]), "reportKeys names no file"),
        (body(reportKeys=[FILE, FILE]), "twice"),
        (body(reportKeys=["cur/other/20261001-20261101/x.csv.gz"]), "foreign"),
        (body(reportKeys=["cur/acme/../secret.csv.gz"]), "foreign"),
        (body(reportKeys=["/cur/acme/x.csv.gz"]), "foreign"),
        (body(bucket=7), "bucket is not a text"),
        (body(reportName="other"), "foreign: it is of the report other"),
        (body(billingPeriod="-"), "billingPeriod is missing"),
        (body(billingPeriod={"start": "20260901T", "end": "20261001T"}), "its billing period is"),
        (body(compression="RAR"), "text/csv with GZIP or ZIP, and Parquet are read"),
        (body(compression="Parquet"), "text/csv with GZIP or ZIP, and Parquet are read"),
        (body(charset="UTF-16"), "only UTF-8"),
        (body(assemblyId=7), "assemblyId is not a text"),
        (body(reportKeys=[f"cur/acme/{n}" for n in range(MAX_FILES + 1)]), "at most 20000"),
        (b" " * (MAX_BYTES + 1), "larger than 5 MiB"),
    ],
)
def test_a_bad_manifest_is_refused_and_named(content, message):
    """One clear sentence with the key of the manifest."""
    content = content if isinstance(content, bytes) else content.encode()

    with pytest.raises(FatalError, match=message) as caught:
        parse(content, MONTH)
    assert MONTH.manifest in str(caught.value)
