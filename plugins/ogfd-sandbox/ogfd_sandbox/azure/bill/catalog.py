"""
What the imaginary customer can buy: regions, offers and resources, worded as Azure words them.

Prices are of the right size, not the right prices; nothing here is for billing anybody. A price is
per *unit*, which may be a block: ``10K`` is ten thousand operations.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Shape = Literal["hours", "count", "fine"]
"""How usage looks: up to a day of hours, a number with four decimals, what meters of bytes give."""


_SHAPES: Final[Mapping[str, Shape]] = {"hours": "hours", "count": "count", "fine": "fine"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """
    A region.

    Attributes:
        id: as FOCUS has it.
        name: as FOCUS has it.
        location: as cost details normalise it.
        spellings: as resource providers send it.
        meter: ``MeterRegion``, which may be another place's name.
        level: price level in tenths.
    """

    id: str
    name: str
    location: str
    spellings: tuple[str, ...]
    meter: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    A meter.

    Attributes:
        category: ``MeterCategory``.
        subcategory: ``MeterSubCategory``.
        meter: ``MeterName``.
        family: ``ServiceFamily``.
        unit: ``UnitOfMeasure``.
        block: how many of *distinct* one *unit* is.
        distinct: the unit of physical usage.
        rate: list price of one unit in the cheapest region, a decimal of at most five digits; of
            at most two if the shape is ``fine``.
        shape: how usage looks.
        most: the largest usage of one row, in units.
        machine: the size, if commitments can cover it.
        regional: whether the meter has a region, and its prices the region's level.
    """

    category: str
    subcategory: str
    meter: str
    family: str
    unit: str
    block: int
    distinct: str
    rate: str
    shape: Shape
    most: int
    machine: str = ""
    regional: bool = True

    def meter_id(self, region: Region | None) -> str:
        """Return the id of the meter where resources are in *region*."""
        where = region.id if region and self.regional else ""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.category}/{self.meter}/{where}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """
    A type of resource and what it is charged for.

    Attributes:
        provider: ``ConsumedService``.
        path: type and names within the provider; ``{name}`` is filled in.
        type: the type's display name.
        service, category, subcategory, model: as FOCUS groups it.
        offers: its meters.
        prefix: what names begin with.
    """

    provider: str
    path: str
    type: str
    service: str
    category: str
    subcategory: str
    model: str
    offers: tuple[Offer, ...]
    prefix: str

    @property
    def type_id(self) -> str:
        """The type's id, such as ``microsoft.compute/virtualmachines``."""
        return "/".join([self.provider, *self.path.split("/")[::2]]).lower()


def _regions() -> tuple[Region, ...]:
    table = """
        eastus             | East US              | US East     | EastUS, US East, eastus | Virginia | 10
        eastus2            | East US 2            | US East 2   | EastUS2, eastus2        | Virginia | 10
        southcentralus     | South Central US     | US South Central | SouthCentralUS, southcentralus | Texas | 11
        westus2            | West US 2            | US West 2   | westus2, WestUS2        | West US 2 | 10
        northeurope        | North Europe         | EU North    | northeurope, EU North   | Dublin   | 11
        westeurope         | West Europe          | EU West     | westeurope, EU West, EuropeWest | EU West | 12
        uksouth            | UK South             | UK South    | uksouth, UK South       | UK South | 12
        germanywestcentral | Germany West Central | DE West Central | germanywestcentral  | DE West Central | 13
        swedencentral      | Sweden Central       | SE Central  | swedencentral           | SE Central | 11
        japaneast          | Japan East           | JA East     | japaneast, JA East      | Tokyo    | 14
        australiaeast      | Australia East       | AU East     | australiaeast, AU East  | Sydney   | 13
        brazilsouth        | Brazil South         | BR South    | brazilsouth, BR South   | BR South | 17
    """
    rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return tuple(
        Region(
            id=row[0],
            name=row[1],
            location=row[2],
            spellings=tuple(spelling.strip() for spelling in row[3].split(",")),
            meter=row[4],
            level=int(row[5]),
        )
        for row in rows
    )


def _machine(series: str, meter: str, size: str, rate: str) -> Offer:
    return Offer(
        category="Virtual Machines",
        subcategory=series,
        meter=meter,
        family="Compute",
        unit="1 Hour",
        block=1,
        distinct="Hours",
        rate=rate,
        shape="hours",
        most=24,
        machine=size,
    )


def _offer(words: str) -> Offer:
    """Return the meter of *words*, which are the first fields of `Offer` and no machine."""
    category, subcategory, meter, family, unit, block, distinct, rate, shape, most = words.split(
        " | "
    )
    return Offer(
        category=category,
        subcategory=subcategory,
        meter=meter,
        family=family,
        unit=unit,
        block=int(block),
        distinct=distinct,
        rate=rate,
        shape=_SHAPES[shape],
        most=int(most),
        regional=category != "Bandwidth",
    )


RESERVABLE: Final = "Standard_D2s_v5"
"""The size that reservations are for; savings plans cover the others."""

