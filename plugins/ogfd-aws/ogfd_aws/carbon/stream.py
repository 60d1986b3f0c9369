"""
The stream ``carbon``: emissions that AWS reports, one partition a month.

    totals by month, one request -> which months are published      partitions()
    one month by account, Region and service, page by page         read()

AWS recomputes its history when its model changes and says so nowhere but in the rows, so every
month is read again and digested; one that is the same replaces nothing.
https://docs.aws.amazon.com/sustainability/latest/userguide/key-concepts.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ogfd.plugin import (
    ActivityBuilder,
    Context,
    FatalError,
    NotPublished,
    Output,
    Partition,
    Period,
    SourceChanged,
    Totals,
    TransientError,
)
from ogfd_aws.carbon import estimates
from ogfd_aws.carbon.estimates import Estimate, parse
from ogfd_aws.carbon.publication import months_over, promise, state_of
from ogfd_aws.carbon.service import Emissions
from ogfd_aws.regions import region_of, where
from ogfd_aws.services import OTHER, service_of

_MEASURES: Final[Mapping[str, str]] = {
    "location_based_kg": estimates.TOTAL_LBM,
    "market_based_kg": estimates.TOTAL_MBM,
    "scope1_kg": estimates.SCOPE_1,
    "scope2_location_kg": estimates.SCOPE_2_LBM,
    "scope2_market_kg": estimates.SCOPE_2_MBM,
    # The other one is in the metadata: a column holds one method, or its sums mean nothing.
    "scope3_kg": estimates.SCOPE_3_LBM,
}
_SCOPE3_MARKET: Final = "scope3_market_kg"


class CarbonStream:
    """
    Reads the emissions that *emissions* gives.

    Args:
        ctx: of the run.
        emissions: the service.
        payer: tells who is billed for the account of the credentials.
    """

    name = "carbon"

    def __init__(
        self, ctx: Context, emissions: Emissions, payer: Callable[[], Awaitable[str]]
    ) -> None:
        self._ctx = ctx
        self._emissions = emissions
        self._payer = payer
        self._published: dict[str, Estimate] = {}
        self._asked_from: datetime | None = None

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List the months of *window* that are over, from the first with emissions on; one request.

        Those that AWS has not published yet are listed too; of an account without emissions, the
        last month alone.
        """
        over = list(months_over(window, self._ctx.now()))
        if not over:
            return []
        await self.published(over[0].start)
        first = min(self._published, default=str(over[-1]))
        return [
            Partition(
                key=str(month), period=month, version=None, state=state_of(month, self._ctx.now())
            )
            for month in over
            if str(month) >= first
        ]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month by account, Region and service.

        A month without emissions has no rows if a later one is published, else it is not yet.

        Raises:
            NotPublished: if AWS has published neither this month nor a later one.
            SourceChanged: if AWS recomputed the month between two pages.
            SourceError: if an answer cannot be had or understood.
        """
        if self._asked_from is None or self._asked_from > partition.period.start:
            await self.published(partition.period.start)
        if partition.key > max(self._published, default=""):
            raise NotPublished(self._missing(partition.period))
        rows = _Rows(partition.period, await self._payer(), out)
        async with ActivityBuilder(out) as builder:
            async for page in self._emissions.pages(partition.period, by=estimates.DIMENSIONS):
                for result in page["Results"]:
                    await builder.add(rows.row(parse(result)))
            if not rows.count and partition.key in self._published:
                raise TransientError(f"the answer for {partition.key} is empty, its total is not")

    async def totals(self, billing_period: str) -> Totals | None:
        """Return the service's own totals of a month, which come by the same path as its rows."""
        months = await self.published(Period.month(billing_period).start)
        if (found := months.get(billing_period)) is None:
            return None
        return Totals(
            origin="GetEstimatedCarbonEmissions, not grouped",
            independent=False,
            sums={name: found.kg[kind] for name, kind in _MEASURES.items() if kind in found.kg},
        )

    async def published(self, start: datetime) -> Mapping[str, Estimate]:
        """
        Return the months from *start* on that AWS has published, each with its totals.

        Raises:
            SourceError: if an answer cannot be had or understood.
        """
        over = Period.month(f"{self._ctx.now():%Y-%m}").start
        end = max(over, Period.month(f"{start:%Y-%m}").end)
        earlier = {key: each for key, each in self._published.items() if each.start < start}
        found = {}
        async for page in self._emissions.pages(Period(start, end)):
            for estimate in map(parse, page["Results"]):
                found[f"{estimate.start:%Y-%m}"] = estimate
        self._published = earlier | found
        self._asked_from = min(start, self._asked_from or start)
        return found

    def _missing(self, month: Period) -> str:
        if (promised := promise(month, self._ctx.now())) is not None:
            return promised
        if not self._published:
            return f"AWS has published no emissions of {month} or later for these credentials"
        return f"AWS has published nothing after {max(self._published)} yet"


class _Rows:
    """Makes the rows of a month out of its estimates, and keeps count of them."""

    def __init__(self, month: Period, payer: str, out: Output) -> None:
        self._month = month
        self._payer = payer
        self._model: str | None = None
        self._seen: set[tuple[str | None, ...]] = set()
        self._out = out

    @property
    def count(self) -> int:
        return len(self._seen)

    def row(self, estimate: Estimate) -> dict[str, Any]:
        """Return the activity of *estimate*."""
        self._check(estimate)
        service = estimate.dimensions.get(estimates.SERVICE)
        region = region_of(estimate.dimensions.get(estimates.REGION), None, None, None)
        place = where(region) if region is not None else None
        if region is not None and place is None:
            self._out.unknown("region", region)
        known = service_of(service) if service is not None else None
        if service is not None and known is None:
            self._out.unknown("service", service)
        scope3 = estimate.kg.get(estimates.SCOPE_3_MBM)
        return {
            "source": "aws_carbon",
            "billing_account_id": self._payer,
            "account_id": estimate.dimensions.get(estimates.ACCOUNT),
            "billing_period": str(self._month),
            # By name, as cost has it; two codes of one name stay two rows by their sku.
            "service": known.name if known is not None else service,
            "category": known.category if known is not None else OTHER,
            "sku": service,
            "region": region,
            "location": place.location if place is not None else None,
            "country": place.country if place is not None else None,
            "charge_category": "emission",
            "period_start": self._month.start,
            "period_end": self._month.end,
            **{name: estimate.kg.get(kind) for name, kind in _MEASURES.items()},
            "ghg_scope": 3,
            "ghg_category": 1,
            "method": "supplier_specific",
            "data_quality": "reported",
            "model_version": estimate.model,
            "metadata": [] if scope3 is None else [(_SCOPE3_MARKET, f"{scope3:f}")],
        }

    def _check(self, estimate: Estimate) -> None:
        if estimate.start != self._month.start:
            raise FatalError(f"asked for {self._month}, got emissions of {estimate.start:%Y-%m-%d}")
        # One model computes all of a month.
        if self._model not in {None, estimate.model}:
            raise SourceChanged(
                f"{self._month} was recomputed by model {estimate.model} while it was read"
            )
        self._model = estimate.model
        key = tuple(estimate.dimensions.get(name) for name in estimates.DIMENSIONS)
        if key in self._seen:
            raise SourceChanged(f"{self._month}: the pages moved, {key} came twice")
        self._seen.add(key)
