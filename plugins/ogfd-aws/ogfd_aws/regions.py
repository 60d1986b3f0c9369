"""
AWS Regions: where they are.

Codes and names: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
and ``partitions.json`` of botocore 1.43 (2026, Apache-2.0). Countries are those of the named
places. A location is the OffGridFlow code: the area of the Region's own code in capitals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GLOBAL: Final = "global"
_PARTITIONS: Final = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("eusc-", "aws-eusc"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
)
_GLOBAL_NAMES: Final = frozenset({"global", "any", "worldwide"})
_LEADING_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d")
_ZONE: Final = re.compile(r"([a-z]{2,4}(?:-[a-z]+)+-\d+)-[a-z].*")


@dataclass(frozen=True, slots=True)
class Region:
    """Where a Region is: location code, ISO 3166-1 alpha-2 country, name in price lists."""

    location: str
    country: str | None
    name: str


REGIONS: Final[Mapping[str, Region]] = {
    "af-south-1": Region("AF-SOUTH", "ZA", "Africa (Cape Town)"),
    "ap-east-1": Region("AP-EAST", "HK", "Asia Pacific (Hong Kong)"),
    "ap-east-2": Region("AP-EAST", "TW", "Asia Pacific (Taipei)"),
    "ap-northeast-1": Region("AP-NORTHEAST", "JP", "Asia Pacific (Tokyo)"),
    "ap-northeast-2": Region("AP-NORTHEAST", "KR", "Asia Pacific (Seoul)"),
    "ap-northeast-3": Region("AP-NORTHEAST", "JP", "Asia Pacific (Osaka)"),
    "ap-south-1": Region("AP-SOUTH", "IN", "Asia Pacific (Mumbai)"),
    "ap-south-2": Region("AP-SOUTH", "IN", "Asia Pacific (Hyderabad)"),
    "ap-southeast-1": Region("AP-SOUTHEAST", "SG", "Asia Pacific (Singapore)"),
    "ap-southeast-2": Region("AP-SOUTHEAST", "AU", "Asia Pacific (Sydney)"),
    "ap-southeast-3": Region("AP-SOUTHEAST", "ID", "Asia Pacific (Jakarta)"),
    "ap-southeast-4": Region("AP-SOUTHEAST", "AU", "Asia Pacific (Melbourne)"),
    "ap-southeast-5": Region("AP-SOUTHEAST", "MY", "Asia Pacific (Malaysia)"),
    "ap-southeast-6": Region("AP-SOUTHEAST", "NZ", "Asia Pacific (New Zealand)"),
    "ap-southeast-7": Region("AP-SOUTHEAST", "TH", "Asia Pacific (Thailand)"),
    "ca-central-1": Region("CA-CENTRAL", "CA", "Canada (Central)"),
    "ca-west-1": Region("CA-WEST", "CA", "Canada West (Calgary)"),
    "cn-north-1": Region("CN-NORTH", "CN", "China (Beijing)"),
    "cn-northwest-1": Region("CN-NORTHWEST", "CN", "China (Ningxia)"),
    "eu-central-1": Region("EU-CENTRAL", "DE", "Europe (Frankfurt)"),
    "eu-central-2": Region("EU-CENTRAL", "CH", "Europe (Zurich)"),
    "eu-isoe-west-1": Region("EU-WEST", "GB", "EU ISOE West"),
    "eu-north-1": Region("EU-NORTH", "SE", "Europe (Stockholm)"),
    "eu-south-1": Region("EU-SOUTH", "IT", "Europe (Milan)"),
    "eu-south-2": Region("EU-SOUTH", "ES", "Europe (Spain)"),
    "eu-west-1": Region("EU-WEST", "IE", "Europe (Ireland)"),
    "eu-west-2": Region("EU-WEST", "GB", "Europe (London)"),
    "eu-west-3": Region("EU-WEST", "FR", "Europe (Paris)"),
    "eusc-de-east-1": Region("EU-CENTRAL", "DE", "AWS European Sovereign Cloud (Germany)"),
    "il-central-1": Region("IL-CENTRAL", "IL", "Israel (Tel Aviv)"),
    "me-central-1": Region("ME-CENTRAL", "AE", "Middle East (UAE)"),
    "me-south-1": Region("ME-SOUTH", "BH", "Middle East (Bahrain)"),
    "mx-central-1": Region("MX-CENTRAL", "MX", "Mexico (Central)"),
    "sa-east-1": Region("SA-EAST", "BR", "South America (Sao Paulo)"),
    "us-east-1": Region("US-EAST", "US", "US East (N. Virginia)"),
    "us-east-2": Region("US-EAST", "US", "US East (Ohio)"),
    "us-gov-east-1": Region("US-EAST", "US", "AWS GovCloud (US-East)"),
    "us-gov-west-1": Region("US-WEST", "US", "AWS GovCloud (US-West)"),
    "us-iso-east-1": Region("US-EAST", "US", "US ISO East"),
    "us-iso-west-1": Region("US-WEST", "US", "US ISO West"),
    "us-isob-east-1": Region("US-EAST", "US", "US ISOB East (Ohio)"),
    "us-isob-west-1": Region("US-WEST", "US", "US ISOB West"),
    "us-isof-east-1": Region("US-EAST", "US", "US ISOF East"),
    "us-isof-south-1": Region("US-SOUTH", "US", "US ISOF South"),
    "us-west-1": Region("US-WEST", "US", "US West (N. California)"),
    "us-west-2": Region("US-WEST", "US", "US West (Oregon)"),
    GLOBAL: Region("GLOBAL", None, "Global"),
}


def region_of(
    code: str | None, region: str | None, zone: str | None, place: str | None
) -> str | None:
    """
    Return the Region of a line, ``global``, or None if the line names no place.

    Args:
        code: ``product/regionCode``.
        region: ``product/region``.
        zone: ``lineItem/AvailabilityZone``; local and wavelength zones begin with their Region.
        place: ``product/location``, a Region's name as price lists have it, ``EU`` for ``Europe``
            included; edge locations of CloudFront are other places and name no Region.
    """
    for named in (code, region):
        if named:
            return GLOBAL if named.lower() in _GLOBAL_NAMES else named
    if zone and (found := _LEADING_REGION.match(zone)):
        return found[0]
    return _NAMES.get(place.lower()) if place else None


def where(region: str) -> Region | None:
    """
    Return where *region* is; None if no table knows it.

    Local and wavelength zones, such as ``us-west-2-lax-1`` and ``us-east-1-wl1-bos-wlz-1``, count
    as where their Region is, also if they lie in another country.
    https://docs.aws.amazon.com/local-zones/latest/ug/available-local-zones.html
    """
    if (known := REGIONS.get(region)) is None and (zone := _ZONE.fullmatch(region)):
        return REGIONS.get(zone[1])
    return known


def partition_of(region: str) -> str:
    """Return the partition of *region*, as ARNs name it."""
    return next((name for start, name in _PARTITIONS if region.startswith(start)), "aws")


def _names() -> dict[str, str]:
    names = {region.name.lower(): code for code, region in REGIONS.items()}
    names |= {
        name.replace("europe (", "eu ("): code
        for name, code in names.items()
        if name.startswith("europe (")
    }
    return names | dict.fromkeys(_GLOBAL_NAMES, GLOBAL)


_NAMES: Final = _names()
