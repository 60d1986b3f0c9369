"""
Columns of cost exports that are known and not read: what they say is not part of an activity.

What neither this table nor `ogfd_azure.exports.fields` knows is reported as unknown. The names are
those of the pages named there; agreements share most of them.
"""

from __future__ import annotations

from typing import Final

from ogfd_azure.exports.fields import column

_DETAILS: Final = """
    AccountId AccountName AccountOwnerId AvailabilityZone benefitId benefitName BillingAccountName
    BillingPeriodEndDate BillingProfileId BillingProfileName CostAllocationRuleName CostCenter
    costInPricingCurrency costInUsd customerName customerTenantId DepartmentName exchangeRateDate
    InvoiceSection InvoiceSectionId InvoiceSectionName IsAzureCreditEligible MeterId MeterRegion
    OfferId partnerEarnedCreditApplied partnerEarnedCreditRate partnerName partnerTenantId PartNumber
    paygCostInBillingCurrency paygCostInUsd PayGPrice PlanName previousInvoiceId pricingCurrency
    Product ProductId ProductName ProductOrderId ProductOrderName provider publisherId PublisherName
    ReservationId ReservationName resellerMpnId resellerName ResourceName ServiceInfo1 ServiceInfo2
    ServiceName servicePeriodEndDate servicePeriodStartDate ServiceTier Tags Term UnitPrice
"""

_CHARGES: Final = """
    AvailabilityZone BillingAccountName BillingAccountType BillingPeriodEnd CapacityReservationId
    CapacityReservationStatus ChargeDescription CommitmentDiscountCategory CommitmentDiscountName
    CommitmentDiscountQuantity CommitmentDiscountType CommitmentDiscountUnit ContractedCost
    ContractedUnitPrice InvoiceIssuerName ListCost ListUnitPrice PricingCurrency PricingUnit
    ProviderName PublisherName RegionName ResourceName ResourceType ServiceSubcategory SkuId SkuPriceId
    SubAccountType Tags
    x_AccountId x_AccountName x_AccountOwnerId x_AmortizationClass x_BilledCostInUsd x_BilledUnitPrice
    x_BillingAccountName x_BillingExchangeRateDate x_BillingProfileId x_BillingProfileName x_ChargeId
    x_ContractedCostInUsd x_CostAllocationRuleName x_CostCenter x_CustomerId x_CustomerName
    x_EffectiveCostInUsd x_InvoiceIssuerId x_InvoiceSectionId x_InvoiceSectionName x_ListCostInUsd
    x_OnDemandCost x_OnDemandCostInUsd x_OnDemandUnitPrice x_PartnerCreditApplied
    x_PartnerCreditRate x_PricingCurrency x_PricingSubcategory x_PublisherId
    x_ResellerId x_ResellerName x_ServiceModel x_ServicePeriodEnd x_ServicePeriodStart
    x_SkuDescription x_SkuIsCreditEligible x_SkuMeterId x_SkuOfferId x_SkuOrderId x_SkuOrderName
    x_SkuPartNumber x_SkuPlanName x_SkuRegion x_SkuServiceFamily x_SkuTerm x_SkuTier
"""

_NOT_READ: Final = frozenset(column(name) for name in f"{_DETAILS} {_CHARGES}".split())


def is_known(header: str) -> bool:
    """Return whether *header* is a column of a cost export that need not be read."""
    return column(header) in _NOT_READ
