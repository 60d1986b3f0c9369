"""What ``ogfd check`` finds."""

import json

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.check import policy
from ogfd_aws.config import AwsConfig
from ogfd_sandbox.carbon import footprint, publish
from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel


async def findings(shop, **cost):
    return await ogfd_connector().check(shop.config(**cost), shop.context())


async def test_a_readable_report_is_ok(shop, write):
    """Both permissions are there, and the newest month is named."""
    shop.put_month({"1.csv.gz": write([{}])})

    listing, reading = await findings(shop)
    assert (FindingLevel.OK, FindingLevel.OK) == (listing.level, reading.level)
    assert "legacy Cost and Usage Report acme under cur/acme/, 1 billing periods" == listing.message
    assert "2026-10 can be read" == reading.message


async def test_a_month_not_published_yet_is_no_error(shop):
    """AWS delivers within a day."""
    shop.put("cur/acme/20261001-20261101/x/acme-1.csv.gz", b"")

    _, reading = await findings(shop)
    assert (FindingLevel.OK, "not published yet: pending") == (reading.level, reading.message)


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject"])
async def test_a_missing_permission_comes_with_the_policy_to_grant(shop, write, operation):
    """Ready to paste."""
    shop.put_month({"1.csv.gz": write([{}])})
    shop.server.inject(
        Rule(action="status", operation=operation, status=403, code="AccessDenied", times=9)
    )

    last = (await findings(shop))[-1]
    assert (FindingLevel.ERROR, ErrorClass.AUTH) == (last.level, last.error_class)
    statements = json.loads(last.grant)["Statement"]
    assert ["s3:ListBucket", "s3:GetObject"] == [one["Action"] for one in statements]


async def carbon_finding(shop):
    (found,) = await ogfd_connector().check(shop.carbon(), shop.context())
    return found


async def test_readable_emissions_are_ok(shop):
    """How far they go, by which model, and of whose account."""
    settings = CurSettings(seed=2, rows=200)
    made = [footprint(settings, Month(2026, month)) for month in (8, 9)]
    publish(shop.server, made)
    found = await carbon_finding(shop)

    assert (FindingLevel.OK, "sustainability:GetEstimatedCarbonEmissions") == (
        found.level,
        found.subject,
    )
    assert f"account {made[0].payer}, 2 months up to 2026-09, model v3.0.0" == found.message


async def test_emissions_not_published_yet_are_no_error(shop):
    """A young account has none."""
    publish(shop.server, [], payer="000000000042")
    found = await carbon_finding(shop)

    assert FindingLevel.OK is found.level
    assert "nothing published for account 000000000042: pending" == found.message


async def test_a_missing_permission_for_carbon_comes_with_its_policy(shop):
    """One action; the service knows no resources."""
    publish(shop.server, [])
    shop.server.inject(
        Rule(
            action="status",
            operation="GetEstimatedCarbonEmissions",
            status=403,
            code="AccessDeniedException",
            times=9,
        )
    )
    found = await carbon_finding(shop)

    assert (FindingLevel.ERROR, ErrorClass.AUTH) == (found.level, found.error_class)
    (statement,) = json.loads(found.grant)["Statement"]
    assert ("sustainability:GetEstimatedCarbonEmissions", "*") == (
        statement["Action"],
        statement["Resource"],
    )


async def test_a_wrong_prefix_needs_no_grant(shop):
    """The permission is there, the report is not."""
    (listing,) = await findings(shop)

    assert (FindingLevel.ERROR, ErrorClass.NOT_FOUND) == (listing.level, listing.error_class)
    assert listing.grant is None


async def test_a_connector_without_streams_is_warned_about(shop):
    """It would do nothing."""
    (finding,) = await ogfd_connector().check(AwsConfig(), shop.context())

    assert FindingLevel.WARNING is finding.level


async def test_missing_credentials_are_a_finding(shop):
    """Not a traceback."""
    config = AwsConfig.model_validate({"profile": "absent", "cost": {"bucket": "bills"}})
    (finding,) = await ogfd_connector().check(config, shop.context())

    assert (FindingLevel.ERROR, ErrorClass.AUTH) == (finding.level, finding.error_class)
    assert "absent" in finding.message


def test_the_policy_is_the_least_that_is_needed():
    """Of the partition of the Region, for the prefix alone."""
    config = AwsConfig.model_validate(
        {"region": "cn-north-1", "cost": {"bucket": "bills", "prefix": "cur"}}
    )
    listing, reading = json.loads(policy(config, config.cost, root="cur/acme/"))["Statement"]

    assert "arn:aws-cn:s3:::bills" == listing["Resource"]
    assert {"StringLike": {"s3:prefix": "cur/*"}} == listing["Condition"]
    assert "arn:aws-cn:s3:::bills/cur/acme/*" == reading["Resource"]
