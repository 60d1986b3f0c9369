"""Headers of every agreement, age and language."""

import pytest
from ogfd_azure.exports.columns import choose
from ogfd_azure.exports.fields import REQUIRED, Family

from ogfd.plugin import FatalError, Wanted

PAY_AS_YOU_GO = (
    "SubscriptionGuid", "ResourceGroup", "ResourceLocation", "UsageDateTime", "MeterCategory",
    "MeterSubcategory", "MeterId", "MeterName", "MeterRegion", "UsageQuantity", "ResourceRate",
    "PreTaxCost", "ConsumedService", "ResourceType", "InstanceId", "Tags", "OfferId",
    "AdditionalInfo", "ServiceInfo1", "ServiceInfo2", "ServiceName", "ServiceTier", "Currency",
    "UnitOfMeasure",
)  # fmt: skip
CUSTOMER_AGREEMENT = (
    "invoiceId", "billingAccountId", "billingPeriodStartDate", "date", "serviceFamily",
    "consumedService", "meterName", "meterCategory", "meterSubCategory", "SubscriptionId",
    "subscriptionName", "publisherType", "resourceGroupName", "ResourceId", "resourceLocation",
    "location", "effectivePrice", "quantity", "unitOfMeasure", "chargeType", "billingCurrency",
    "pricingCurrency", "costInBillingCurrency", "costInPricingCurrency", "costInUsd",
    "paygCostInBillingCurrency", "exchangeRatePricingToBilling", "additionalInfo", "tags",
    "PayGPrice", "frequency", "pricingModel", "unitPrice", "benefitId",
)  # fmt: skip
GERMAN = (
    "Abonnement-GUID (SubscriptionGuid)", "Ressourcengruppe (ResourceGroup)",
    "UsageDateTime (UsageDateTime)", "Kategorie (MeterCategory)", "Menge (UsageQuantity)",
    "Ressourcensatz (ResourceRate)", "PreTaxCost (PreTaxCost)", "Dienst (ConsumedService)",
    "InstanceId (InstanceId)", "Tags (Tags)", "Currency", "Maßeinheit (UnitOfMeasure)",
)  # fmt: skip


def chosen(headers, **wanted):
    return choose(headers, Wanted(**wanted), "part.csv")


def read_as(columns):
    return {name: columns.headers[place] for name, place in columns.places.items()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            PAY_AS_YOU_GO,
            {"account": "SubscriptionGuid", "start": "UsageDateTime", "cost": "PreTaxCost",
             "quantity": "UsageQuantity", "unit_price": "ResourceRate", "currency": "Currency",
             "resource_type": "ResourceType"},
        ),
        (
            ("\ufeffSubscriptionGuid", *PAY_AS_YOU_GO[1:]),
            {"account": "\ufeffSubscriptionGuid"},
        ),
        (
            CUSTOMER_AGREEMENT,
            {"account": "SubscriptionId", "start": "date", "cost": "costInBillingCurrency",
             "currency": "billingCurrency", "resource_group": "resourceGroupName",
             "exchange_rate": "exchangeRatePricingToBilling", "place": "location",
             "invoice": "invoiceId"},
        ),
        (
            GERMAN,
            {"account": "Abonnement-GUID (SubscriptionGuid)", "cost": "PreTaxCost (PreTaxCost)",
             "unit_of_measure": "Maßeinheit (UnitOfMeasure)", "currency": "Currency"},
        ),
    ],
)  # fmt: skip
def test_a_column_is_found_however_it_is_spelt(headers, expected):
    """Case, marks and translations do not matter, and no header is unknown."""
    columns = chosen(headers)

    assert Family.DETAILS is columns.family
    assert expected.items() <= read_as(columns).items()
    assert () == columns.unknown


@pytest.mark.parametrize(
    ("version", "changes"),
    [
        ("1.0-preview", {"RegionId": "Region", "ConsumedQuantity": "UsageQuantity",
                         "ConsumedUnit": "UsageUnit",
                         "CommitmentDiscountStatus": "ChargeSubcategory"}),
        ("1.0", {}),
        ("1.2", {"x_InvoiceId": "InvoiceId", "x_SkuDetails": "SkuPriceDetails",
                 "x_SkuMeterName": "SkuMeter"}),
    ],
)  # fmt: skip
def test_every_version_of_focus_is_read(focus, version, changes):
    """What one calls otherwise means the same."""
    (row,) = focus()
    columns = chosen([changes.get(name, name) for name in row])

    assert Family.FOCUS is columns.family
    assert set(REQUIRED[Family.FOCUS]) < columns.places.keys(), version
    assert {
        "region",
        "quantity",
        "unit",
        "commitment_status",
        "invoice",
        "sku_details",
        "meter",
    } < (columns.places.keys())
    assert () == columns.unknown


def test_missing_columns_are_named_together():
    """Once, as the file would write them, before any row is read."""
    with pytest.raises(FatalError, match=r"part.csv: the header lacks BillingCurrency, .*Cost"):
        chosen([header for header in PAY_AS_YOU_GO if header not in {"Currency", "PreTaxCost"}])


def test_a_column_that_comes_twice_is_refused():
    """Nobody knows which one counts."""
    with pytest.raises(FatalError, match=r"Currency and Währung \(Currency\) are the same column"):
        chosen([*PAY_AS_YOU_GO, "Währung (Currency)"])


def test_unknown_columns_are_reported():
    """Microsoft adds some every year."""
    assert ("CarbonScope9",) == chosen([*PAY_AS_YOU_GO, "CarbonScope9"]).unknown


def test_resources_and_tags_are_read_only_if_they_are_of_use():
    """Without a type of resource its id is needed to tell the service."""
    plain = chosen(PAY_AS_YOU_GO)
    full = chosen(PAY_AS_YOU_GO, resource_ids=True, tags=("Env",))

    assert "resource" not in plain.places
    assert {} == plain.lookups
    assert "resource" in full.places
    assert {"tag:Env"} == full.lookups.keys()
    assert "resource" in chosen(CUSTOMER_AGREEMENT).places
