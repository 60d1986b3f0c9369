"""Every column that AWS documents is read, or known and not read; what is neither is told."""

import pytest
from ogfd_aws.cur.columns import choose
from ogfd_aws.cur.fields import FIELDS, Family, canonical

from ogfd.plugin import FatalError, Wanted

# https://docs.aws.amazon.com/cur/latest/userguide/data-dictionary.html, by category
LEGACY = {
    "identity": "LineItemId TimeInterval",
    "bill": "InvoiceId InvoicingEntity BillingEntity BillType PayerAccountId "
    "BillingPeriodStartDate BillingPeriodEndDate",
    "lineItem": "UsageAccountId LineItemType UsageStartDate UsageEndDate ProductCode UsageType "
    "Operation AvailabilityZone ResourceId UsageAmount NormalizationFactor NormalizedUsageAmount "
    "CurrencyCode UnblendedRate UnblendedCost BlendedRate BlendedCost NetUnblendedRate "
    "NetUnblendedCost LineItemDescription TaxType LegalEntity",
    "product": "ProductName region regionCode instanceType productFamily servicecode servicename "
    "sku usagetype fromLocation anythingNew",
    "pricing": "LeaseContractLength OfferingClass PurchaseOption RateCode RateId currency "
    "publicOnDemandCost publicOnDemandRate term unit",
    "reservation": "AmortizedUpfrontCostForUsage AmortizedUpfrontFeeForBillingPeriod "
    "AvailabilityZone EffectiveCost EndTime ModificationStatus NormalizedUnitsPerReservation "
    "NumberOfReservations RecurringFeeForUsage ReservationARN StartTime SubscriptionId "
    "TotalReservedNormalizedUnits TotalReservedUnits UnitsPerReservation "
    "UnusedAmortizedUpfrontFeeForBillingPeriod UnusedNormalizedUnitQuantity UnusedQuantity "
    "UnusedRecurringFee UpfrontValue NetAmortizedUpfrontCostForUsage NetEffectiveCost "
    "NetAmortizedUpfrontFeeForBillingPeriod NetRecurringFeeForUsage NetUpfrontValue "
    "NetUnusedAmortizedUpfrontFeeForBillingPeriod NetUnusedRecurringFee",
    "savingsPlan": "TotalCommitmentToDate SavingsPlanARN SavingsPlanRate UsedCommitment "
    "SavingsPlanEffectiveCost AmortizedUpfrontCommitmentForBillingPeriod EndTime StartTime "
    "RecurringCommitmentForBillingPeriod InstanceTypeFamily OfferingType PaymentOption "
    "PurchaseTerm Region NetSavingsPlanEffectiveCost NetRecurringCommitmentForBillingPeriod "
    "NetAmortizedUpfrontCommitmentForBillingPeriod",
    "discount": "EdpDiscount PrivateRateDiscount TotalDiscount",
    "splitLineItem": "ActualUsage NetSplitCost NetUnusedCost ParentResourceId "
    "PublicOnDemandSplitCost PublicOnDemandUnusedCost ReservedUsage SplitCost SplitUsage "
    "SplitUsageRatio UnusedCost",
    "resourceTags": "aws:createdBy user:Name",
    "costCategory": "Team",
}
HEADERS = [f"{category}/{name}" for category, names in LEGACY.items() for name in names.split()]

# https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html: columns it adds
CUR2 = [
    "bill_payer_account_name",
    "cost_category",
    "discount",
    "discount_bundled_discount",
    "discount_total_discount",
    "line_item_usage_account_name",
    "line_item_iam_principal",
    "line_item_user_identifier",
    "product",
    "product_comment",
    "product_fee_code",
    "product_fee_description",
    "product_from_location",
    "product_from_location_type",
    "product_from_region_code",
    "product_instance_family",
    "product_instancesku",
    "product_location",
    "product_location_type",
    "product_operation",
    "product_pricing_unit",
    "product_to_location",
    "product_to_location_type",
    "product_to_region_code",
    "resource_tags",
    "tags",
    "capacity_reservation_capacity_reservation_arn",
    "capacity_reservation_capacity_reservation_status",
    "capacity_reservation_capacity_reservation_type",
]
DYNAMIC = ("product/", "resourceTags/", "costCategory/", "discount/")

