"""
The columns of every dataset, in Azure's order and spelling, and the types they have in Parquet.

https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/schema-index, 2025-06;
https://github.com/microsoft/finops-toolkit, export schemas of 2026 (MIT), for types.
"""

from __future__ import annotations

from typing import Final, Literal

Type = Literal["text", "number", "time", "flag"]

_EA: Final = """
    InvoiceSectionName AccountName AccountOwnerId SubscriptionId SubscriptionName ResourceGroup
    ResourceLocation Date ProductName MeterCategory MeterSubCategory MeterId MeterName MeterRegion
    UnitOfMeasure Quantity EffectivePrice CostInBillingCurrency CostCenter ConsumedService
    ResourceId Tags OfferId AdditionalInfo ServiceInfo1 ServiceInfo2 ResourceName ReservationId
    ReservationName UnitPrice ProductOrderId ProductOrderName Term PublisherType PublisherName
    ChargeType Frequency PricingModel AvailabilityZone BillingAccountId BillingAccountName
    BillingCurrencyCode BillingPeriodStartDate BillingPeriodEndDate BillingProfileId
    BillingProfileName InvoiceSectionId IsAzureCreditEligible PartNumber PayGPrice PlanName
    ServiceFamily CostAllocationRuleName benefitId benefitName AccountId
    ResourceLocationNormalized
    """
EA: Final = tuple(_EA.split())
"""Cost and usage details of enterprise agreements, version 2024-08-01: 57 columns."""

_MCA: Final = """
    invoiceId previousInvoiceId billingAccountId billingAccountName billingProfileId
    billingProfileName invoiceSectionId invoiceSectionName resellerName resellerMpnId costCenter
    billingPeriodEndDate billingPeriodStartDate servicePeriodEndDate servicePeriodStartDate date
    serviceFamily productOrderId productOrderName consumedService meterId meterName meterCategory
    meterSubCategory meterRegion ProductId ProductName SubscriptionId subscriptionName
    publisherType publisherId publisherName resourceGroupName ResourceId resourceLocation location
    effectivePrice quantity unitOfMeasure chargeType billingCurrency pricingCurrency
    costInBillingCurrency costInPricingCurrency costInUsd paygCostInBillingCurrency paygCostInUsd
    exchangeRatePricingToBilling exchangeRateDate isAzureCreditEligible serviceInfo1 serviceInfo2
    additionalInfo tags PayGPrice frequency term reservationId reservationName pricingModel
    unitPrice costAllocationRuleName benefitId benefitName provider
    """
MCA: Final = tuple(_MCA.split())
"""Cost and usage details of customer agreements, version 2023-12-01-preview: 65 columns."""

_FOCUS_1_0: Final = """
    BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency
    BillingPeriodEnd BillingPeriodStart ChargeCategory ChargeClass ChargeDescription
    ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory
    CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus CommitmentDiscountType
    ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost
    InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingQuantity PricingUnit
    ProviderName PublisherName RegionId RegionName ResourceId ResourceName ResourceType
    ServiceCategory ServiceName SkuId SkuPriceId SubAccountId SubAccountName SubAccountType Tags
    x_AccountId x_AccountName x_AccountOwnerId x_BilledCostInUsd x_BilledUnitPrice
    x_BillingAccountId x_BillingAccountName x_BillingExchangeRate x_BillingExchangeRateDate
    x_BillingProfileId x_BillingProfileName x_ContractedCostInUsd x_CostAllocationRuleName
    x_CostCenter x_CustomerId x_CustomerName x_EffectiveCostInUsd x_EffectiveUnitPrice x_InvoiceId
    x_InvoiceIssuerId x_InvoiceSectionId x_InvoiceSectionName x_ListCostInUsd
    x_PartnerCreditApplied x_PartnerCreditRate x_PricingBlockSize x_PricingCurrency
    x_PricingSubcategory x_PricingUnitDescription x_PublisherCategory x_PublisherId x_ResellerId
    x_ResellerName x_ResourceGroupName x_ResourceType x_ServicePeriodEnd x_ServicePeriodStart
    x_SkuDescription x_SkuDetails x_SkuIsCreditEligible x_SkuMeterCategory x_SkuMeterId
    x_SkuMeterName x_SkuMeterSubcategory x_SkuOfferId x_SkuOrderId x_SkuOrderName x_SkuPartNumber
    x_SkuRegion x_SkuServiceFamily x_SkuTerm x_SkuTier
    """
FOCUS_1_0: Final = tuple(_FOCUS_1_0.split())
"""FOCUS 1.0 and 1.0r2: 96 columns."""

_GONE_IN_1_2: Final = frozenset(
    {"x_InvoiceId", "x_PricingCurrency", "x_SkuDetails", "x_SkuMeterName"}
)
_NEW_IN_1_2: Final = """
    CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity
    CommitmentDiscountUnit InvoiceId PricingCurrency ServiceSubcategory SkuMeter SkuPriceDetails
    x_AmortizationClass x_ServiceModel x_SkuPlanName
    """
FOCUS_1_2: Final = tuple(
    sorted(
        [*(name for name in FOCUS_1_0 if name not in _GONE_IN_1_2), *_NEW_IN_1_2.split()],
        key=lambda name: (name.startswith("x_"), name),
    )
)
"""FOCUS 1.2: 104 columns."""

_NUMBERS: Final = """
    quantity effectiveprice costinbillingcurrency unitprice paygprice costinpricingcurrency
    costinusd paygcostinbillingcurrency paygcostinusd exchangeratepricingtobilling billedcost
    consumedquantity contractedcost contractedunitprice effectivecost listcost listunitprice
    pricingquantity x_billedcostinusd x_billedunitprice x_billingexchangerate
    x_contractedcostinusd x_effectivecostinusd x_effectiveunitprice x_listcostinusd
    x_pricingblocksize commitmentdiscountquantity
    """
_TIMES: Final = """
    date billingperiodstartdate billingperiodenddate serviceperiodstartdate serviceperiodenddate
    exchangeratedate billingperiodend billingperiodstart chargeperiodend chargeperiodstart
    x_billingexchangeratedate x_serviceperiodend x_serviceperiodstart
    """
_FLAGS: Final = frozenset({"isazurecrediteligible", "x_skuiscrediteligible"})


def type_of(column: str) -> Type:
    """Return the type that *column* has in Parquet."""
    name = column.lower()
    if name in _NUMBERS.split():
        return "number"
    if name in _TIMES.split():
        return "time"
    return "flag" if name in _FLAGS else "text"
