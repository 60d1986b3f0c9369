"""The names of columns, and which of them a file must have."""

import pytest
from ogfd_aws.cur.columns import choose
from ogfd_aws.cur.fields import REQUIRED, Family, canonical

from ogfd.plugin import FatalError, Wanted

HEADERS = [
    "bill/PayerAccountId",
    "bill/BillingPeriodStartDate",
    "lineItem/UsageAccountId",
    "lineItem/LineItemType",
    "lineItem/UsageStartDate",
    "lineItem/UsageEndDate",
    "lineItem/ProductCode",
    "lineItem/UsageType",
    "lineItem/Operation",
    "lineItem/UsageAmount",
    "lineItem/CurrencyCode",
    "lineItem/UnblendedCost",
]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("lineItem/UsageType", "line_item_usage_type"),
        ("lineItem/LineItemType", "line_item_line_item_type"),
        ("savingsPlan/SavingsPlanARN", "savings_plan_savings_plan_a_r_n"),
        ("reservation/ReservationARN", "reservation_reservation_a_r_n"),
        ("product/ProductName", "product_product_name"),
        ("product/regionCode", "product_region_code"),
        ("pricing/publicOnDemandCost", "pricing_public_on_demand_cost"),
        ("resourceTags/user:Name", "resource_tags_user_name"),
        ("resourceTags/aws:createdBy", "resource_tags_aws_created_by"),
        ("costCategory/Charge type", "cost_category_charge_type"),
        ("line_item_usage_type", "line_item_usage_type"),
    ],
)
def test_a_header_has_the_name_that_athena_gives_it(header, name):
    """The rule of AWS's Parquet and Athena names; a name that is canonical stays."""
    assert name == canonical(header)


def test_required_columns_are_found_by_their_headers():
    """Every required column has a place, in the order of the file."""
    columns = choose(HEADERS, Wanted(), "f")

    assert dict.fromkeys(REQUIRED[Family.CUR]).keys() == columns.places.keys()
    assert HEADERS.index("lineItem/UnblendedCost") == columns.places["billed"]


def test_headers_match_without_regard_to_case():
    """Writers differ: SavingsPlanARN and SavingsPlanArn, lineItem and LineItem."""
    columns = choose(
        [*(header.upper() for header in HEADERS), "reservation/ReservationArn"], Wanted(), "f"
    )

    assert 12 == columns.places["reservation"]


def test_missing_columns_are_all_named():
    """The error names the file and every column that is missing."""
    with pytest.raises(FatalError, match=r"f: .*lineItem/CurrencyCode, lineItem/UnblendedCost"):
        choose(HEADERS[:-2], Wanted(), "f")


def test_a_header_that_comes_twice_is_refused():
    """Which of the two is right cannot be known."""
    with pytest.raises(FatalError, match="f: the header has lineItem/UsageType more than once"):
        choose([*HEADERS, "lineItem/UsageType"], Wanted(), "f")


def test_two_spellings_of_a_money_column_are_refused():
    """They would be the same column."""
    with pytest.raises(FatalError, match=r"UnblendedCost and lineItem/unblendedCost are the same"):
        choose([*HEADERS, "lineItem/unblendedCost"], Wanted(), "f")


def test_two_tags_that_canonicalise_alike_are_two_tags():
    """Tag keys differ by case."""
    headers = [*HEADERS, "resourceTags/user:Env", "resourceTags/user:env"]
    columns = choose(headers, Wanted(tags=("Env", "user:env")), "f")

    assert (12, 13) == (columns.places["tag:Env"], columns.places["tag:user:env"])


def test_a_tag_is_wanted_with_or_without_user():
    """`Name` means the operator's own tag; cost categories are named in full."""
    headers = [*HEADERS, "resourceTags/aws:createdBy", "resourceTags/user:Name", "costCategory/CC"]
    columns = choose(headers, Wanted(tags=("Name", "aws:createdBy", "costCategory/CC", "No")), "f")

    found = {name: place for name, place in columns.places.items() if name.startswith("tag:")}
    assert {"tag:Name": 13, "tag:aws:createdBy": 12, "tag:costCategory/CC": 14} == found


def test_a_column_of_the_report_is_no_tag():
    """A wanted tag called like a column does not get the column."""
    columns = choose(HEADERS, Wanted(tags=("lineItem/UsageType",)), "f")

    assert "tag:lineItem/UsageType" not in columns.places


def test_resource_ids_are_read_only_if_wanted():
    """They are the widest column of a report."""
    headers = [*HEADERS, "lineItem/ResourceId"]

    assert "resource" not in choose(headers, Wanted(), "f").places
    assert 12 == choose(headers, Wanted(resource_ids=True), "f").places["resource"]
