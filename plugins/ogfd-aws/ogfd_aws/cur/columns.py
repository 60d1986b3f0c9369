"""Which columns of a report are read, and the one name that each has in every format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ogfd.plugin import FatalError, Wanted

REQUIRED: Final = (
    "bill_payer_account_id",
    "bill_billing_period_start_date",
    "line_item_usage_account_id",
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_operation",
    "line_item_usage_amount",
    "line_item_currency_code",
    "line_item_unblended_cost",
)
"""In every report, see https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html."""

OPTIONAL: Final = (
    "bill_invoice_id",
    "line_item_availability_zone",
    "product_product_name",
    "product_product_family",
    "product_instance_type",
    "product_region_code",
    "product_region",
    "product_location",
    "pricing_purchase_option",
    "pricing_term",
    "pricing_unit",
    "reservation_reservation_a_r_n",
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
)
"""Absent when they would be empty: AWS leaves out the columns that an account has no use for."""

NUMBERS: Final = frozenset(
    {
        "line_item_usage_amount",
        "line_item_unblended_cost",
        "reservation_effective_cost",
        "reservation_unused_amortized_upfront_fee_for_billing_period",
        "reservation_unused_recurring_fee",
        "savings_plan_savings_plan_effective_cost",
        "savings_plan_total_commitment_to_date",
        "savings_plan_used_commitment",
    }
)

_EXACT: Final = NUMBERS.union(REQUIRED)
# Of two spellings of any other column the first is taken.

RESOURCE: Final = "line_item_resource_id"
TAG: Final = "tag:"


def canonical(header: str) -> str:
    """
    Return the name that a column of the CSV report has in Athena, Parquet and CUR 2.0.

    ``lineItem/UsageType`` is ``line_item_usage_type``. Every upper-case letter begins a word, so
    ``savingsPlan/SavingsPlanARN`` is ``savings_plan_savings_plan_a_r_n``. The rule loses case and
    punctuation: two tags may get one name.
    """
    words = re.sub(r"([A-Z])", r"_\1", header.replace("/", "_"))
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", words.lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """
    The columns to read from one file.

    Attributes:
        headers: every header of the file, as it is written.
        places: canonical name, or ``tag:`` and the wanted key, to the column's place in the file.
    """

    headers: tuple[str, ...]
    places: Mapping[str, int]

    def header(self, name: str) -> str:
        """Return how the file writes the column *name*, for messages."""
        return self.headers[self.places[name]] if name in self.places else name


def choose(headers: Sequence[str], wanted: Wanted, file: str) -> Columns:
    """
    Find the columns of a report in the header of *file*.

    Raises:
        FatalError: if a required column is missing, or a header or a column comes twice.
    """
    if len(set(headers)) != len(headers):
        twice = sorted({header for header in headers if headers.count(header) > 1})
        raise FatalError(f"{file}: the header has {', '.join(twice)} more than once")
    names = [*REQUIRED, *OPTIONAL, *((RESOURCE,) if wanted.resource_ids else ())]
    by_letters = {_letters(name): name for name in names}
    places: dict[str, int] = {}
    for place, header in enumerate(headers):
        name = by_letters.get(_letters(canonical(header)))
        if name is None:
            continue
        if name in places and name in _EXACT:
            raise FatalError(
                f"{file}: {headers[places[name]]} and {header} are the same column {name}"
            )
        places.setdefault(name, place)
    if missing := [name for name in REQUIRED if name not in places]:
        raise FatalError(
            f"{file}: the header lacks {', '.join(map(_as_in_csv, missing))}",
            hint="the file is no legacy Cost and Usage Report, or its header is damaged",
        )
    return Columns(headers=tuple(headers), places=places | _tags(headers, wanted.tags))


def _as_in_csv(name: str) -> str:
    """Spell a required column as AWS does in CSV files, such as ``lineItem/UnblendedCost``."""
    category = "lineItem" if name.startswith("line_item_") else "bill"
    words = name.removeprefix("line_item_").removeprefix("bill_").split("_")
    return f"{category}/{''.join(word.capitalize() for word in words)}"


def _letters(name: str) -> str:
    # ``SavingsPlanARN`` and ``SavingsPlanArn`` differ in underscores once they are canonical.
    return name.replace("_", "")


def _tags(headers: Sequence[str], tags: Sequence[str]) -> dict[str, int]:
    """Find tags by the key that AWS writes, ``user:Name``, or without ``user:``."""
    known = {header: place for place, header in enumerate(headers)}
    places = {}
    for tag in tags:
        for header in (f"resourceTags/{tag}", f"resourceTags/user:{tag}", tag):
            if header in known and (header != tag or tag.startswith("costCategory/")):
                places[TAG + tag] = known[header]
                break
    return places
