"""Regions and services."""

import re

import botocore.session
import pytest
from ogfd_aws.regions import REGIONS, partition_of
from ogfd_aws.services import CATEGORIES, NAMES, WITHOUT_REGION, Service, category_of, service_of
from ogfd_sandbox.cur.catalog import OFFERS

FOCUS = {
    "ai_and_machine_learning", "analytics", "business_applications", "compute", "databases",
    "developer_tools", "identity", "integration", "internet_of_things",
    "management_and_governance", "media", "migration", "mobile", "multicloud", "networking",
    "security", "storage", "web", "other",
}  # fmt: skip


def partitions():
    """Return the Regions of the SDK by partition."""
    loader = botocore.session.get_session().get_component("data_loader")
    told = loader.load_data("endpoints")["partitions"]
    return {one["partition"]: set(one["regions"]) for one in told}


def test_every_region_of_the_sdk_is_known():
    """A new release of the SDK that knows more fails here."""
    known = {region for regions in partitions().values() for region in regions}

    assert set() == known - set(REGIONS)
    assert {"global"} == set(REGIONS) - known


def test_every_region_is_in_its_partition():
    """ARNs name it."""
    found = {region: name for name, regions in partitions().items() for region in regions}

    assert found == {region: partition_of(region) for region in found}


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


def test_every_service_has_a_name():
    """That of reports; one that says nothing would fall together with others."""
    assert set(CATEGORIES) == set(NAMES)
    assert all(name.strip() == name != "" for name in NAMES.values())


def test_services_are_named_as_reports_name_them():
    """Whatever the sandbox sells has the name that real reports have."""
    sold = {offer.code: offer.name for offer in OFFERS if offer.code in NAMES}

    assert len(sold) > 10
    assert sold == {code: NAMES[code] for code in sold}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("AmazonEC2", Service("Amazon Elastic Compute Cloud", "compute")),
        ("Amazon Elastic Compute Cloud", Service("Amazon Elastic Compute Cloud", "compute")),
        ("AmazonECR", Service("Amazon EC2 Container Registry (ECR)", "compute")),
        ("AmazonCloudWatch", Service("AmazonCloudWatch", "management_and_governance")),
        ("5hnnev4d0v7mapf09j0v8of0o2", None),
        ("", None),
    ],
)
def test_a_service_is_found_by_code_and_by_name(named, expected):
    """Carbon has codes, cost has names."""
    assert expected == service_of(named)


def test_codes_of_one_name_have_one_category():
    """Or a name would mean either."""
    for code, name in NAMES.items():
        assert CATEGORIES[code] == service_of(name).category, code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AmazonS3", "storage"),
        ("5hnnev4d0v7mapf09j0v8of0o2", "other"),
        ("AmazonNovelty", None),
        ("anewserviceofamazonwithalongname", None),
    ],
)
def test_products_of_the_marketplace_are_no_unknown_services(code, expected):
    """Their codes are random, letters and digits."""
    assert expected == category_of(code)
