"""Lines of a report as activities."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ogfd_aws.lines import LINES

from ogfd.plugin import CHARGE_CATEGORIES, Wanted


def one(out):
    (row,) = out.rows()
    return row


def test_a_line_of_usage_becomes_an_activity(read):
    """Every field from its column."""
    out = read(
        [
            {
                "bill/InvoiceId": "1234",
                "product/ProductName": "Amazon Elastic Compute Cloud",
                "product/productFamily": "Compute Instance",
                "product/instanceType": "m5.large",
                "product/region": "us-east-2",
                "pricing/unit": "Hrs",
                "pricing/term": "OnDemand",
                "lineItem/ResourceId": "i-1",
            }
        ]
    )

    assert {
        "source": "aws_cur",
        "billing_account_id": "111122223333",
        "account_id": "012345678901",
        "billing_period": "2026-10",
        "invoice_id": "1234",
        "service": "Amazon Elastic Compute Cloud",
        "category": "compute",
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
        "billed_cost": Decimal("0.25"),
        "effective_cost": Decimal("0.25"),
        "currency": "USD",
        "metadata": [
            ("line_item_type", "Usage"),
            ("pricing_term", "OnDemand"),
            ("product_family", "Compute Instance"),
        ],
        "line_count": 1,
    } == one(out)


def test_resource_ids_come_only_if_wanted(read):
    """They multiply rows."""
    rows = [{"lineItem/ResourceId": "i-1"}, {"lineItem/ResourceId": ""}]
    out = read(rows, Wanted(resource_ids=True))

    assert ["i-1", None] == [row.get("resource_id") for row in out.rows()]


def test_tags_come_as_the_operator_spells_them(read):
    """Wanted keys only; a line without any has none."""
    rows = [
        {"resourceTags/user:Name": "web", "resourceTags/user:Env": "", "resourceTags/aws:x": "1"},
        {"resourceTags/user:Name": "", "resourceTags/user:Env": "prod"},
        {},
    ]
    out = read(rows, Wanted(tags=("Name", "user:Env")))

    assert [[("Name", "web")], [("user:Env", "prod")], None] == [
        row.get("tags") for row in out.rows()
    ]


def test_the_product_code_stands_in_for_a_missing_name(read):
    """Marketplace and new services may have no product name."""
    rows = [
        {"product/ProductName": "", "lineItem/ProductCode": "5hnnev4d0v7mapf09j0v8of0o2"},
        {"product/ProductName": "AWS Glue", "lineItem/ProductCode": "AWSGlue"},
    ]
    out = read(rows)

    assert ["5hnnev4d0v7mapf09j0v8of0o2", "AWS Glue"] == [row["service"] for row in out.rows()]
    assert ["other", "analytics"] == [row["category"] for row in out.rows()]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"product/regionCode": "eu-west-1", "product/region": "x"}, ("eu-west-1", "EU-WEST", "IE")),
        ({"product/region": "sa-east-1"}, ("sa-east-1", "SA-EAST", "BR")),
        ({"lineItem/AvailabilityZone": "us-west-2b"}, ("us-west-2", "US-WEST", "US")),
        ({"lineItem/AvailabilityZone": "us-west-2-lax-1a"}, ("us-west-2", "US-WEST", "US")),
        ({"product/regionCode": "us-west-2-lax-1"}, ("us-west-2-lax-1", "US-WEST", "US")),
        ({"product/region": "eu-central-1-ham-1"}, ("eu-central-1-ham-1", "EU-CENTRAL", "DE")),
        ({"product/regionCode": "us-east-1-wl1-bos-wlz-1"},
         ("us-east-1-wl1-bos-wlz-1", "US-EAST", "US")),
        ({"product/regionCode": "xx-new-9-abc-1"}, ("xx-new-9-abc-1", None, None)),
        ({"product/regionCode": "us-east-12"}, ("us-east-12", None, None)),
        ({"product/location": "EU (Frankfurt)"}, ("eu-central-1", "EU-CENTRAL", "DE")),
        ({"product/location": "Europe (Frankfurt)"}, ("eu-central-1", "EU-CENTRAL", "DE")),
        ({"product/location": "Any"}, ("global", "GLOBAL", None)),
        ({"product/region": "global"}, ("global", "GLOBAL", None)),
        ({"product/region": "xx-new-9"}, ("xx-new-9", None, None)),
        ({"lineItem/ProductCode": "AmazonRoute53"}, ("global", "GLOBAL", None)),
        ({"lineItem/ProductCode": "AmazonCloudFront", "product/location": "Japan"},
         ("global", "GLOBAL", None)),
        ({"lineItem/LineItemType": "Tax"}, (None, None, None)),
    ],
)  # fmt: skip
def test_the_region_is_what_the_line_says_first(read, cells, expected):
    """Region code, region, zone, location; global services; else none."""
    row = one(read([cells]))

    assert expected == (row.get("region"), row.get("location"), row.get("country"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-02T03:00:00Z",
        "2026-10-02T03:00:00.000Z",
        "2026-10-02 03:00:00",
        "2026-10-02 03:00:00+00:00",
        "2026-10-02 03:00:00 +00:00",
        "2026-10-02T05:00:00+02:00",
    ],
)
def test_times_are_read_in_every_way_they_are_written(read, text):
    """A time without a zone is UTC."""
    row = one(read([{"lineItem/UsageStartDate": text}]))

    assert datetime(2026, 10, 2, 3, tzinfo=UTC) == row["period_start"]


def test_a_charge_of_an_instant_lasts_a_second(read):
    """A period is never empty."""
    row = one(read([{"lineItem/UsageEndDate": "2026-10-02T03:00:00Z"}]))

    assert datetime(2026, 10, 2, 3, 0, 1, tzinfo=UTC) == row["period_end"]


@pytest.mark.parametrize(
    ("kind", "charge"),
    [
        ("Usage", "usage"),
        ("DiscountedUsage", "usage"),
        ("SavingsPlanCoveredUsage", "usage"),
        ("SavingsPlanNegation", "usage"),
        ("SavingsPlanRecurringFee", "purchase"),
        ("SavingsPlanUpfrontFee", "purchase"),
        ("RIFee", "purchase"),
        ("Fee", "purchase"),
        ("Tax", "tax"),
        ("Credit", "credit"),
        ("Refund", "adjustment"),
        ("Discount", "usage"),
        ("BundledDiscount", "usage"),
        ("EdpDiscount", "usage"),
        ("PrivateRateDiscount", "usage"),
        ("RiVolumeDiscount", "usage"),
        ("SppDiscount", "usage"),
        ("SomeNewDiscount", "usage"),
        ("SomethingNew", "adjustment"),
    ],
)
def test_every_line_type_has_its_charge_category(read, kind, charge):
    """As FOCUS maps them; only usage has a quantity."""
    row = one(read([{"lineItem/LineItemType": kind, "pricing/unit": "Hrs"}]))

    assert charge == row["charge_category"]
    physical = kind in {"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"}
    assert (Decimal("1.5"), "Hrs") == (row["quantity"], row["unit"]) if physical else True
    assert physical == ("quantity" in row) == ("unit" in row)
    assert Decimal("0.25") == row["billed_cost"]


def test_the_table_knows_no_other_charge_category():
    """What the engine accepts, less the one of carbon."""
    assert {line.charge for line in LINES.values()} == set(CHARGE_CATEGORIES) - {"emission"}


def test_split_cost_lines_are_left_out_and_counted(read):
    """They repeat what the line of the instance costs."""
    rows = [{}, {"lineItem/Operation": "EKSPod-EC2"}, {"lineItem/Operation": "ECSTask-EC2"}]
    rows[2]["lineItem/UnblendedCost"] = "garbage of no interest"
    out = read(rows)

    assert {"split cost allocation line, repeats the cost of its instance": 2} == out.left_out
    assert (3, 1, []) == (out.source_rows, out.table().num_rows, out.rejected)


@pytest.mark.parametrize(
    ("cells", "reason", "raw", "cost"),
    [
        ({"lineItem/UnblendedCost": "NaN"}, "lineItem/UnblendedCost is not a number", "NaN", None),
        ({"lineItem/UnblendedCost": "1e999"}, "lineItem/UnblendedCost is not a", "1e999", None),
        ({"lineItem/UnblendedCost": ""}, "lineItem/UnblendedCost is empty", "", None),
        ({"lineItem/UsageAmount": "x"}, "lineItem/UsageAmount is not a number", "x", "0.25"),
        ({"lineItem/CurrencyCode": ""}, "lineItem/CurrencyCode is empty", "", "0.25"),
        ({"bill/PayerAccountId": ""}, "bill/PayerAccountId is empty", "", "0.25"),
        ({"lineItem/UsageStartDate": "soon"}, "lineItem/UsageStartDate is not a time", "soon",
         "0.25"),
        ({"lineItem/UsageEndDate": ""}, "lineItem/UsageEndDate is not a time", "", "0.25"),
        ({"lineItem/UsageEndDate": "2020-01-01T00:00:00Z"}, "UsageEndDate lies before the start",
         "2020-01-01T00:00:00Z", "0.25"),
        ({"bill/BillingPeriodStartDate": "?"}, "BillingPeriodStartDate is not a time", "?", "0.25"),
        ({"lineItem/UsageType": "a\udcffb"}, "lineItem/UsageType is not UTF-8", "a\\xffb", "0.25"),
        ({"lineItem/UsageType": "\udcff", "lineItem/UnblendedCost": "0"}, "is not UTF-8", "\\xff",
         "0"),
    ],
)  # fmt: skip
def test_a_bad_cell_rejects_its_row_and_no_other(read, cells, reason, raw, cost):
    """With file, row, column and what stood there; the cost, if it is known."""
    out = read([{}, cells, {"lineItem/UnblendedCost": "0.5"}])

    assert [Decimal("0.25"), Decimal("0.5")] == [row["billed_cost"] for row in out.rows()]
    (bad,) = out.rejected
    assert ("f.csv.gz, data row 2", raw) == (bad.where, bad.raw)
    assert reason in bad.reason
    assert (cost and Decimal(cost)) == bad.cost


def test_a_row_with_two_faults_is_rejected_once(read):
    """Each source row has one fate."""
    out = read([{"lineItem/UnblendedCost": "NaN", "lineItem/UsageStartDate": "x"}])

    assert 1 == len(out.rejected)


def test_many_bad_rows_are_named_up_to_a_bound(read):
    """The rest is counted together; money in it is not taken for nothing."""
    rows = [{"lineItem/UsageStartDate": "x", "lineItem/UnblendedCost": c} for c in ("1", "-1")]
    out = read(rows * 100)

    assert (101, 200) == (len(out.rejected), sum(bad.rows for bad in out.rejected))
    assert "f.csv.gz, data rows 101 to 200" == out.rejected[-1].where
    assert out.rejected[-1].cost is None


def test_a_cell_of_no_interest_does_not_matter(read):
    """The amount of a tax line means nothing; a column that is not read may hold anything."""
    out = read(
        [{"lineItem/LineItemType": "Tax", "lineItem/UsageAmount": "x", "product/foo": "\udcff"}]
    )

    assert [] == out.rejected


def test_quantities_keep_twelve_decimals(read):
    """Rounded half-even."""
    row = one(read([{"lineItem/UsageAmount": "0.0000000000025"}]))

    assert Decimal("0.000000000002") == row["quantity"]


def test_currencies_stay_apart(read):
    """Each line has its own."""
    out = read([{}, {"lineItem/CurrencyCode": "CNY"}])

    assert ["USD", "CNY"] == [row["currency"] for row in out.rows()]
