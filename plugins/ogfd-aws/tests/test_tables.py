"""Regions and services."""

import re

import botocore.session
import pytest
from ogfd_aws.regions import REGIONS
from ogfd_aws.services import CATEGORIES, WITHOUT_REGION

FOCUS = {
    "ai_and_machine_learning", "analytics", "business_applications", "compute", "databases",
    "developer_tools", "identity", "integration", "internet_of_things",
    "management_and_governance", "media", "migration", "mobile", "multicloud", "networking",
    "security", "storage", "web", "other",
}  # fmt: skip


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_every_region_of_the_sdk_is_known(partition):
    """A new release of the SDK that knows more fails here."""
    known = botocore.session.get_session().get_available_regions("s3", partition)

    assert set() == set(known) - set(REGIONS)
    assert known


def test_locations_and_countries_are_well_formed():
    """Codes in capitals, ISO 3166-1 alpha-2."""
    for code, region in REGIONS.items():
        assert re.fullmatch(r"[A-Z]{2}(-[A-Z]+)+|GLOBAL", region.location), code
        assert region.country is None or re.fullmatch("[A-Z]{2}", region.country), code


def test_categories_are_those_of_focus():
    """In snake_case."""
    assert set(CATEGORIES.values()) <= FOCUS


def test_global_services_are_known_services():
    """No stray codes."""
    assert set(WITHOUT_REGION) <= set(CATEGORIES)
