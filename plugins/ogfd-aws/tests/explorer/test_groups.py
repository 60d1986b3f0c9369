"""What keys of groups become."""

import pytest
from ogfd_aws.config import _DIMENSIONS, AwsConfig
from ogfd_aws.explorer.groups import _MEANINGS, Group
from pydantic import ValidationError


def meaning(group, key):
    return Group.parse(group).meaning(key)


@pytest.mark.parametrize(
    ("group", "key", "columns"),
    [
        ("LINKED_ACCOUNT", "012345678901", {"account_id": "012345678901"}),
        ("OPERATION", "RunInstances", {"operation": "RunInstances"}),
        ("INSTANCE_TYPE", "m5.large", {"machine_type": "m5.large"}),
        ("INSTANCE_TYPE", "NoInstanceType", {"machine_type": None}),
        ("USAGE_TYPE", "", {"sku": None}),
        ("REGION", "NoRegion", {}),
        ("REGION", "eu-west-1", {"region": "eu-west-1", "location": "EU-WEST", "country": "IE"}),
        ("AZ", "eu-west-1b", {"region": "eu-west-1", "location": "EU-WEST", "country": "IE"}),
        ("AZ", "NoAZ", {}),
        ("RECORD_TYPE", "SavingsPlanUpfrontFee", {"charge_category": "purchase"}),
        ("RECORD_TYPE", "Recurring", {"charge_category": "purchase"}),
        ("RECORD_TYPE", "Private Rate Card Discount", {"charge_category": "usage"}),
        ("RECORD_TYPE", "Refund", {"charge_category": "adjustment"}),
    ],
)
def test_a_dimension_becomes_columns(group, key, columns):
    """None of these is unknown."""
    found = meaning(group, key)

    assert (columns, None) == (found.columns, found.unknown)


def test_every_dimension_that_may_be_configured_means_something():
    """The list of the configuration and the table of meanings are one."""
    assert _DIMENSIONS == tuple(_MEANINGS)
    for name in _DIMENSIONS:
        assert (name,) == AwsConfig(cost_explorer={"group_by": [name]}).cost_explorer.group_by


@pytest.mark.parametrize(
    ("group", "key", "unknown", "columns"),
    [
        ("SERVICE", "Odd", ("service", "Odd"), {"service": "Odd", "category": "other"}),
        ("RECORD_TYPE", "Odd", ("charge_category", "Odd"), {"charge_category": "adjustment"}),
        (
            "REGION", "mars-1", ("region", "mars-1"),
            {"region": "mars-1", "location": None, "country": None},
        ),
    ],
)  # fmt: skip
def test_what_no_table_knows_is_kept_and_named(group, key, unknown, columns):
    """It is never dropped."""
    found = meaning(group, key)

    assert (unknown, columns) == (found.unknown, found.columns)


@pytest.mark.parametrize(
    ("group", "key", "tags"),
    [
        ("TAG:team", "team$blue", {"team": "blue"}),
        ("TAG:team", "team$", {}),
        ("TAG:user:Name", "user:Name$a$b", {"user:Name": "a$b"}),
        ("COST_CATEGORY:Unit", "Unit$Ops", {"costCategory/Unit": "Ops"}),
    ],
)
def test_tags_and_cost_categories_become_tags(group, key, tags):
    """Spelt as the tables of cost exports spell them."""
    assert tags == meaning(group, key).tags


def test_groups_are_defined_as_the_api_wants_it():
    """Type and key."""
    texts = ("SERVICE", "TAG:team", "COST_CATEGORY:Unit")
    assert [
        {"Type": "DIMENSION", "Key": "SERVICE"},
        {"Type": "TAG", "Key": "team"},
        {"Type": "COST_CATEGORY", "Key": "Unit"},
    ] == [Group.parse(text).definition for text in texts]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"group_by": ["TENANCY"]}, "'TENANCY' cannot be grouped by; write one of SERVICE"),
        ({"group_by": ["TAG:"]}, "'TAG:' cannot be grouped by"),
        ({"group_by": ["SERVICE", "SERVICE"]}, "SERVICE comes twice"),
        ({"group_by": []}, "at least 1 item"),
        ({"group_by": ["SERVICE", "AZ", "REGION"]}, "at most 2 items"),
        ({"monthly_budget_usd": -1}, "greater than or equal to 0"),
        ({"monthly_budget_usd": "inf"}, "finite"),
    ],
)
def test_a_table_that_cannot_be_is_refused(keys, message):
    """Before anything is asked."""
    with pytest.raises(ValidationError, match=message):
        AwsConfig(cost_explorer=keys)


def test_govcloud_has_no_cost_explorer():
    """Where its cost is, is said instead."""
    with pytest.raises(ValidationError, match="standard account that pays for it"):
        AwsConfig(region="us-gov-west-1", cost_explorer={})


def test_the_groups_shape_the_rows_and_the_budget_does_not():
    """Other groups make another recipe."""
    config = AwsConfig(cost_explorer={"group_by": ["REGION"]})

    assert {"group_by": ["REGION"]} == config.cost_explorer.shaping()
