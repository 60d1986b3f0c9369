"""
What a connector's requests cost: charged before they are sent, and refused beyond the budget.

    tokens -> charge, durable -> attempt
                 | the month's budget would be exceeded
                 +-> Parked until the next month

What was charged is never given back: whether the provider counts a request that failed is not
known, and a bill that is lower than ours harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NoReturn, Protocol

from ogfd.plugin import ErrorClass, OgfdError, Parked, Price, TransientError


class Charge(Protocol):
    """
    What became of a charge.

    Attributes:
        granted: whether it was made.
        requests: those of the operation in the month so far, this one included if it was granted.
        usd: what they cost.
    """

    @property
    def granted(self) -> bool: ...
    @property
    def requests(self) -> int: ...
    @property
    def usd(self) -> Decimal: ...


class Purse(Protocol):
    """Keeps on record what paid requests cost, for longer than the process lives."""

    async def charge(
        self,
        connector: str,
        operation: str,
        month: str,
        *,
        usd: Decimal,
        budget_usd: Decimal | None,
    ) -> Charge:
        """
        Put one more request on record, unless the month's total would then exceed the budget.

        Must be durable when it returns. Must be one step, also for calls at the same time: together
        they must not exceed the budget either.

        Args:
            connector: its name.
            operation: such as ``ce:GetCostAndUsage``.
            month: ``YYYY-MM``, in UTC.
            usd: what the request costs.
            budget_usd: what the month's requests may cost altogether; None for no limit.

        Raises:
            OgfdError: if it cannot be put on record.
        """
        ...


class Fees:
    """
    Charges the attempts of one connector to its purse.

    Args:
        connector: its name.
        prices: by operation; what is not there is free.
        purse: where charges go; needed if anything has a price.
        now: the time in UTC, which picks the month.

    Raises:
        ValueError: if something has a price and there is no purse.
    """

    def __init__(
        self,
        connector: str,
        prices: Mapping[str, Price],
        purse: Purse | None,
        *,
        now: Callable[[], datetime],
    ) -> None:
        if prices and purse is None:
            raise ValueError("requests that cost money need a purse, to keep to a budget")
        self._connector = connector
        self._prices = prices
        self._purse = purse
        self._now = now

    async def charge(self, operation: str) -> Decimal | None:
        """
        Charge one attempt of *operation* and return its price; None if it is free.

        What was returned is on record, whatever happens next.

        Raises:
            Parked: until the next month, if its budget would be exceeded. Nothing is charged.
            TransientError: if the charge cannot be put on record.
        """
        price = self._prices.get(operation)
        if price is None or self._purse is None:
            return None
        now = self._now().astimezone(UTC)
        try:
            charge = await self._purse.charge(
                self._connector,
                operation,
                f"{now:%Y-%m}",
                usd=price.usd,
                budget_usd=price.monthly_budget_usd,
            )
        except OgfdError as exc:
            raise TransientError(
                f"{operation} was not sent, as its price cannot be put on record: {exc}",
                operation=operation,
            ) from exc
        if not charge.granted:
            self._refuse(operation, price, charge, now)
        return price.usd

    def _refuse(self, operation: str, price: Price, charge: Charge, now: datetime) -> NoReturn:
        due = _next_month(now)
        budget = price.monthly_budget_usd or Decimal(0)
        count = f"{charge.requests} request{'' if charge.requests == 1 else 's'}"
        raise Parked(
            f"{operation} was not sent: another {_usd(price.usd)} would exceed its budget of "
            f"{_usd(budget)} for {now:%Y-%m}, of which {_usd(charge.usd)} are spent on {count}",
            next_due=due,
            error_class=ErrorClass.BAD_REQUEST,
            hint=f"raise the budget and run `ogfd sync {self._connector}`, or wait until {due:%Y-%m-%d}",
        )


def _next_month(now: datetime) -> datetime:
    years, month = divmod(now.month, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)


def _usd(amount: Decimal) -> str:
    return f"{amount.normalize():f} USD"
