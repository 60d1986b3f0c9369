"""What ``ogfd check --discover`` finds."""

import json
import re
from pathlib import Path

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.config import AwsConfig
from ogfd_aws.cur.fields import FIELDS, Family, canonical
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel, Secret

OK, WARNING, ERROR = FindingLevel
CUR2, FOCUS, CARBON = "COST_AND_USAGE_REPORT", "FOCUS_1_2_AWS", "CARBON_EMISSIONS"
COLUMNS = {
    CUR2: "bill_payer_account_id, bill_billing_period_start_date, line_item_usage_account_id, "
    "line_item_line_item_type, line_item_usage_start_date, line_item_usage_end_date, "
    "line_item_product_code, line_item_usage_type, line_item_operation, line_item_usage_amount, "
    "line_item_currency_code, line_item_unblended_cost",
    FOCUS: "BillingAccountId, BillingPeriodStart, SubAccountId, ChargeCategory, ChargePeriodStart, "
    "ChargePeriodEnd, ServiceName, BillingCurrency, BilledCost, EffectiveCost",
    CARBON: "payer_account_id, usage_account_id, usage_period_start, total_mbm_emissions_value, "
    "total_mbm_emissions_unit",
}


def report(name="legacy", **changes):
    """Return a report as ``cur`` describes it."""
    return {
        "ReportName": name, "TimeUnit": "HOURLY", "Format": "textORcsv", "Compression": "GZIP",
        "AdditionalSchemaElements": [], "S3Bucket": "bills", "S3Prefix": "cur",
        "S3Region": "us-east-1", "ReportVersioning": "OVERWRITE_REPORT",
        "ReportStatus": {"lastDelivery": "20261120T010101Z", "lastStatus": "SUCCESS"},
    } | changes  # fmt: skip


def export(name, table, *, columns=None, region="us-east-1", settings=None, **status):
    """Return an export as ``bcm-data-exports`` answers ``GetExport``."""
    arn = f"arn:aws:bcm-data-exports:us-east-1:111122223333:export/{name}-0a1b2c3d4e5f"
    return {
        "Export": {
            "ExportArn": arn,
            "Name": name,
            "DataQuery": {
                "QueryStatement": f"SELECT {columns or COLUMNS.get(table, 'x')} FROM {table}",
                "TableConfigurations": {table: settings or {"TIME_GRANULARITY": "HOURLY"}},
            },
            "DestinationConfigurations": {
                "S3Destination": {
                    "S3Bucket": "bills", "S3Prefix": "exports", "S3Region": region,
                    "S3OutputConfigurations": {
                        "OutputType": "CUSTOM", "Format": "PARQUET", "Compression": "PARQUET",
                        "Overwrite": "OVERWRITE_REPORT",
                    },
                }
            },
            "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
        },
        "ExportStatus": {"StatusCode": "HEALTHY"} | status,
    }  # fmt: skip


def config(shop, **tables):
    static = {"access_key_id": "test", "secret_access_key": Secret("test")}
    return AwsConfig.model_validate({"endpoint_url": shop.server.url} | static | tables)


async def discover(shop, **tables):
    return await ogfd_connector().discover(config(shop, **tables), shop.context())


def suggestions(found):
    return [one.suggestion for one in found if one.suggestion is not None]


async def test_a_report_becomes_a_suggestion(shop):
    """Bucket, prefix and name, as the table wants them."""
    shop.server.set_billing(reports=[report()])
    found = await discover(shop)

    assert [{"cost": {"bucket": "bills", "prefix": "cur", "report": "legacy"}}] == suggestions(
        found
    )
    assert ("report legacy", OK) == (found[0].subject, found[0].level)
    assert "legacy CUR, textORcsv, GZIP, OVERWRITE_REPORT, s3://bills/cur in us-east-1" == (
        found[0].message
    )


async def test_a_bucket_in_another_region_brings_its_region(shop):
    """The key of the connector, not of the stream."""
    shop.server.set_billing(exports=[export("costs", CUR2, region="eu-west-1")])
    found = await discover(shop)

    table = {"bucket": "bills", "prefix": "exports", "report": "costs"}
    assert [{"region": "eu-west-1", "cost": table}] == suggestions(found)


async def test_what_is_suggested_is_a_configuration(shop):
    """As it stands, below the connector's other keys."""
    shop.server.set_billing(exports=[export("costs", CUR2), export("co2", CARBON)])
    found = await discover(shop)

    made = config(shop, **{k: v for told in suggestions(found) for k, v in told.items()})
    assert ("costs", "co2") == (made.cost.report, made.carbon_export.export)


