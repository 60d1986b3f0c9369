"""
Line items in the spelling of Athena: legacy reports in Parquet, and CUR 2.0 in CSV and Parquet.

CUR 2.0 has the same columns for everybody. What legacy reports have a column for only where it is
used, most ``product/*``, tags and cost categories, are maps.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ogfd_sandbox.cur.cells import LABELS, Page
from ogfd_sandbox.cur.columns import COLUMNS, NUMBERS, TIMES, athena

_LEGACY: Final[Mapping[str, str]] = {athena(column): column for column in COLUMNS}
_ACCOUNT: Final = "lineItem/UsageAccountId"

_FLAT: Final = """
    bill_bill_type bill_billing_entity bill_billing_period_end_date bill_billing_period_start_date
    bill_invoice_id bill_invoicing_entity bill_payer_account_id bill_payer_account_name
    identity_line_item_id identity_time_interval
    line_item_availability_zone line_item_blended_cost line_item_blended_rate
    line_item_currency_code line_item_legal_entity line_item_line_item_description
    line_item_line_item_type line_item_net_unblended_cost line_item_net_unblended_rate
    line_item_normalization_factor line_item_normalized_usage_amount line_item_operation
    line_item_product_code line_item_resource_id line_item_tax_type line_item_unblended_cost
    line_item_unblended_rate line_item_usage_account_id line_item_usage_account_name
    line_item_usage_amount line_item_usage_end_date line_item_usage_start_date line_item_usage_type
    pricing_currency pricing_lease_contract_length pricing_offering_class
    pricing_public_on_demand_cost pricing_public_on_demand_rate pricing_purchase_option
    pricing_rate_code pricing_rate_id pricing_term pricing_unit
    product_comment product_fee_code product_fee_description product_from_location
    product_from_location_type product_from_region_code product_instance_family
    product_instance_type product_instancesku product_location product_location_type
    product_operation product_pricing_unit product_product_family product_region_code
    product_servicecode product_sku product_to_location product_to_location_type
    product_to_region_code product_usagetype
    reservation_amortized_upfront_cost_for_usage
    reservation_amortized_upfront_fee_for_billing_period reservation_effective_cost
    reservation_end_time reservation_modification_status
    reservation_normalized_units_per_reservation reservation_number_of_reservations
    reservation_recurring_fee_for_usage reservation_reservation_a_r_n reservation_start_time
    reservation_subscription_id reservation_total_reserved_normalized_units
    reservation_total_reserved_units reservation_units_per_reservation
    reservation_unused_amortized_upfront_fee_for_billing_period
    reservation_unused_normalized_unit_quantity reservation_unused_quantity
    reservation_unused_recurring_fee reservation_upfront_value
    savings_plan_amortized_upfront_commitment_for_billing_period savings_plan_offering_type
    savings_plan_payment_option savings_plan_purchase_term
    savings_plan_recurring_commitment_for_billing_period savings_plan_region
    savings_plan_savings_plan_a_r_n savings_plan_savings_plan_effective_cost
    savings_plan_savings_plan_rate savings_plan_total_commitment_to_date
    savings_plan_used_commitment
"""
FLAT: Final = tuple(_FLAT.split())

MAPS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "cost_category": ("tags", {
        column: athena(column.partition("/")[2]).strip("_")
        for column in COLUMNS if column.startswith("costCategory/")
    }),
    "product": ("template", {
        column: athena(column.partition("/")[2]).strip("_")
        for column in COLUMNS
        if column.startswith("product/") and athena(column) not in FLAT
    }),
    "resource_tags": ("tags", {
        column: athena(column.partition("/")[2])
        for column in COLUMNS if column.startswith("resourceTags/")
    }),
}  # fmt: skip
"""Map column to the dictionary it comes of, and its columns with their keys."""

CUR2: Final = tuple(sorted([*FLAT, *MAPS, "discount"]))


def legacy_table(page: Page, columns: Sequence[str]) -> pa.Table:
    """Return *page* as a legacy report in Parquet has it; *columns* in the legacy spelling."""
    return pa.table({athena(column): _typed(page, column) for column in columns})


def cur2_table(page: Page, *, as_text: bool) -> pa.Table:
    """Return *page* as CUR 2.0; *as_text*: for CSV, where maps are JSON and numbers exact."""
    return pa.table({name: _cur2(page, name, as_text=as_text) for name in CUR2})


def _cur2(page: Page, name: str, *, as_text: bool) -> pa.Array:
    if name in MAPS:
        home, keys = MAPS[name]
        return page.labels(home, keys, as_json=as_text)
    if name == "discount":
        return pa.nulls(len(page.lines), pa.string() if as_text else LABELS)
    if name == "line_item_usage_account_name":
        return pc.binary_join_element_wise("account", page.text(_ACCOUNT), " ")
    column = _LEGACY.get(name, "")
    return page.text(column) if as_text else _typed(page, column)


def _typed(page: Page, column: str) -> pa.Array:
    if column in TIMES:
        return page.instant(column)
    return page.number(column) if column in NUMBERS else page.text(column)
