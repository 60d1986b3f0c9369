"""One payer's emissions by an export and by the API: they are counted once."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal

from ogfd_sandbox.carbon import ExportPlace, footprint, publish, put_export, recompute
from ogfd_sandbox.configuration import CONNECTOR, SECRET_VARIABLE
from ogfd_sandbox.cur import CurSettings, Month

MONTH = Month.of(datetime.fromtimestamp(time.time(), UTC).date()).plus(-2)
SETTINGS = CurSettings(seed=9, rows=400, accounts=3)
WINDOW = ("--from", str(MONTH), "--to", str(MONTH))


def outcome(site, connector, *, stream):
    done = site.run("sync", connector, "--stream", stream, *WINDOW, "--json")
    [run] = json.loads(done.stdout)["runs"]
    [result] = run["slices"]
    return result


def lbm(site):
    """Return the exact location-based emissions in the sink's ledger."""
    return sum(
        Decimal(amount)
        for (sums,) in site.query("SELECT sums FROM ogfd_ledger")
        for name, amount in json.loads(sums).items()
        if name.startswith("location_based_kg")
    )


def test_the_api_of_a_payer_whose_export_is_read_is_held(site):
    """With the name of the slice that counts already, which is the export by its newest model."""
    made = footprint(SETTINGS, MONTH)
    newer = recompute(made, "v3.1.0")
    publish(site.s3, [made])
    for each in (made, newer):
        put_export(site.s3, each, ExportPlace(bucket=site.place.bucket, parquet=True))
    site.extra = f"""
[connectors.{CONNECTOR}.carbon]

[connectors.exported]
type = "aws"
endpoint_url = "{site.s3.url}"
access_key_id = "test"
secret_access_key = "env:{SECRET_VARIABLE}"
[connectors.exported.carbon_export]
bucket = "{site.place.bucket}"
prefix = "exports"
"""
    total = newer.kg()["TOTAL_LBM_CARBON_EMISSIONS"]

    assert "committed" == outcome(site, "exported", stream="carbon_export")["outcome"]
    assert total == lbm(site)
    held = outcome(site, CONNECTOR, stream="carbon")

    assert "held" == held["outcome"]
    assert f"overlaps exported/carbon_export/{MONTH}: both count carbon of" in held["reason"]
    assert total == lbm(site)
