"""Where regions are, however they are spelt."""

import re

import pytest
from ogfd_azure.tables.regions import Region, region_of, regions, where


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("westeurope", "westeurope"),
        ("West Europe", "westeurope"),
        ("EU West", "westeurope"),
        ("US East", "eastus"),
        ("EastUS", "eastus"),
        ("east us", "eastus"),
        ("EastUS2", "eastus2"),
        (" South Africa North ", "southafricanorth"),
        ("ch north", "switzerlandnorth"),  # without the space it is in China
        ("chnorth", "chinanorth"),
        ("ussouthcentral", "southcentralus"),
        ("Unassigned", "global"),
        ("Global", "global"),
        ("atlantis", None),
        ("", None),
    ],
)
def test_a_region_has_many_spellings(text, region):
    """Those of bills, of the carbon report and of display names mean one region."""
    assert region == region_of(text)


def test_a_region_is_somewhere():
    """Its location is the code that other clouds have for such a place."""
    assert Region("EU-WEST", "NL", "West Europe") == where("westeurope")
    assert Region("EU-WEST", "IE", "North Europe") == where("northeurope")
    assert Region("GLOBAL", None, "Global") == where("global")
    assert Region(None, None, "Azure Stack") == where("azurestack")
    assert where("atlantis") is None


def test_the_whole_table_is_sound():
    """Every region is found by its id and its name, and codes are well-formed."""
    assert len(regions()) == 101
    for code, region in regions().items():
        assert where(region_of(code) or "") is not None
        assert where(region_of(region.name) or "") is not None
        assert region.location is None or re.fullmatch(
            r"[A-Z]{2}(-[A-Z]+)?|GLOBAL", region.location
        )
        assert region.country is None or re.fullmatch(r"[A-Z]{2}", region.country)
