"""Rows of exports as activities."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
SAME = {
    "source": "azure_cost_export",
    "billing_account_id": "8611537",
    "account_id": SUBSCRIPTION,
    "account_name": "Production",
    "billing_period": "2026-09",
    "service": "Virtual Machines",
    "category": "compute",
    "region": "eastus2",
    "location": "US-EAST",
    "country": "US",
    "sku": "B1s",
    "operation": "BS Series",
    "machine_type": "Standard_B1s",
    "resource_group": "web",
    "charge_category": "usage",
    "period_start": datetime(2026, 9, 21, tzinfo=UTC),
    "period_end": datetime(2026, 9, 22, tzinfo=UTC),
    "quantity": Decimal(24),
    "unit": "Hours",
    "billed_cost": Decimal("0.24"),
    "currency": "USD",
    "metadata": [
        ("charge_frequency", "Usage-Based"),
        ("meter_category", "Virtual Machines"),
        ("pricing_category", "Standard"),
    ],
    "line_count": 1,
}


def one(out):
    (row,) = out.rows()
    return row


def test_details_become_activities(read, ea):
    """Every field from its column."""
    assert one(read(ea())) == SAME


def test_focus_becomes_the_same_activities(read, focus):
    """The same charge is the same activity, whichever dataset it comes in."""
    assert SAME | {"effective_cost": Decimal("0.24"), "invoice_id": "G01"} == one(read(focus()))


def test_customer_agreements_and_pay_as_you_go_read_alike(read):
    """A file without a billing account counts for the subscription."""
    row = {
        "SubscriptionGuid": SUBSCRIPTION.upper(),
        "ResourceGroup": "Web",
        "ResourceLocation": "US East",
        "UsageDateTime": "2026-09-21",
        "MeterCategory": "Load Balancer",
        "MeterName": "Rules",
        "UsageQuantity": "3",
        "ResourceRate": "0.025",
        "PreTaxCost": "0.075",
        "ConsumedService": "Microsoft.Network",
        "ResourceType": "Microsoft.Network/loadBalancers",
        "Currency": "EUR",
        "UnitOfMeasure": "100 Hours",
    }
    found = one(read([row]))

    assert {
        "billing_account_id": SUBSCRIPTION,
        "account_id": SUBSCRIPTION,
        "billing_period": "2026-09",
        "service": "Load Balancer",
        "category": "networking",
        "region": "eastus",
        "resource_group": "web",
        "charge_category": "usage",
        "quantity": Decimal(300),
        "unit": "Hours",
        "billed_cost": Decimal("0.075"),
        "currency": "EUR",
    }.items() <= found.items()


@pytest.mark.parametrize(
    ("payer", "expected"),
    [
        ("8611537", "8611537"),
        ("/providers/Microsoft.Billing/billingAccounts/8611537", "8611537"),
        ("/providers/Microsoft.Billing/billingAccounts/A:b_2019/billingProfiles/P", "a:b_2019"),
    ],
)
def test_a_billing_account_is_its_id(read, focus, payer, expected):
    """The profile that FOCUS puts behind it is a part of the account."""
    assert expected == one(read(focus({"x_BillingAccountId": payer})))["billing_account_id"]


@pytest.mark.parametrize("account", ["", "00000000-0000-0000-0000-000000000000"])
def test_some_charges_are_of_no_subscription(read, ea, account):
    """Roundings and what nobody used; the billing account pays."""
    row = one(read(ea({"SubscriptionId": account, "ChargeType": "RoundingAdjustment"})))

    assert "account_id" not in row
    assert "8611537" == row["billing_account_id"]


def test_a_charge_of_nobody_is_bad(read, ea):
    """Neither account nor subscription."""
    out = read(ea({"SubscriptionId": "", "BillingAccountId": ""}))

    assert ["SubscriptionId is empty, and so is the billing account"] == [
        bad.reason for bad in out.rejected
    ]
    assert [Decimal("0.24")] == [bad.cost for bad in out.rejected]


def test_ids_are_one_in_any_case(read, ea):
    """Azure spells subscriptions, resource groups and resources as it likes."""
    rows = ea({}, {"ResourceGroup": "web"})
    rows[1]["ResourceId"] = rows[0]["ResourceId"].upper()
    rows[1]["SubscriptionId"] = rows[0]["SubscriptionId"].upper()
    first, second = read(rows, resource_ids=True).rows()

    assert first == second
    assert first["resource_id"].endswith("/providers/microsoft.compute/virtualmachines/web-1")


def test_a_resource_group_is_taken_from_the_resource_if_need_be(read, ea):
    """Where a file has no column for it."""
    (row,) = ea()
    del row["ResourceGroup"]

    assert "web" == one(read([row]))["resource_group"]


@pytest.mark.parametrize(
    ("changes", "service", "category", "unknown"),
    [
        ({"ResourceId": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Sql/servers/a/"
                        "databases/b", "ConsumedService": "Microsoft.Sql"},
         "Azure SQL Database", "databases", None),
        # an extension of a resource is what it extends with
        ({"ResourceId": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Web/sites/a/"
                        "providers/Microsoft.Insights/components/b"},
         "Azure Monitor", "management_and_governance", None),
        ({"ResourceId": "/providers/Microsoft.Capacity/reservationOrders/1/reservations/"},
         "Azure Reservations", "management_and_governance", None),
        ({"ResourceId": "", "ConsumedService": "", "MeterCategory": "Load Balancer"},
         "Load Balancer", "networking", None),
        ({"ResourceId": "", "ConsumedService": "", "MeterCategory": "Unassigned",
          "PublisherType": "Marketplace"}, "Azure Marketplace", "other", None),
        ({"ResourceId": "", "ConsumedService": "", "MeterCategory": "Support"},
         "Support", "management_and_governance", None),
        ({"ResourceId": "/subscriptions/1/providers/Contoso.New/things/a",
          "ConsumedService": "Contoso.New", "MeterCategory": "Things"},
         "Things", "other", "contoso.new/things"),
    ],
)  # fmt: skip
def test_a_service_follows_from_the_resource(read, ea, changes, service, category, unknown):
    """What no table knows is called by its meter, and reported."""
    out = read(ea(changes))

    assert (service, category) == (one(out)["service"], one(out)["category"])
    assert ({("service", unknown): 1} if unknown else {}) == out.unknowns


def test_an_unknown_service_has_the_category_of_its_family(read, ea):
    """Better than none; it is reported all the same."""
    (row,) = ea({"ResourceId": "", "ConsumedService": "Contoso.New", "MeterCategory": "Things"})
    out = read([row | {"ServiceFamily": "Containers"}])

    assert ("Things", "compute") == (one(out)["service"], one(out)["category"])
    assert {("service", "Contoso.New"): 1} == out.unknowns


@pytest.mark.parametrize(
    ("changes", "service", "category", "unknown"),
    [
        ({"ServiceCategory": "AI and Machine Learning", "ServiceName": "Azure AI"},
         "Azure AI", "ai_and_machine_learning", None),
        ({"ServiceCategory": "", "ServiceName": ""}, "Virtual Machines", "compute", None),
        ({"ServiceCategory": "", "ServiceName": "Key Vault"}, "Key Vault", "security", None),
        ({"ServiceCategory": "", "ServiceName": "", "x_ResourceType": "",
          "x_SkuMeterCategory": "Unassigned", "CommitmentDiscountId":
          "/providers/Microsoft.BillingBenefits/savingsPlanOrders/1/savingsPlans/2"},
         "Azure Savings Plan for Compute", "compute", None),
        ({"ServiceCategory": "", "ServiceName": "", "x_ResourceType": "contoso.new/things",
          "x_SkuMeterCategory": "Things"}, "Things", "other", "contoso.new/things"),
    ],
)  # fmt: skip
def test_focus_names_the_service_or_leaves_it_open(
    read, focus, changes, service, category, unknown
):
    """What is open follows from the type of the resource, or from the commitment."""
    out = read(focus(changes))

    assert (service, category) == (one(out)["service"], one(out)["category"])
    assert ({("service", unknown): 1} if unknown else {}) == out.unknowns


@pytest.mark.parametrize(
    ("location", "place", "region", "code"),
    [
        ("EastUS2", "", "eastus2", "US-EAST"),
        ("", "EU West", "westeurope", "EU-WEST"),
        ("Unassigned", "", "global", "GLOBAL"),
        ("", "", None, None),
    ],
)
def test_a_region_is_where_the_resource_is(read, ea, location, place, region, code):
    """Never where its meter's price holds."""
    (row,) = ea({"ResourceLocation": location})
    out = read([row | {"Location": place}])

    assert (region, code) == (one(out).get("region"), one(out).get("location"))
    assert {} == out.unknowns