# https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-0-aws-columns.html
FOCUS_1_0 = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_CostCategories",
    "x_Discounts",
    "x_Operation",
    "x_ServiceCode",
    "x_UsageType",
]
# https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-focus-1-2-aws-columns.html
FOCUS_1_2 = [
    *(name for name in FOCUS_1_0 if name not in {"x_CostCategories", "x_UsageType"}),
    *[
        "BillingAccountType",
        "CapacityReservationId",
        "CapacityReservationStatus",
        "CommitmentDiscountQuantity",
        "CommitmentDiscountUnit",
        "InvoiceId",
        "InvoiceIssuerId",
        "PricingCurrency",
        "PricingCurrencyEffectiveCost",
        "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyListUnitPrice",
        "ServiceSubcategory",
        "SkuMeter",
        "SkuPriceDetails",
        "SubAccountType",
    ],
]
FILES = {
    "legacy": HEADERS,
    "athena": [canonical(header) for header in HEADERS],
    "cur2": [*(canonical(name) for name in HEADERS if not name.startswith(DYNAMIC)), *CUR2],
    "focus 1.0": FOCUS_1_0,
    "focus 1.2": FOCUS_1_2,
}
WANTED = Wanted(tags=("Name", "costCategory/Team"), resource_ids=True)


@pytest.mark.parametrize("headers", FILES.values(), ids=FILES)
def test_every_documented_column_is_known(headers):
    """Read, or not: no table of ours has a hole."""
    assert () == choose(headers, WANTED, "f").unknown


@pytest.mark.parametrize("headers", FILES.values(), ids=FILES)
def test_what_is_neither_is_told(headers):
    """So that a column that AWS adds is noticed."""
    more = [*headers, "x_Novelty", "lineItem/NewThing"]

    assert ("x_Novelty", "lineItem/NewThing") == choose(more, WANTED, "f").unknown


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("legacy", {"account_name"}),
        ("athena", {"account_name"}),
        ("cur2", set()),
        ("focus 1.0", {"instance_type", "invoice"}),
        ("focus 1.2", set()),
    ],
)
def test_every_generation_has_every_field_but_these(name, missing):
    """One table for all: a field that a generation lacks is no accident."""
    columns = choose(FILES[name], WANTED, "f")
    found = columns.places.keys() | columns.lookups.keys()
    places = {"place", "product_family"} if name in {"legacy", "athena"} else set()

    assert {"tag:Name", "tag:costCategory/Team"} <= found
    assert missing == set(FIELDS[columns.family]) - found - places


@pytest.mark.parametrize(("name", "family"), [("cur2", Family.CUR), ("focus 1.0", Family.FOCUS)])
def test_the_family_is_told_by_the_header(name, family):
    """Not by a name of a file or folder."""
    assert family is choose(FILES[name], WANTED, "f").family


def test_a_focus_file_without_its_cost_is_refused():
    """A query of one's own may leave columns out."""
    headers = [name for name in FOCUS_1_2 if name not in {"EffectiveCost", "BillingCurrency"}]

    with pytest.raises(FatalError, match=r"the header lacks BillingCurrency, EffectiveCost.*query"):
        choose(headers, WANTED, "f")


def test_a_cur_2_0_file_names_missing_columns_in_its_own_spelling():
    """As the operator must write them into the query."""
    headers = [name for name in FILES["cur2"] if name != "line_item_unblended_cost"]

    with pytest.raises(FatalError, match="the header lacks line_item_unblended_cost"):
        choose(headers, WANTED, "f")


@pytest.mark.parametrize(
    ("tag", "headers", "keys"),
    [
        ("Name", ["resource_tags"], ("Name", "_name", "user:Name", "user_name")),
        ("user:Name", ["tags"], ("user:Name", "user_name")),
        ("accountTag/Team", ["tags"], ("accountTag/Team",)),
        ("costCategory/Business unit", ["cost_category"], ("Business unit", "business_unit")),
        ("costCategory/Business unit", ["Tags"], ("costCategory/Business unit",)),
        ("Name", ["Tags"], ("Name", "user:Name")),
    ],
)
def test_a_tag_in_a_map_is_looked_up_as_aws_may_write_it(tag, headers, keys):
    """As it is, or by the naming rule; the operator's spelling comes first."""
    required = [canonical(name) for name in HEADERS if not name.startswith(DYNAMIC)]
    columns = choose([*required, *headers], Wanted(tags=(tag,)), "f")

    found = columns.lookups[f"tag:{tag}"].keys
    assert keys[0] == found[0]
    assert set(keys) <= set(found)
