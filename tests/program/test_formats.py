"""Exports of one payer in two formats: their months are counted once."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from ogfd_sandbox.configuration import CONNECTOR, ogfd_toml
from ogfd_sandbox.cur import Format, put_report


@pytest.mark.parametrize(
    "format", [Format.CUR2_PARQUET, Format.FOCUS_CSV], ids=lambda one: one.value
)
def test_the_second_export_of_a_payer_and_month_is_held(loaded, first, format):
    """With the name of the slice that counts already; the rows of the first stay."""
    before = loaded.sums()
    place = replace(loaded.place, report=f"new-{format.value}", prefix="more", format=format)
    put_report(loaded.s3, first, place)
    whole = ogfd_toml(
        endpoint_url=loaded.s3.url,
        place=place,
        directory=loaded.directory,
        start=first.month,
        listen="",
    )
    connector = f"[connectors.{CONNECTOR}"
    loaded.extra = whole[whole.index(connector) :].replace(connector, "[connectors.second")

    done = loaded.run("sync", "second", "--json")

    [run] = json.loads(done.stdout)["runs"]
    [outcome] = run["slices"]
    assert ("held", 1) == (outcome["outcome"], done.returncode)
    assert f"overlaps {CONNECTOR}/cost/{first.month}: both count cost of" in outcome["reason"]
    assert before == loaded.sums()


@pytest.mark.parametrize("format", [Format.CUR2_PARQUET, Format.FOCUS_CSV, Format.CUR_ZIP])
def test_a_month_in_another_format_equals_its_bill(site, first, format):
    """Through the whole program, to the ledger's sums."""
    site.place = replace(site.place, format=format, overwrite=True)
    site.put(first)

    outcome = site.sync()

    assert ("committed", 0) == (outcome["outcome"], outcome["rejected"])
    sums = site.sums()
    for measure, truth in (
        ("billed_cost:USD", first.truth.billed()["USD"]),
        ("effective_cost:USD", first.truth.effective()["USD"]),
    ):
        gap = truth * (Decimal("1e-12") if format.parquet else 0)
        assert abs(sums[measure] - truth) <= gap