def test_an_unknown_region_is_kept_and_reported(read, ea):
    """It is nowhere until a table knows it."""
    out = read(ea({"ResourceLocation": "MarsNorth"}))

    assert "marsnorth" == one(out)["region"]
    assert "location" not in one(out)
    assert {("region", "MarsNorth"): 1} == out.unknowns


def test_a_date_is_a_whole_day(read, ea):
    """Also one that Excel has saved, and one of a file without billing periods."""
    rows = ea({"Date": "9/1/2026"}, {"Date": "2026-09-02T13:00:00", "BillingPeriodStartDate": ""})
    first, second = read(rows).rows()

    assert datetime(2026, 9, 1, tzinfo=UTC) == first["period_start"]
    assert datetime(2026, 9, 2, tzinfo=UTC) == first["period_end"] == second["period_start"]
    assert "2026-09" == second["billing_period"]


def test_a_charge_of_a_moment_lasts(read, focus):
    """A period is never empty: of a day if it is a date, else of a second."""
    moment = "2026-09-21T10:00:00Z"
    rows = focus(
        {"ChargePeriodEnd": "2026-09-21T00:00Z"},
        {"ChargePeriodStart": moment, "ChargePeriodEnd": moment},
    )

    assert [datetime(2026, 9, 22, tzinfo=UTC), datetime(2026, 9, 21, 10, 0, 1, tzinfo=UTC)] == [
        row["period_end"] for row in read(rows).rows()
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ChargePeriodStart": ""}, "ChargePeriodStart is not a time"),
        ({"ChargePeriodEnd": "soon"}, "ChargePeriodEnd is not a time"),
        ({"BillingPeriodStart": "13/01/2026"}, "BillingPeriodStart is not a time"),
        ({"ChargePeriodEnd": "2026-09-01T00:00Z"}, "ChargePeriodEnd lies before the start"),
    ],
)
def test_a_row_without_a_time_is_bad(read, focus, changes, reason):
    """It says where and why, and the others are kept."""
    out = read(focus({}, changes))

    (bad,) = out.rejected
    assert ("part.csv, data row 2", reason) == (bad.where, bad.reason)
    assert 1 == len(out.rows())