async def test_a_carbon_export_in_another_region_needs_a_connector_of_its_own(shop):
    """One connector has one Region, that of the bucket of its cost."""
    costs = export("costs", CUR2, region="eu-west-1")
    far, near = export("far", CARBON), export("near", CARBON, region="eu-west-1")
    shop.server.set_billing(exports=[costs, far])
    found = await discover(shop)
    assert [["region", "cost"]] == [list(told) for told in suggestions(found)]
    assert 'can be read from far by a connector of its own, with region = "us-east-1"' in (
        found[-1].message
    )

    shop.server.set_billing(exports=[costs, far, near])
    *_, told = suggestions(await discover(shop))
    assert "near" == told["carbon_export"]["export"]


@pytest.mark.parametrize(
    "fault",
    [{"columns": "usage_account_id"}, {"StatusCode": "UNHEALTHY"}],
    ids=["narrow", "broken"],
)
async def test_a_carbon_export_that_cannot_be_read_is_not_suggested(shop, fault):
    """It is warned about."""
    shop.server.set_billing(exports=[export("co2", CARBON, **fault)])
    found = await discover(shop)

    assert (WARNING, "export co2") == (found[0].level, found[0].subject)
    assert [] == suggestions(found)


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (("focus10", "legacy", "focus12", "cur2"), "cur2"),
        (("focus10", "legacy", "focus12"), "focus12"),
        (("focus10", "legacy"), "legacy"),
        (("focus12", "monthly"), "focus12"),
        (("focus12", "broken"), "focus12"),
        (("focus12", "narrow"), "focus12"),
    ],
)
async def test_of_several_the_best_is_suggested_and_never_two(shop, names, best):
    """They hold the same cost: two would be refused, or count double."""
    known = {
        "focus10": export("focus10", "FOCUS_1_0_AWS", columns=COLUMNS[FOCUS]),
        "focus12": export("focus12", FOCUS),
        "cur2": export("cur2", CUR2),
        "monthly": export("monthly", CUR2, settings={"TIME_GRANULARITY": "MONTHLY"}),
        "broken": export("broken", CUR2, StatusCode="UNHEALTHY"),
        "narrow": export("narrow", CUR2, columns="line_item_unblended_cost"),
    }
    shop.server.set_billing(
        reports=[report()] if "legacy" in names else [],
        exports=[known[name] for name in names if name != "legacy"],
    )
    found = await discover(shop)

    (suggestion,) = suggestions(found)
    assert best == suggestion["cost"]["report"]
    warned = [one.message for one in found if "never two" in one.message]
    assert (0 if "narrow" in names else 1) == len(warned)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("INSUFFICIENT_PERMISSION", "mend the policy of the bucket"),
        ("BILL_OWNER_CHANGED", "create the export anew"),
        ("DEPRECATED", "create an export of a newer one"),
        ("SOMETHING_NEW", "SOMETHING_NEW"),
    ],
)
async def test_an_export_that_is_not_delivered_is_warned_about(shop, reason, words):
    """With what to do."""
    broken = export("costs", CUR2, StatusCode="UNHEALTHY", StatusReason=reason)
    shop.server.set_billing(exports=[broken])
    (described, *_) = await discover(shop)

    assert (WARNING, "export costs") == (described.level, described.subject)
    assert words in described.message


async def test_a_report_that_is_not_delivered_is_warned_about(shop):
    """The policy of the bucket was changed, most often."""
    failing = report(ReportStatus={"lastStatus": "ERROR_PERMISSIONS"})
    shop.server.set_billing(reports=[failing])
    (described, *_) = await discover(shop)

    assert WARNING is described.level
    assert "mend the policy of the bucket" in described.message


async def test_an_export_without_columns_that_are_needed_is_not_suggested(shop):
    """Its query is frozen; it has to be created anew."""
    narrow = export("costs", FOCUS, columns=COLUMNS[FOCUS].replace("EffectiveCost", "x"))
    shop.server.set_billing(exports=[narrow])
    found = await discover(shop)

    assert (WARNING, True) == (found[0].level, "leaves out EffectiveCost" in found[0].message)
    assert [] == suggestions(found)


async def test_the_query_of_the_documentation_has_all_that_is_needed(shop):
    """Whoever pastes it gets an export that can be read."""
    page = Path(__file__).parents[3] / "docs" / "connectors" / "aws.md"
    query = page.read_text().partition('"SELECT ')[2].partition("FROM COST_AND_USAGE_REPORT")[0]
    shop.server.set_billing(exports=[export("costs", CUR2, columns=query)])
    found = await discover(shop)

    assert ["costs"] == [told["cost"]["report"] for told in suggestions(found)]
    named = set(re.findall(r"\w+", query))
    used = {canonical(spelt[0]) for spelt in FIELDS[Family.CUR].values() if "[" not in spelt[0]}
    assert {"line_item_resource_id", "product_product_name", "product_region"} == used - named


