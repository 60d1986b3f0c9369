"""Everything that rows of a bill may be about: what was used, by whom, where; and its fees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ogfd_sandbox.bigquery.bill.offers import OFFERS, SUPPORT_FEE, Credit, Offer
from ogfd_sandbox.bigquery.bill.settings import BillSettings
from ogfd_sandbox.bigquery.customer import (
    DELETED,
    PLACES,
    Place,
    Project,
    billing_account,
    projects,
    random_of,
)

REGULAR: Final = "regular"
FEES: Final = ("support", "tax", "project_tax", "rounding_error", "surcharge")
_TEAMS: Final = ("web", "data", "ml")
_CORES: Final = {"n2-standard-4": "4", "e2-standard-2": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    What some rows of a bill have in common.

    Attributes:
        offer: what was sold; of a tax, what it is a tax on.
        project: None for what no project causes.
        place: None where Google tells none.
        cost_type: ``regular``, ``tax``, ``rounding_error`` or what Google invents.
        resource: name; None where there is none.
        corrected: whether the row corrects another.
    """

    billing_account_id: str
    currency: str
    offer: Offer
    project: Project | None
    place: Place | None
    cost_type: str = REGULAR
    resource: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    corrected: bool = False

    @property
    def used(self) -> bool:
        """Whether the row has usage."""
        return self.cost_type == REGULAR

    @property
    def credits(self) -> tuple[Credit, ...]:
        """Credits of every row."""
        return self.offer.credits if self.used else ()

    @property
    def project_number(self) -> str:
        """Of the project; empty if there is none."""
        return self.project.number if self.project is not None else ""

    @property
    def region(self) -> str:
        """The region, or what stands for it; empty if there is neither."""
        return (self.place.region or self.place.location) if self.place is not None else ""

    @property
    def system_labels(self) -> dict[str, str]:
        """Labels that Google puts on virtual machines."""
        kind = self.offer.machine_type
        if kind is None:
            return {}
        return {
            "compute.googleapis.com/machine_spec": kind,
            "compute.googleapis.com/cores": _CORES[kind],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """
    All entries of an account: those of its resources, then those of `FEES`.

    Attributes:
        entries: corrections of the resources' follow at the end, in the same order.
        resources: how many of them are of resources.
    """

    entries: tuple[Entry, ...]
    resources: int

    def fee(self, name: str) -> int:
        """Return the place of the entry of a fee."""
        return self.resources + FEES.index(name)

    def correction(self, place: int) -> int:
        """Return the place of the entry that corrects the one of a resource at *place*."""
        return self.resources + len(FEES) + place


def make_book(settings: BillSettings, account: int) -> Book:
    """Return the entries of the *account*-th billing account."""
    random = random_of(settings.seed, "book", account)
    currency = settings.currencies[account % len(settings.currencies)]
    owners = (*projects(settings.projects), DELETED)
    number = billing_account(account)
    resources = []
    for place in range(settings.resources):
        offer = OFFERS[place % len(OFFERS)]
        team = _TEAMS[int(random.integers(len(_TEAMS)))]
        name = f"{offer.service.description.lower().replace(' ', '-')}-{account}-{place}"
        resources.append(
            Entry(
                billing_account_id=number,
                currency=currency,
                offer=offer,
                project=owners[int(random.integers(len(owners)))],
                place=PLACES[int(random.integers(len(PLACES)))],
                resource=name,
                labels={"team": team, "env": "prod"} if place % 3 else {},
            )
        )
    fee = Entry(
        billing_account_id=number,
        currency=currency,
        offer=SUPPORT_FEE,
        project=None,
        place=None,
    )
    fees = {
        "support": fee,
        "tax": replace(fee, cost_type="tax"),
        "project_tax": replace(fee, offer=OFFERS[0], project=owners[0], cost_type="tax"),
        "rounding_error": replace(fee, offer=OFFERS[0], cost_type="rounding_error"),
        "surcharge": replace(fee, offer=OFFERS[0], project=owners[0], cost_type="surcharge"),
    }
    corrections = [replace(one, corrected=True) for one in resources]
    ordered = (*resources, *(fees[name] for name in FEES), *corrections)
    return Book(entries=tuple(ordered), resources=len(resources))