_BANDWIDTH: Final = _offer(
    "Bandwidth | Inter-Region | Intra Continent Data Transfer Out | Networking | 1 GB | 1 | GB | 0.02 | fine | 80"
)

REGIONS: Final = _regions()


def _virtual_machine(offer: Offer) -> Appliance:
    return Appliance(
        provider="Microsoft.Compute",
        path="virtualMachines/{name}",
        type="Virtual machine",
        service="Virtual Machines",
        category="Compute",
        subcategory="Virtual Machines",
        model="IaaS",
        offers=(offer, _BANDWIDTH),
        prefix="vm",
    )


APPLIANCES: Final = (
    _virtual_machine(_machine("Dsv5 Series", "D2s v5", RESERVABLE, "0.096")),
    _virtual_machine(_machine("Esv5 Series", "E8s v5", "Standard_E8s_v5", "0.504")),
    _virtual_machine(_machine("BS Series", "B2s", "Standard_B2s", "0.0416")),
    Appliance(
        provider="Microsoft.Compute",
        path="disks/{name}",
        type="Disk",
        service="Virtual Machines",
        category="Compute",
        subcategory="Virtual Machines",
        model="IaaS",
        offers=(
            _offer("Storage | Premium SSD Managed Disks | P30 LRS Disk | Storage | 1/Month | 1 | Units/Month | 122.88 | count | 1"),
            _offer("Storage | Standard HDD Managed Disks | Disk Operations | Storage | 10K | 10000 | Units | 0.0005 | count | 900"),
        ),
        prefix="disk",
    ),
    Appliance(
        provider="Microsoft.Storage",
        path="storageAccounts/{name}",
        type="Storage account",
        service="Storage Accounts",
        category="Storage",
        subcategory="Storage Platforms",
        model="IaaS",
        offers=(
            _offer("Storage | Tiered Block Blob | Hot LRS Data Stored | Storage | 1 GB/Month | 1 | GB/Month | 0.018 | fine | 90"),
            _offer("Storage | Tiered Block Blob | Hot LRS Write Operations | Storage | 10K | 10000 | Units | 0.05 | count | 400"),
            _offer("Storage | Tiered Block Blob | Hot LRS Read Operations | Storage | 100K | 100000 | Units | 0.04 | count | 50"),
        ),
        prefix="st",
    ),
    Appliance(
        provider="Microsoft.Sql",
        path="servers/{name}/databases/main",
        type="SQL database",
        service="Azure SQL Database",
        category="Databases",
        subcategory="Relational Databases",
        model="PaaS",
        offers=(
            _offer("SQL Database | General Purpose - Compute Gen5 | vCore | Databases | 1 Hour | 1 | Hours | 0.152 | hours | 96"),
            _offer("SQL Database | General Purpose - Storage | Data Stored | Databases | 1 GB/Month | 1 | GB/Month | 0.12 | fine | 40"),
        ),
        prefix="sql",
    ),
    Appliance(
        provider="Microsoft.Web",
        path="serverfarms/{name}",
        type="App Service plan",
        service="Azure App Service",
        category="Web",
        subcategory="Application Platforms",
        model="PaaS",
        offers=(
            _offer("Azure App Service | Standard Plan | S1 App | Compute | 100 Hours | 100 | Hours | 9.5 | hours | 1"),
        ),
        prefix="asp",
    ),
    Appliance(
        provider="Microsoft.EventHub",
        path="namespaces/{name}",
        type="Event Hubs namespace",
        service="Event Hubs",
        category="Integration",
        subcategory="Messaging",
        model="PaaS",
        offers=(
            _offer("Event Hubs | Standard | Ingress Events | Internet of Things | 1M | 1000000 | Units | 0.028 | count | 700"),
        ),
        prefix="evh",
    ),
    Appliance(
        provider="MICROSOFT.KEYVAULT",
        path="vaults/{name}",
        type="Key vault",
        service="Key Vault",
        category="Security",
        subcategory="Secret Management",
        model="PaaS",
        offers=(
            _offer("Key Vault | Vault | Operations | Security | 10K | 10000 | Units | 0.03 | count | 60"),
        ),
        prefix="kv",
    ),
    Appliance(
        provider="microsoft.operationalinsights",
        path="workspaces/{name}",
        type="Log Analytics workspace",
        service="Azure Monitor",
        category="Management and Governance",
        subcategory="Observability",
        model="PaaS",
        offers=(
            _offer("Log Analytics | Pay-as-you-go | Data Ingestion | Management and Governance | 1 GB | 1 | GB | 2.3 | fine | 30"),
        ),
        prefix="log",
    ),
)  # fmt: skip


def charge(category: str, meter: str, unit: str, distinct: str = "Units") -> Offer:
    """Return what stands for the meter of a charge that is no usage; its price is its own."""
    return Offer(
        category=category,
        subcategory="",
        meter=meter,
        family="",
        unit=unit,
        block=1,
        distinct=distinct,
        rate="0",
        shape="count",
        most=1,
        regional=False,
    )
