"""Whose data is generated: billing accounts, projects and places of one invented customer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something runs; of what is no region, *region* and *zone* are None."""

    location: str
    country: str | None = None
    region: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """
    A project.

    Attributes:
        number: what Google knows it by for ever; empty for what belongs to no project.
        id: None if it was deleted since, or there is none.
    """

    number: str
    id: str | None
    name: str | None


IOWA: Final = Place(
    location="us-central1", country="US", region="us-central1", zone="us-central1-a"
)
PLACES: Final = (
    IOWA,
    Place(location="europe-west3", country="DE", region="europe-west3", zone="europe-west3-b"),
    Place(location="europe-west1", country="BE", region="europe-west1"),
    Place(location="asia-east1", country="TW", region="asia-east1", zone="asia-east1-c"),
    Place(location="us", country="US"),
    Place(location="global"),
)
NOWHERE: Final = Project(number="", id=None, name=None)
DELETED: Final = Project(number="100000000099", id=None, name=None)


def billing_account(number: int) -> str:
    """Return the id of the *number*-th billing account, counted from 0."""
    digest = hashlib.sha256(f"account {number}".encode()).hexdigest().upper()
    return "-".join(digest[place : place + 6] for place in (0, 6, 12))


def projects(count: int) -> tuple[Project, ...]:
    """Return so many living projects."""
    return tuple(
        Project(number=str(100_000_000_001 + place), id=f"acme-{place}", name=f"Acme {place}")
        for place in range(count)
    )


def random_of(seed: int, *purpose: object) -> np.random.Generator:
    """Return a generator of its own for *purpose*, the same at every call."""
    text = repr((seed, *map(str, purpose))).encode()
    return np.random.Generator(np.random.PCG64(int(hashlib.sha256(text).hexdigest(), 16)))
