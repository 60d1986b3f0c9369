"""
Columns of cost exports that are known and not read: what they say is not part of an activity.

What neither this table nor `ogfd_aws.cur.fields` knows is named in the log, once a slice. The names
are those of the pages named there, of CUR 2.0 for the families that have them.
"""

from __future__ import annotations

from typing import Final

from ogfd_aws.cur.fields import letters

_LINE_ITEMS: Final = """
    identity_line_item_id identity_time_interval
    bill_bill_type bill_billing_entity bill_billing_period_end_date bill_invoicing_entity
    bill_payer_account_name
    capacity_reservation_capacity_reservation_arn capacity_reservation_capacity_reservation_status
    capacity_reservation_capacity_reservation_type
    line_item_blended_cost line_item_blended_rate line_item_iam_principal line_item_legal_entity
    line_item_line_item_description line_item_net_unblended_cost line_item_net_unblended_rate
    line_item_normalization_factor line_item_normalized_usage_amount line_item_tax_type
    line_item_unblended_rate line_item_user_identifier
    pricing_currency pricing_lease_contract_length pricing_offering_class
    pricing_public_on_demand_cost pricing_public_on_demand_rate pricing_rate_code pricing_rate_id
    reservation_amortized_upfront_cost_for_usage
    reservation_amortized_upfront_fee_for_billing_period reservation_availability_zone
    reservation_end_time reservation_modification_status
    reservation_net_amortized_upfront_cost_for_usage
    reservation_net_amortized_upfront_fee_for_billing_period reservation_net_effective_cost
    reservation_net_recurring_fee_for_usage
    reservation_net_unused_amortized_upfront_fee_for_billing_period
    reservation_net_unused_recurring_fee reservation_net_upfront_value
    reservation_normalized_units_per_reservation reservation_number_of_reservations
    reservation_recurring_fee_for_usage reservation_start_time reservation_subscription_id
    reservation_total_reserved_normalized_units reservation_total_reserved_units
    reservation_units_per_reservation reservation_unused_normalized_unit_quantity
    reservation_unused_quantity reservation_upfront_value
    savings_plan_amortized_upfront_commitment_for_billing_period savings_plan_end_time
    savings_plan_instance_type_family
    savings_plan_net_amortized_upfront_commitment_for_billing_period
    savings_plan_net_recurring_commitment_for_billing_period
    savings_plan_net_savings_plan_effective_cost savings_plan_offering_type
    savings_plan_payment_option savings_plan_purchase_term
    savings_plan_recurring_commitment_for_billing_period savings_plan_region
    savings_plan_savings_plan_a_r_n savings_plan_savings_plan_rate savings_plan_start_time
    split_line_item_actual_usage split_line_item_net_split_cost split_line_item_net_unused_cost
    split_line_item_parent_resource_id split_line_item_public_on_demand_split_cost
    split_line_item_public_on_demand_unused_cost split_line_item_reserved_usage
    split_line_item_split_cost split_line_item_split_usage split_line_item_split_usage_ratio
    split_line_item_unused_cost
    billing_period
"""

_CHARGES: Final = """
    BillingAccountName BillingAccountType BillingPeriodEnd CapacityReservationId
    CapacityReservationStatus ChargeDescription CommitmentDiscountCategory CommitmentDiscountId
    CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountType CommitmentDiscountUnit
    ContractedCost ContractedUnitPrice InvoiceIssuerId InvoiceIssuerName ListCost ListUnitPrice
    PricingCurrency PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost
    PricingCurrencyListUnitPrice PricingQuantity PricingUnit ProviderName PublisherName
    ResourceName ResourceType ServiceSubcategory SkuId SkuPriceId SubAccountType x_Discounts
"""

_FAMILIES: Final = (
    "product",
    "discount",
    "resourcetags",
    "costcategory",
    "tags",
    "xcostcategories",
)
"""They hold whatever products and customers call their things, a column each or a map of all."""

_NOT_READ: Final = frozenset(letters(name) for name in f"{_LINE_ITEMS} {_CHARGES}".split())


def is_known(header: str) -> bool:
    """Return whether *header* is a column of an export of AWS that need not be read."""
    name = letters(header)
    return name in _NOT_READ or name.startswith(_FAMILIES)
