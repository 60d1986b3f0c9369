"""Regions and services."""

import re

import pytest
from ogfd_gcp.tables.reading import listed, rows_of
from ogfd_gcp.tables.regions import region_of, regions, where
from ogfd_gcp.tables.services import category_of

CATEGORIES = {
    "ai_and_machine_learning", "analytics", "business_applications", "compute", "databases",
    "developer_tools", "identity", "integration", "internet_of_things",
    "management_and_governance", "media", "migration", "mobile", "multicloud", "networking",
    "other", "security", "storage", "web",
}  # fmt: skip
"""https://focus.finops.org/focus-specification/v1-2/#servicecategory"""
AREAS = {"AF", "AP", "CA", "CN", "EU", "GLOBAL", "IL", "ME", "MX", "SA", "US"}


@pytest.mark.parametrize(
    ("text", "region", "location"),
    [
        ("us-central1", "us-central1", "US-CENTRAL"),
        ("us-central1-a", "us-central1", "US-CENTRAL"),
        ("EU", "eu", "EU"),
        ("global", "global", "GLOBAL"),
        ("europe-west12-c", "europe-west12", "EU-SOUTH"),
        ("us-south1-ai1b", "us-south1", "US-SOUTH"),
        ("nam5", "nam5", "US"),
    ],
)
def test_places_lie_where_their_region_lies(text, region, location):
    """A zone is in its region; multi-regions are areas."""
    assert region == region_of(text)
    assert location == where(region).location


def test_what_is_not_known_is_none():
    """And an empty text is no region."""
    assert where("moon-north1") is None
    assert region_of("") is None
    assert region_of(None) is None


def test_codes_are_those_of_all_clouds():
    """An area and a direction; countries are of two letters."""
    for region in regions().values():
        area, _, direction = region.location.partition("-")
        assert area in AREAS
        assert not direction or direction.isupper()
        assert region.country is None or re.fullmatch(r"[A-Z]{2}", region.country)


def test_services_are_told_once_in_categories_of_focus():
    """Ids are as Google writes them, and of one service each."""
    services = list(rows_of("ogfd_gcp.tables", "services.csv"))
    ids = [each for row in services for each in listed(row["ids"])]

    assert {row["category"] for row in services} <= CATEGORIES
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[0-9A-F]{4}(-[0-9A-F]{4}){2}", each) for each in ids)
    assert len(services) == len({row["service"].casefold() for row in services})


@pytest.mark.parametrize(
    ("code", "names", "category"),
    [
        ("C7E2-9256-1C43", ("Vertex AI", "Agent Platform"), "ai_and_machine_learning"),
        ("29E7-DA93-CA13", ("Cloud Functions", "Cloud Run Functions"), "compute"),
        ("58CD-E7C3-72CA", ("Stackdriver Monitoring",), "management_and_governance"),
        ("E505-1604-58F8", ("Networking",), "networking"),
        ("FA26-5236-B8B5", ("Cloud DNS",), "networking"),
    ],
)
def test_services_that_google_renamed_are_what_they_were(code, names, category):
    """Whichever name a bill has."""
    assert {category} == {category_of(code, name) for name in names}


def test_a_service_is_told_by_its_id_then_by_its_name():
    """Google renames services, not their ids."""
    assert "compute" == category_of("152E-C115-5142", "Cloud Run, renamed")
    assert "storage" == category_of("unknown", "cloud storage")
    assert category_of(None, "Cloud Moonbase") is None