async def test_other_tables_are_named_and_left_alone(shop):
    """Recommendations are no cost."""
    other = export("hints", "COST_OPTIMIZATION_RECOMMENDATIONS")
    shop.server.set_billing(exports=[other])
    found = await discover(shop)

    assert "not read by ogfd" in found[0].message
    assert ("stream cost", WARNING) == (found[-1].subject, found[-1].level)
    assert "has defined no cost export" in found[-1].message


async def test_what_is_configured_is_not_suggested_again(shop):
    """Nor is anything beside it."""
    shop.server.set_billing(
        reports=[report()], exports=[export("costs", CUR2), export("co2", CARBON)]
    )
    found = await discover(
        shop, cost={"bucket": "bills", "prefix": "exports", "report": "costs"}, carbon={}
    )

    assert [] == suggestions(found)
    by_subject = {one.subject: one.message for one in found}
    assert by_subject["export costs"].endswith("; configured")
    assert "configured" not in by_subject["report legacy"]
    assert "one is configured" in by_subject["stream cost"]


async def test_every_page_is_read(shop):
    """Five reports a page, and the service takes no other size; exports by the hundred or fewer."""
    shop.server.forget_requests()
    shop.server.set_billing(
        reports=[report(f"r{number:02}") for number in range(11)],
        exports=[export(f"e{number}", "OTHER_TABLE") for number in range(3)],
    )
    shop.server.inject(Rule(action="pages", operation="ListExports", results=1, times=99))
    found = await discover(shop)

    names = {one.subject.partition(" ")[2] for one in found}
    assert {f"r{number:02}" for number in range(11)} | {"e0", "e1", "e2"} <= names
    assert (3, 3, 3) == tuple(
        map(shop.server.count, ("DescribeReportDefinitions", "ListExports", "GetExport"))
    )


async def test_a_missing_permission_comes_with_the_policy_and_the_rest_is_found(shop):
    """Reports and exports are asked for separately; one policy for what is missing."""
    shop.server.set_billing(reports=[report()], exports=[export("costs", CUR2)])
    refusal = {"action": "status", "status": 400, "code": "AccessDeniedException", "times": 99}
    shop.server.inject(Rule(operation="GetExport", **refusal))
    found = await discover(shop)

    refused = next(one for one in found if one.grant)
    assert (ERROR, ErrorClass.AUTH) == (refused.level, refused.error_class)
    text = refused.grant.partition(":\n")[2].partition("\n\nthe same")[0]
    (statement,) = json.loads(text)["Statement"]
    assert ["bcm-data-exports:ListExports", "bcm-data-exports:GetExport"] == statement["Action"]
    assert ["legacy"] == [told["cost"]["report"] for told in suggestions(found)]
    shop.server.inject(
        Rule(operation="ListExports", **refusal),
        Rule(operation="DescribeReportDefinitions", **refusal),
    )
    found = await discover(shop)
    assert 1 == len({one.grant for one in found})
    assert 2 == len(found)


@pytest.mark.parametrize("operation", ["DescribeReportDefinitions", "ListExports", "GetExport"])
async def test_a_page_of_html_is_no_empty_account(shop, operation):
    """A proxy may answer in place of AWS."""
    shop.server.set_billing(exports=[export("costs", CUR2)])
    shop.server.inject(Rule(action="html", operation=operation, times=99))
    found = await discover(shop)

    assert ERROR in {one.level for one in found}
    assert not any("no cost export" in one.message for one in found)


async def test_an_account_without_exports_is_told_so(shop):
    """With where to create one."""
    shop.server.set_billing()
    (found,) = await discover(shop)

    assert WARNING is found.level
    assert "create one" in found.message


async def test_what_is_configured_and_not_found_comes_from_elsewhere(shop):
    """A member reads the bucket of its management account: nothing is wrong with that."""
    (found,) = await discover(shop, cost={"bucket": "bills"})

    assert (OK, "stream cost") == (found.level, found.subject)
    assert "comes from another one" in found.message


async def test_refused_credentials_have_no_grant(shop):
    """As for the check."""
    (found,) = await ogfd_connector().discover(AwsConfig(profile="absent"), shop.context())

    assert (ERROR, ErrorClass.AUTH, None) == (found.level, found.error_class, found.grant)
