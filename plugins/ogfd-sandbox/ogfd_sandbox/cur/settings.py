"""What shapes a generated report: its month, its size, its seed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self

import numpy as np

MIN_ROWS: Final = 200
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """
    A billing month.

    Raises:
        ValueError: if there is no such month.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        datetime(self.year, self.month, 1, tzinfo=UTC)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``YYYY-MM``."""
        found = _MONTH.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a month; write it as YYYY-MM")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        """Return the month of *day*."""
        return cls(day.year, day.month)

    @property
    def start(self) -> datetime:
        """The first instant, in UTC."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the month, in UTC."""
        following = self.plus(1)
        return datetime(following.year, following.month, 1, tzinfo=UTC)

    @property
    def days(self) -> int:
        """How many days the month has."""
        return (self.end - self.start).days

    @property
    def folder(self) -> str:
        """The month as AWS names its folder: ``20260801-20260901``."""
        return f"{self.start:%Y%m%d}-{self.end:%Y%m%d}"

    def plus(self, months: int) -> Month:
        """Return the month that lies *months* later, or earlier if negative."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurSettings:
    """
    What shapes a report. Equal settings give equal rows.

    Attributes:
        seed: any whole number.
        rows: rows of a month, exactly; at least 200.
        files: files of an assembly.
        accounts: accounts, of which the first pays.
        currencies: the accounts take them in turn.
        series: distinct (account, offer, region); what is left when resources and days are
            summed up. A thousandth of *rows* if None, but not below 60.
        resources: distinct resources; a hundredth of *rows* if None, but not below *series*.
        resource_share: share of the usage rows that name their resource.
        savings_plan_share: share of the instance hours that a savings plan covers.
        reserved_share: share of the instance hours that a reservation covers.
        compression_level: of gzip, 0 to 9.

    Raises:
        ValueError: if a number is out of range.
    """

    seed: int = 1
    rows: int = 20_000
    files: int = 3
    accounts: int = 6
    currencies: tuple[str, ...] = ("USD",)
    series: int | None = None
    resources: int | None = None
    resource_share: float = 0.6
    savings_plan_share: float = 0.25
    reserved_share: float = 0.15
    compression_level: int = 6

    def __post_init__(self) -> None:
        if self.rows < MIN_ROWS:
            raise ValueError(f"a report has at least {MIN_ROWS} rows, not {self.rows}")
        if self.files < 1 or self.accounts < 1 or not self.currencies:
            raise ValueError("a report has at least one file, one account and one currency")
        shares = (self.resource_share, self.savings_plan_share, self.reserved_share)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("a share lies between 0 and 1")

    @property
    def series_count(self) -> int:
        """How many series there are."""
        return self.series or max(60, self.rows // 1000)

    @property
    def resource_count(self) -> int:
        """How many resources there are."""
        return max(self.series_count, self.resources or self.rows // 100)

    def random(self, *purpose: object) -> np.random.Generator:
        """Return a generator of its own for *purpose*, the same at every call."""
        text = repr((self.seed, *map(str, purpose))).encode()
        return np.random.Generator(np.random.PCG64(int(hashlib.sha256(text).hexdigest(), 16)))


def hours_between(start: datetime, end: datetime) -> int:
    """Return the whole hours from *start* to *end*."""
    return (end - start) // timedelta(hours=1)