@pytest.mark.parametrize("date", ["12/31/9999", "0001-01-01T00:00:00+14:00"])
def test_a_date_out_of_range_is_a_bad_row(read, ea, date):
    """Not the end of the file."""
    out = read(ea({}, {"Date": date}))

    assert ["Date is not a time"] == [bad.reason for bad in out.rejected]
    assert 1 == len(out.rows())


def test_null_is_empty(read, focus):
    """Exports that went through a database say so, in texts, numbers and tags."""
    out = read(
        focus(
            {
                "SubAccountName": "NULL",
                "CommitmentDiscountId": "NULL",
                "x_SkuDetails": "NULL",
                "PricingQuantity": "NULL",
                "Tags": "NULL",
            }
        ),
        tags=("env",),
    )

    assert not {"account_name", "tags", "machine_type"} & one(out).keys()
    assert Decimal("0.24") == one(out)["effective_cost"]
    assert [] == out.rejected


@pytest.mark.parametrize(
    ("details", "machine"),
    [
        ('{"ServiceType":"Standard_D4s_v3","VCPUs":4}', "Standard_D4s_v3"),
        ('"UsageType": "ComputeHR", "ServiceType": "Basic_A1"', "Basic_A1"),
        ('{"x_ServiceType": "Standard_E8s_v5"}', "Standard_E8s_v5"),
        ('{"ServiceType": "DataAnalysis"}', None),
        ('{"ServiceType": null}', None),
        ("", None),
    ],
)
def test_a_machine_is_named_in_the_details_of_its_meter(read, ea, details, machine):
    """With braces or without; other services call other things a type."""
    assert machine == one(read(ea({"AdditionalInfo": details}))).get("machine_type")


def test_usage_that_a_commitment_pays_for_is_told_apart(read, ea):
    """As FOCUS would."""
    metadata = dict(one(read(ea({"PricingModel": "Reservation"})))["metadata"])

    assert ("Committed", "Used") == (
        metadata["pricing_category"],
        metadata["commitment_discount_status"],
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ('{"env": "prod", "org": "acme"}', [("Env", "prod"), ("org", "acme")]),
        ('"env": "prod","org": "acme"', [("Env", "prod"), ("org", "acme")]),
        ('" ENV": "a: b, c","other": "x"', [("Env", "a: b, c")]),
        ('"env": "", " env": "prod"', [("Env", "prod")]),
        ('{"org": ""}', None),
        ("{}", None),
        ("null", None),
        ("", None),
    ],
)
def test_tags_come_as_the_operator_spells_them(read, ea, tags, expected):
    """Braces may be missing, keys begin with a space or be in another case."""
    assert expected == one(read(ea({"Tags": tags}), tags=("Env", "org"))).get("tags")


def test_tags_that_cannot_be_read_make_a_bad_row(read, ea):
    """A charge must not lose the tag that somebody pays by."""
    out = read(ea({"Tags": '"env": "prod'}), tags=("env",))

    assert ["Tags is no JSON object"] == [bad.reason for bad in out.rejected]
    assert 1 == len(read(ea({"Tags": '"env": "prod'})).rows())
