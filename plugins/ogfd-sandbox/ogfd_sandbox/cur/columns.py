"""The columns of line items, in AWS's order and spelling, and which file has which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ogfd_sandbox.cur.wording import LATE_TAG, NEW_TAG

_NAMES: Final[Mapping[str, str]] = {
    "identity": "LineItemId TimeInterval",
    "bill": (
        "InvoiceId InvoicingEntity BillingEntity BillType PayerAccountId BillingPeriodStartDate "
        "BillingPeriodEndDate"
    ),
    "lineItem": (
        "UsageAccountId LineItemType UsageStartDate UsageEndDate ProductCode UsageType Operation "
        "AvailabilityZone ResourceId UsageAmount NormalizationFactor NormalizedUsageAmount "
        "CurrencyCode UnblendedRate UnblendedCost BlendedRate BlendedCost LineItemDescription "
        "TaxType LegalEntity"
    ),
    "product": (
        "ProductName availability cacheEngine clockSpeed currentGeneration databaseEngine "
        "dedicatedEbsThroughput deploymentOption durability ecu engineCode "
        "enhancedNetworkingSupported eventType feeCode feeDescription fromLocation "
        "fromLocationType fromRegionCode group groupDescription instanceFamily instanceType "
        "instanceTypeFamily licenseModel location locationType maxIopsvolume maxVolumeSize memory "
        "messageDeliveryFrequency networkPerformance operatingSystem operation physicalProcessor "
        "preInstalledSw processorFeatures productFamily queueType region regionCode routingTarget "
        "routingType servicecode servicename sku storageClass storageMedia tenancy toLocation "
        "toLocationType transferType usagetype vcpu version volumeApiName volumeType"
    ),
    "pricing": (
        "LeaseContractLength OfferingClass PurchaseOption RateCode RateId currency "
        "publicOnDemandCost publicOnDemandRate term unit"
    ),
    "reservation": (
        "AmortizedUpfrontCostForUsage AmortizedUpfrontFeeForBillingPeriod EffectiveCost EndTime "
        "ModificationStatus NormalizedUnitsPerReservation NumberOfReservations "
        "RecurringFeeForUsage ReservationARN StartTime SubscriptionId "
        "TotalReservedNormalizedUnits TotalReservedUnits UnitsPerReservation "
        "UnusedAmortizedUpfrontFeeForBillingPeriod UnusedNormalizedUnitQuantity UnusedQuantity "
        "UnusedRecurringFee UpfrontValue"
    ),
    "savingsPlan": (
        "TotalCommitmentToDate SavingsPlanARN SavingsPlanRate UsedCommitment "
        "SavingsPlanEffectiveCost AmortizedUpfrontCommitmentForBillingPeriod "
        "RecurringCommitmentForBillingPeriod OfferingType PaymentOption PurchaseTerm Region"
    ),
}
_COMMITMENTS: Final = ("reservation/", "savingsPlan/")

COLUMNS: Final = (
    *(f"{category}/{name}" for category, names in _NAMES.items() for name in names.split()),
    "costCategory/Business unit",
    "resourceTags/aws:createdBy",
    LATE_TAG,
    "resourceTags/user:Env",
    "resourceTags/user:Name",
    NEW_TAG,
    "resourceTags/user:Team",
)


NUMBERS: Final = frozenset(
    column
    for column in COLUMNS
    if re.search(
        r"(Cost|Amount|Usage|Factor|/(Unb|B)lendedRate|Commitment(ToDate)?|SavingsPlanRate|"
        r"ForBillingPeriod|Unused\w+|Value)$",
        column,
    )
)
"""Numbers in Parquet files; other columns of figures, such as a number of units, are texts."""

TIMES: Final = frozenset(
    column for column in COLUMNS if re.match(r"(bill|lineItem)/.*Date$", column)
)


def athena(column: str) -> str:
    """Return the name that a column has in Parquet, Athena and CUR 2.0."""
    words = re.sub("[^a-z0-9]+", "_", re.sub("([A-Z])", r"_\1", column).lower())
    return re.sub("_+", "_", words)


def columns_of(*, commitments: bool, late_tag: bool, new_tag: bool) -> tuple[str, ...]:
    """Return the columns of a file that holds such lines; AWS leaves out what nobody uses."""
    left_out = {
        *(column for column in COLUMNS if not commitments and column.startswith(_COMMITMENTS)),
        *(() if late_tag else (LATE_TAG,)),
        *(() if new_tag else (NEW_TAG,)),
    }
    return tuple(column for column in COLUMNS if column not in left_out)
