"""The policies that are printed and documented allow all that the connector does, and no more."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.bucket import Bucket
from ogfd_sandbox.carbon import ExportPlace, footprint, put_export
from ogfd_sandbox.carbon import publish as publish_carbon
from ogfd_sandbox.cur import CurSettings, Month, Place, assemble, put_report
from ogfd_sandbox.explorer import publish as publish_costs
from ogfd_sandbox.faults import Rule

from ogfd.plugin import Period
from ogfd.testing import Collected

MONTH = Month(2026, 10)
WINDOW = Period.month(str(MONTH))
PAGE = Path(__file__).parents[3] / "docs" / "connectors" / "aws.md"
ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",  # the one operation that is not called as its action is
}
OPTIONAL = {"sts:GetCallerIdentity", "organizations:DescribeOrganization"}


@pytest.fixture(scope="module")
def bill():
    return assemble(CurSettings(seed=4, rows=200), MONTH)


@pytest.fixture
def tables(shop, bill):
    """Publish a month in every way; return the tables of all streams, those of carbon one by one."""
    place = Place(bucket=shop.bucket, report="acme")
    put_report(shop.server, bill, place)
    made = footprint(CurSettings(seed=4, rows=200), MONTH)
    put_export(shop.server, made, ExportPlace(bucket=shop.bucket))
    publish_carbon(shop.server, [made])
    publish_costs(shop.server, [bill])
    shop.server.set_billing()
    cost = {"bucket": shop.bucket, "prefix": place.prefix}
    export = {"bucket": shop.bucket, "prefix": "exports/"}
    return [
        {"cost": cost, "carbon": {}, "cost_explorer": {}},
        {"carbon": None, "carbon_export": export},
        {"carbon": None, "cost_explorer": {}},
    ]


async def used(shop, tables, monkeypatch):
    """Do all that streams do; return the actions, and the ARNs or prefixes of those of S3."""
    seen = set()
    listing, getting, small = Bucket._list, Bucket.get, Bucket.small

    async def listed(self, prefix, *rest):
        seen.add(("s3:ListBucket", f"arn:aws:s3:::{self.name}", prefix))
        return await listing(self, prefix, *rest)

    async def got(self, key, *rest):
        seen.add(("s3:GetObject", f"arn:aws:s3:::{self.name}/{key}", None))
        return await getting(self, key, *rest)

    async def got_small(self, key, **rest):
        seen.add(("s3:GetObject", f"arn:aws:s3:::{self.name}/{key}", None))
        return await small(self, key, **rest)

    for name, wrapped in (("_list", listed), ("get", got), ("small", got_small)):
        monkeypatch.setattr(Bucket, name, wrapped)
    ctx = shop.context()
    for told in tables:
        async with ogfd_connector().open(shop.carbon(**told), ctx) as streams:
            for stream in streams.values():
                for partition in await stream.partitions(WINDOW):
                    await stream.read(partition, Collected())
                if getattr(stream, "totals", None) is not None:
                    await stream.totals(str(MONTH))
    return {ACTIONS.get(call.operation, call.operation) for call in ctx.calls}, seen


def policy(text):
    return json.loads(text.partition("IAM policy:\n")[2].partition("\n\nthe same")[0])["Statement"]


def several(told):
    return [told] if isinstance(told, str) else told


def allows(statements, action, resource, prefix):
    """Decide as IAM would."""
    return any(
        action in several(one["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in several(one["Resource"]))
        and all(
            fnmatchcase(prefix or "", pattern)
            for condition in one.get("Condition", {}).values()
            for pattern in several(condition["s3:prefix"])
        )
        for one in statements
    )


async def test_the_printed_policy_is_enough_and_no_more(shop, tables, monkeypatch):
    """Of all streams, by an IAM of our own: each listing by its prefix, each object by its key."""
    shop.server.inject(
        *(
            Rule(action="status", operation=name, status=403, code="AccessDenied", times=99)
            for name in ("ListObjectsV2", "GetEstimatedCarbonEmissions", "GetCostAndUsage")
        )
    )
    granted = []
    for told in tables:
        findings = await ogfd_connector().check(shop.carbon(**told), shop.context())
        granted += [one for found in findings if found.grant for one in policy(found.grant)]
    shop.server.heal()
    actions, resources = await used(shop, tables, monkeypatch)

    assert {action for one in granted for action in several(one["Action"])} == actions - OPTIONAL
    assert resources
    assert [] == [each for each in resources if not allows(granted, *each)]


async def test_the_documented_table_names_all_that_is_asked_for(shop, tables, monkeypatch):
    """Operations of the check and of the search included."""
    actions, _ = await used(shop, tables, monkeypatch)
    ctx = shop.context()
    await ogfd_connector().check(shop.carbon(**tables[0]), ctx)
    await ogfd_connector().discover(shop.carbon(), ctx)
    actions |= {ACTIONS.get(call.operation, call.operation) for call in ctx.calls}
    table = PAGE.read_text().partition("### Permissions")[2].partition("### What the check")[0]
    named = set(re.findall(r"`([a-z0-9-]+:[A-Z]\w+)`", table))

    # An export is asked for only if there is one; a key and a role only where they are used.
    unused = {"bcm-data-exports:GetExport", "kms:Decrypt", "sts:AssumeRole"}
    assert named == actions | unused
