"""Regions and services."""

import re

import pytest
from ogfd_gcp.tables.regions import region_of, regions, where
from ogfd_gcp.tables.services import category_of

AREAS = {"AF", "AP", "CA", "CN", "EU", "GLOBAL", "IL", "ME", "MX", "SA", "US"}


@pytest.mark.parametrize(
    ("text", "region", "location"),
    [
        ("us-central1", "us-central1", "US-CENTRAL"),
        ("us-central1-a", "us-central1", "US-CENTRAL"),
        ("EU", "eu", "EU"),
        ("global", "global", "GLOBAL"),
        ("europe-west12-c", "europe-west12", "EU-SOUTH"),
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


def test_a_service_is_told_by_its_id_then_by_its_name():
    """Google renames services, not their ids."""
    assert "compute" == category_of("152E-C115-5142", "Cloud Run, renamed")
    assert "storage" == category_of("unknown", "cloud storage")
    assert category_of(None, "Cloud Moonbase") is None
