"""
What is sold: a few services of Google's, and invented SKUs of theirs.

Ids of services: https://cloud.google.com/skus, 2026. Prices are none that anybody pays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service."""

    id: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """What is taken off the cost, in percent of it."""

    type: str
    name: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    A SKU.

    Attributes:
        unit: that usage is counted in.
        per_pricing_unit: so many of them make a *pricing_unit*.
        nanos: cost of *nanos_per* units, in thousand-millionths of the currency.
        most: usage of a row is up to so many units.
        machine_type: of a virtual machine.
        credits: on every row.
    """

    service: Service
    id: str
    description: str
    unit: str
    pricing_unit: str
    per_pricing_unit: int
    nanos: int
    most: int
    nanos_per: int = 1
    machine_type: str | None = None
    credits: tuple[Credit, ...] = ()


COMPUTE: Final = Service(id="6F81-5844-456A", description="Compute Engine")
STORAGE: Final = Service(id="95FF-2EF5-5EA1", description="Cloud Storage")
BIGQUERY: Final = Service(id="24E6-581D-38E5", description="BigQuery")
SQL: Final = Service(id="9662-B51E-5089", description="Cloud SQL")
RUN: Final = Service(id="152E-C115-5142", description="Cloud Run")
SUPPORT: Final = Service(id="2062-016F-44A2", description="Support")
SERVICES: Final = (COMPUTE, STORAGE, BIGQUERY, SQL, RUN)

SUSTAINED: Final = Credit(
    type="SUSTAINED_USAGE_DISCOUNT", name="Sustained Usage Discount", percent=20
)
COMMITTED: Final = Credit(
    type="COMMITTED_USAGE_DISCOUNT", name="Committed Usage Discount: CPU", percent=37
)
OFFSET: Final = Credit(
    type="FEE_UTILIZATION_OFFSET", name="Compute Flexible Commitment Offset", percent=28
)
PROMOTION: Final = Credit(type="PROMOTION", name="Acme Promotion", percent=5)

OFFERS: Final = (
    Offer(
        service=COMPUTE,
        id="2E27-4F75-95CD",
        description="N2 Instance Core running in Americas",
        unit="seconds",
        pricing_unit="hour",
        per_pricing_unit=3600,
        nanos=8781,
        most=28_800,
        machine_type="n2-standard-4",
        credits=(COMMITTED, PROMOTION),
    ),
    Offer(
        service=COMPUTE,
        id="6B8F-E63D-832B",
        description="E2 Instance Ram running in EMEA",
        unit="byte-seconds",
        pricing_unit="gibibyte hour",
        per_pricing_unit=3_865_470_566_400,
        nanos=76,
        nanos_per=100_000_000,
        most=60_000_000_000_000,
        machine_type="e2-standard-2",
        credits=(SUSTAINED,),
    ),
    Offer(
        service=COMPUTE,
        id="DFA5-B5C6-36D6",
        description="Network Internet Egress from Americas to EMEA",
        unit="bytes",
        pricing_unit="gibibyte",
        per_pricing_unit=1_073_741_824,
        nanos=111,
        nanos_per=1000,
        most=8_000_000_000,
    ),
    Offer(
        service=STORAGE,
        id="E5F0-6A5D-7BAD",
        description="Standard Storage US Regional",
        unit="byte-seconds",
        pricing_unit="gibibyte month",
        per_pricing_unit=2_783_138_807_808_000,
        nanos=72,
        nanos_per=10_000_000_000,
        most=4_000_000_000_000_000,
    ),
    Offer(
        service=BIGQUERY,
        id="3362-E469-6BEF",
        description="Analysis",
        unit="bytes",
        pricing_unit="tebibyte",
        per_pricing_unit=1_099_511_627_776,
        nanos=57,
        nanos_per=10_000,
        most=900_000_000_000,
        credits=(PROMOTION,),
    ),
    Offer(
        service=SQL,
        id="0CEE-9E3C-1B7F",
        description="Cloud SQL for PostgreSQL: Zonal - vCPU",
        unit="seconds",
        pricing_unit="hour",
        per_pricing_unit=3600,
        nanos=11_472,
        most=14_400,
        credits=(OFFSET,),
    ),
    Offer(
        service=RUN,
        id="A6B7-C8D9-E0F1",
        description="CPU Allocation Time",
        unit="seconds",
        pricing_unit="second",
        per_pricing_unit=1,
        nanos=24_000,
        most=9_000,
    ),
)
SUPPORT_FEE: Final = Offer(
    service=SUPPORT,
    id="5F1A-77B3-20D4",
    description="Enhanced Support",
    unit="dollar-seconds",
    pricing_unit="month",
    per_pricing_unit=2_592_000,
    nanos=193,
    most=2_592_000,
)
