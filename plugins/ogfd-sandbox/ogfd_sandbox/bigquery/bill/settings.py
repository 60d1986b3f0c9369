"""What shapes a generated bill: its size, its customer, its seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ogfd_sandbox.cur.settings import Month

_FIRST: Final = Month(2026, 7)
RATES: Final[Mapping[str, float]] = {"USD": 1.0, "EUR": 0.92, "GBP": 0.79, "CAD": 1.37}
"""Units of a currency for a dollar, in the first month; it creeps up month by month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillSettings:
    """
    What shapes a bill. Equal settings give equal rows.

    Attributes:
        seed: any whole number.
        first: month of usage.
        months: how many.
        rows: of usage, in all; taxes, fees, rounding and corrections come on top.
        billing_accounts: how many; each has tables of its own.
        currencies: the accounts are billed in them in turn.
        projects: living ones of each account; there is a deleted one too.
        resources: of each account.
        late_percent: of the rows arrive between 3 and 19 days after the usage.
        surcharges: rows a month, of a cost type that Google has not told of.

    Raises:
        ValueError: if a number is out of range or a currency is not in `RATES`.
    """

    seed: int = 1
    first: Month = _FIRST
    months: int = 2
    rows: int = 4_000
    billing_accounts: int = 1
    currencies: tuple[str, ...] = ("USD",)
    projects: int = 3
    resources: int = 40
    late_percent: int = 2
    surcharges: int = 0

    def __post_init__(self) -> None:
        if not self.currencies or not set(self.currencies) <= RATES.keys():
            raise ValueError(f"a bill has at least one currency of {', '.join(RATES)}")
        if min(self.months, self.billing_accounts, self.projects, self.resources) < 1:
            raise ValueError("a bill has at least one month, account, project and resource")
        if not 0 <= self.late_percent <= 100 or min(self.rows, self.surcharges) < 0:
            raise ValueError("a share lies between 0 and 100, a number of rows is not negative")
