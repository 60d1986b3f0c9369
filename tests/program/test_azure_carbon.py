"""Emissions of Azure, read by the installed program from a stand-in over TLS."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_sandbox.azure.footprint import footprint
from ogfd_sandbox.azure.seeds import CLIENT_SECRET
from ogfd_sandbox.cur import Month

LAST = Month.of(datetime.fromtimestamp(time.time(), UTC).date()).plus(-1)


@pytest.fixture
def site(azure_site):
    azure_site.streams = f'[connectors.azure-eu.carbon]\nstart = "{LAST}"\n'
    return azure_site


def sums(site):
    """Return the exact sums of all slices in the sink's ledger."""
    found = [json.loads(text) for (text,) in site.query("SELECT sums FROM ogfd_ledger")]
    names = ("scope1_kg", "scope2_market_kg", "scope3_kg")
    return [sum(Decimal(each[name]) for each in found) for name in names]


def test_a_denied_subscription_is_an_error_of_its_own(site):
    """The others are committed to the gram, and another one that is excluded is not asked for."""
    made = footprint(7, [LAST])
    denied, excluded, _ = (one.subscription_id for one in made.subscriptions)
    made.publish(site.azure, denied=[denied, excluded])
    site.keys = f'accounts = {{ exclude = ["{excluded}"] }}'

    done = site.run("sync", "--json")
    slices = {each["slice"]: each for each in json.loads(done.stdout)["runs"][0]["slices"]}
    failed = slices.pop(f"azure-eu/carbon/{denied}/{LAST}")

    assert 1 == done.returncode, done.stderr
    assert ("failed", "auth") == (failed["outcome"], failed["error_class"])
    assert "Carbon Optimization Reader" in failed["reason"]
    assert {"committed"} == {each["outcome"] for each in slices.values()}
    left_out = {denied, excluded}
    others = [kg for (one,), kg in made.kg_by("subscription_id").items() if one not in left_out]
    truth = [sum(kg[scope] for kg in others) for scope in ("scope1", "scope2", "scope3")]
    assert 1 == len(slices)
    assert truth == sums(site)
    assert denied in site.run("status").stdout
    assert CLIENT_SECRET not in done.stdout + done.stderr


def test_a_wrong_secret_is_a_matter_of_credentials(site):
    """Nothing was read: exit 77, and the message says which of them is wrong, but not what it is."""
    site.secret = "not-the-one"
    done = site.run("sync")

    assert 77 == done.returncode
    assert "AADSTS7000215" in done.stdout + done.stderr
    assert "client_secret must be its value" in done.stdout + done.stderr
    assert "not-the-one" not in done.stdout + done.stderr
    assert 1 == site.azure.count("Token")
