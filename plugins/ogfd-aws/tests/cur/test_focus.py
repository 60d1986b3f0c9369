"""Charges of FOCUS as activities."""

import csv
import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ogfd.plugin import Wanted

CHARGE = {
    "BillingAccountId": "111122223333",
    "BillingPeriodStart": "2026-10-01T00:00:00.000Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00.000Z",
    "SubAccountId": "012345678901",
    "SubAccountName": "shop",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-10-02T03:00:00.000Z",
    "ChargePeriodEnd": "2026-10-02T04:00:00.000Z",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "BillingCurrency": "USD",
    "BilledCost": "0",
    "EffectiveCost": "0.25",
}


@pytest.fixture
def charges(read):
    """Read charges, each CHARGE with changes."""

    def run(*rows, wanted=None):
        whole = [CHARGE | row for row in rows]
        names = list(dict.fromkeys(name for row in whole for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(whole)
        return read(gzip.compress(text.getvalue().encode()), wanted)

    return run


def test_a_charge_becomes_an_activity(charges):
    """Every field from its column; FOCUS 1.2."""
    out = charges(
        {
            "InvoiceId": "1234",
            "ServiceCategory": "AI and Machine Learning",
            "x_ServiceCode": "AmazonEC2",
            "x_Operation": "RunInstances",
            "SkuMeter": "USE2-BoxUsage:m5.large",
            "SkuPriceDetails": '{"InstanceType": "m5.large", "CoreCount": 2}',
            "RegionId": "us-east-2",
            "ConsumedQuantity": "1.5",
            "ConsumedUnit": "Hrs",
            "CommitmentDiscountStatus": "Used",
            "PricingCategory": "Committed",
            "ResourceId": "i-1",
        }
    )

    assert [
        {
            "source": "aws_focus",
            "billing_account_id": "111122223333",
            "account_id": "012345678901",
            "account_name": "shop",
            "billing_period": "2026-10",
            "invoice_id": "1234",
            "service": "Amazon Elastic Compute Cloud",
            "category": "ai_and_machine_learning",
            "region": "us-east-2",
            "location": "US-EAST",
            "country": "US",
            "sku": "USE2-BoxUsage:m5.large",
            "operation": "RunInstances",
            "machine_type": "m5.large",
            "charge_category": "usage",
            "period_start": datetime(2026, 10, 2, 3, tzinfo=UTC),
            "period_end": datetime(2026, 10, 2, 4, tzinfo=UTC),
            "quantity": Decimal("1.5"),
            "unit": "Hrs",
            "billed_cost": Decimal(0),
            "effective_cost": Decimal("0.25"),
            "currency": "USD",
            "metadata": [("commitment_discount_status", "Used"), ("pricing_category", "Committed")],
            "line_count": 1,
        }
    ] == out.rows()


def test_the_columns_that_aws_adds_in_1_0_are_read(charges):
    """The usage type, and cost categories in a map of their own."""
    (row,) = charges(
        {
            "x_UsageType": "BoxUsage",
            "Tags": '{"user:Env": "prod", "Team": "a"}',
            "x_CostCategories": '{"Unit": "Retail"}',
        },
        wanted=Wanted(tags=("Env", "Team", "costCategory/Unit")),
    ).rows()

    assert "BoxUsage" == row["sku"]
    assert [("Env", "prod"), ("Team", "a"), ("costCategory/Unit", "Retail")] == row["tags"]


@pytest.mark.parametrize(
    ("named", "charge"),
    [
        ("Usage", "usage"),
        ("Purchase", "purchase"),
        ("Tax", "tax"),
        ("Credit", "credit"),
        ("Adjustment", "adjustment"),
        ("Novelty", "adjustment"),
        ("", "adjustment"),
    ],
)
def test_every_category_is_taken_as_it_is(charges, named, charge):
    """Only usage has a quantity: estimates must not count units of a purchase."""
    used = {"ConsumedQuantity": "1.5", "ConsumedUnit": "Hrs", "BilledCost": "-2"}
    (row,) = charges({"ChargeCategory": named, **used}).rows()

    assert (charge, Decimal(-2)) == (row["charge_category"], row["billed_cost"])
    assert (named == "Usage") == ("quantity" in row) == ("unit" in row)


def test_the_product_code_stands_in_for_a_missing_category(charges):
    """Older queries may leave the category out."""
    out = charges({"x_ServiceCode": "AmazonS3"}, {"x_ServiceCode": "5hnnev4d0v7mapf09j0v8of0o2"})

    assert ["storage", "other"] == [row["category"] for row in out.rows()]


@pytest.mark.parametrize(
    ("cells", "region"),
    [
        ({"RegionId": "eu-west-1"}, "eu-west-1"),
        ({"RegionId": "global"}, "global"),
        ({"AvailabilityZone": "us-west-2b"}, "us-west-2"),
        ({"RegionName": "EU (Frankfurt)"}, "eu-central-1"),
        ({"x_ServiceCode": "AmazonRoute53"}, "global"),
        ({"ChargeCategory": "Tax"}, None),
    ],
)
def test_the_region_is_what_the_charge_says_first(charges, cells, region):
    """Region, zone, name; global services; else none."""
    (row,) = charges(cells).rows()

    assert region == row.get("region")


@pytest.mark.parametrize(
    ("cells", "reason", "cost"),
    [
        ({"BilledCost": ""}, "BilledCost is empty", None),
        ({"BilledCost": "NaN"}, "BilledCost is not a number", None),
        ({"EffectiveCost": "x"}, "EffectiveCost is not a number", "0"),
        ({"BillingCurrency": ""}, "BillingCurrency is empty", "0"),
        ({"ChargePeriodEnd": "x"}, "ChargePeriodEnd is not a time", "0"),
        ({"Tags": "{"}, "Tags is no JSON object", "0"),
    ],
)
def test_a_bad_cell_rejects_its_row_and_no_other(charges, cells, reason, cost):
    """With the column in the spelling of the file."""
    out = charges({}, cells, {}, wanted=Wanted(tags=("Env",)))

    (bad,) = out.rejected
    assert ("f.csv.gz, data row 2", cost and Decimal(cost)) == (bad.where, bad.cost)
    assert reason in bad.reason
    assert 2 == out.table().num_rows


def test_an_empty_effective_cost_is_not_zero(charges):
    """It is not told."""
    (row,) = charges({"EffectiveCost": ""}).rows()

    assert "effective_cost" not in row
