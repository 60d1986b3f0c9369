"""What shapes a generated bill: its size, its customer, its seed."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

MIN_ROWS: Final = 300
RATES: Final[Mapping[str, Decimal]] = {
    "USD": Decimal(1),
    "EUR": Decimal("0.9"),
    "GBP": Decimal("0.8"),
    "CAD": Decimal("1.4"),
    "DKK": Decimal("6.8"),
}
"""What a dollar, the currency of all prices, is billed at. Two digits: amounts stay exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSettings:
    """
    What shapes a bill. Equal settings give equal rows.

    Attributes:
        seed: any whole number.
        rows: charges of a whole month, exactly; at least 300 per currency. FOCUS has them all,
            actual and amortized costs most of them.
        files: parts of an export.
        subscriptions: how many; resources lie in all of them.
        resource_groups: how many, spread over the subscriptions.
        currencies: the subscriptions are billed in them in turn.
        resources: distinct resources; a hundredth of *rows* if None, but at least 60.
        reserved_share: share of the usage of one machine size that reservations cover.
        plan_share: share of the usage of other sizes that savings plans cover.
        taxes_and_credits: whether FOCUS also has rows of these, which details and queries, being
            "before credits or taxes", never have.
        effective_purchases: whether FOCUS 1.0 counts purchases of commitments in EffectiveCost,
            against the specification, as Microsoft's first releases did.
        compression_level: of gzip, 0 to 9.

    Raises:
        ValueError: if a number is out of range or a currency is not in `RATES`.
    """

    seed: int = 1
    rows: int = 20_000
    files: int = 2
    subscriptions: int = 4
    resource_groups: int = 12
    currencies: tuple[str, ...] = ("USD",)
    resources: int | None = None
    reserved_share: float = 0.4
    plan_share: float = 0.3
    taxes_and_credits: bool = False
    effective_purchases: bool = False
    compression_level: int = 6

    def __post_init__(self) -> None:
        if not self.currencies or not set(self.currencies) <= RATES.keys():
            raise ValueError(f"a bill has at least one currency of {', '.join(RATES)}")
        if self.rows < MIN_ROWS * len(self.currencies):
            raise ValueError(f"a bill has at least {MIN_ROWS} rows per currency, not {self.rows}")
        if self.files < 1 or self.resource_groups < 1:
            raise ValueError("a bill has at least one file and one resource group")
        if self.subscriptions < len(self.currencies):
            raise ValueError("a bill has at least one subscription per currency")
        if not all(0 <= share <= 1 for share in (self.reserved_share, self.plan_share)):
            raise ValueError("a share lies between 0 and 1")

    @property
    def resource_count(self) -> int:
        """How many resources there are."""
        return max(60, self.resources or self.rows // 100)

    def random(self, *purpose: object) -> np.random.Generator:
        """Return a generator of its own for *purpose*, the same at every call."""
        text = repr((self.seed, *map(str, purpose))).encode()
        return np.random.Generator(np.random.PCG64(int(hashlib.sha256(text).hexdigest(), 16)))

    def uuid(self, *purpose: object) -> str:
        """Return an id of its own for *purpose*, the same at every call."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, repr((self.seed, *map(str, purpose)))))
