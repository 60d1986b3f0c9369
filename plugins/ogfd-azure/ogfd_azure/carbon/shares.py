"""
What each subscription emitted in a month, although a hundred of them are asked for at once.

    slices     2026-10: a  b  c  d ...     each a subscription and month, read one by one
    requests   2026-10: [ a  b  c  d ]     one report for each scope; each slice takes its share

The first slice of a hundred has the report read, the others wait for it and find their share
there. A share is summed as it comes, page by page, and gone when it is taken, so that what is held
is bounded by the distinct places of some hundred subscriptions, not by their resources.

A report that cannot be read, or that changed meanwhile, is not asked for again: each slice asks for
its own subscription, so that one of a hundred does not spoil the others.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

import anyio
from anyio import to_thread

from ogfd.plugin import (
    AuthError,
    BadRequestError,
    Context,
    FatalError,
    NotFoundError,
    NotPublished,
    Period,
    SourceChanged,
    UnknownError,
)
from ogfd_azure.calendar import month_before
from ogfd_azure.carbon.items import Place, parse
from ogfd_azure.carbon.restated import Figures, Restatements
from ogfd_azure.carbon.service import BATCH, Reports, denied_in
from ogfd_azure.scopes import SCOPES, Emitted

Share = Mapping[Place, Emitted]
"""The emissions of one subscription in one month."""

ROLE: Final = "Carbon Optimization Reader"

_DETAILED_BATCH: Final = 10  # where each resource is an activity: what is held is ten times as fine
_KEPT: Final = 3  # reports at once: slices are read in order, so seldom more than two overlap
_SPOILT: Final = (BadRequestError, FatalError, NotFoundError, SourceChanged, UnknownError)


@dataclass(slots=True)
class _Held:
    """The shares of one report that nobody has taken yet; None as long as it is not read."""

    turn: anyio.Lock = field(default_factory=anyio.Lock)
    shares: dict[str, dict[Place, Emitted]] | None = None
    absent: NotPublished | SourceChanged | None = None


class Shares:
    """
    Reads reports for slices.

    Args:
        ctx: of the run.
        reports: the service.
    """

    def __init__(self, ctx: Context, reports: Reports) -> None:
        self._ctx = ctx
        self._reports = reports
        self._subscriptions: tuple[str, ...] = ()
        self._held: OrderedDict[tuple[str, tuple[str, ...]], _Held] = OrderedDict()
        self._decided: set[str] = set()
        self._denied: dict[str, str] = {}
        self._apart: set[tuple[str, tuple[str, ...]]] = set()
        self._restatements = Restatements()
        self._restated: set[str] = set()

    def expect(self, subscriptions: Sequence[str]) -> None:
        """Say which subscriptions slices will be read of."""
        self._subscriptions = tuple(sorted(subscriptions))

    async def take(self, month: Period, subscription: str, *, detailed: bool) -> Share:
        """
        Return the share of *subscription*, which is empty if it emitted nothing.

        Args:
            month: one that is published.
            subscription: in lower case.
            detailed: whether each resource is an activity of its own.

        Raises:
            AuthError: if Azure refuses the emissions of this subscription.
            NotPublished: if there is nothing yet, by the calendar's word that there should be.
            SourceChanged: if the report changed while it was read, or Azure keeps it no more.
            SourceError, Parked: if an answer cannot be had or understood.
        """
        batch = self._batch(subscription, detailed)
        held = self._hold(str(month), batch)
        async with held.turn:
            if held.shares is None:
                shares = await self._together(month, batch, detailed)
                held.absent = await self._absent(month, shares)
                held.shares = shares
            if held.absent is not None:
                raise held.absent
            share = held.shares.pop(subscription, None)
            if share is None and subscription not in self._denied:
                # It was taken before, by a slice that starts again, or is asked for alone.
                shares = await self._read(month, (subscription,), detailed)
                if absent := await self._absent(month, shares):
                    raise absent
                share = shares.get(subscription)
        if share is None:
            raise self._refused(subscription)
        return share

    async def overall(self, month: Period, scope: int) -> Decimal:
        """
        Return the emissions of all subscriptions together, in kilograms.

        Raises:
            AuthError: if those of any are refused: a sum without it is none.
            SourceError, Parked: if an answer cannot be had or understood.
        """
        total = Decimal()
        for start in range(0, len(self._subscriptions), BATCH):
            batch = self._subscriptions[start : start + BATCH]
            kg, denied = await self._reports.overall(month, batch, scope)
            self._denied |= denied
            for subscription in denied:
                raise self._refused(subscription)
            total += kg
        return total

    def _batch(self, subscription: str, detailed: bool) -> tuple[str, ...]:
        size = _DETAILED_BATCH if detailed else BATCH
        place = bisect_right(self._subscriptions, subscription) - 1
        start = max(place, 0) // size * size
        batch = self._subscriptions[start : start + size]
        return batch if subscription in batch else (subscription,)

    def _hold(self, month: str, batch: tuple[str, ...]) -> _Held:
        held = self._held.setdefault((month, batch), _Held())
        self._held.move_to_end((month, batch))
        while len(self._held) > _KEPT:  # who reads or waits for one has it still
            self._held.popitem(last=False)
        return held

    async def _together(
        self, month: Period, batch: tuple[str, ...], detailed: bool
    ) -> dict[str, dict[Place, Emitted]]:
        """Read the report of *batch*; nothing of one that is spoilt."""
        if (str(month), batch) in self._apart:
            return {}
        try:
            return await self._read(month, batch, detailed)
        except _SPOILT as exc:
            if len(batch) == 1:
                raise
            self._apart.add((str(month), batch))
            if isinstance(exc, SourceChanged):
                raise
            self._ctx.log.warning(
                "the emissions of %d subscriptions in %s are asked for one by one: %s",
                len(batch),
                month,
                exc,
            )
            return {}

    async def _absent(
        self, month: Period, shares: Mapping[str, Share]
    ) -> NotPublished | SourceChanged | None:
        """Return what is the matter where nobody of a report emitted anything; None if nothing."""
        if not shares or any(shares.values()):
            return None
        available = await self._reports.available()
        if available is None or not available.first <= str(month) <= available.last:
            return SourceChanged(f"Azure has no emissions of {month} any more")
        if available.reckoned and str(month) == available.last:
            return NotPublished(f"Azure tells no emissions of {month} yet")
        return None

    async def _read(
        self, month: Period, batch: tuple[str, ...], detailed: bool
    ) -> dict[str, dict[Place, Emitted]]:
        if not self._decided.issuperset(batch):
            # One small answer says who may not be read: a run that tries those again, as it does
            # every quarter of an hour, asks for nothing else.
            _, denied = await self._reports.overall(month, batch, min(SCOPES))
            self._denied |= denied
            self._decided |= set(batch)
        allowed = [each for each in batch if each not in self._denied]
        sums = _Sums(allowed, detailed)
        for scope in SCOPES if allowed else ():
            figures = Figures()
            async for answer in self._reports.items(month, allowed, scope):
                self._denied |= denied_in(answer)
                await to_thread.run_sync(sums.add, scope, answer["value"], figures)
            self._compare(month, allowed, scope, figures)
        return {one: share for one, share in sums.shares.items() if one not in self._denied}

    def _compare(
        self, month: Period, subscriptions: Sequence[str], scope: int, figures: Figures
    ) -> None:
        group = f"{subscriptions[0]} {len(subscriptions)}"
        before = str(month_before(month))
        count = self._restatements.differing(group, scope, str(month), before, figures)
        if count and str(month) not in self._restated:
            self._restated.add(str(month))
            self._ctx.log.warning(
                "%s was restated while it was read: the month after it tells other emissions of "
                "%d resources; the next run reads both again",
                month,
                count,
            )

    def _refused(self, subscription: str) -> AuthError:
        reason = self._denied.get(subscription)
        why = f": {reason}" if reason else ""
        return AuthError(
            f"Azure denies the emissions of subscription {subscription}{why}",
            hint=f"az role assignment create --role '{ROLE}' --assignee CLIENT_ID --scope "
            f"/subscriptions/{subscription}; or leave it out by accounts = {{ exclude = "
            f'["{subscription}"] }}',
        )


class _Sums:
    """Sums the items of a report by subscription and place."""

    def __init__(self, subscriptions: Sequence[str], detailed: bool) -> None:
        self.shares: dict[str, dict[Place, Emitted]] = {each: {} for each in subscriptions}
        self._detailed = detailed

    def add(self, scope: int, values: Sequence[Any], figures: Figures) -> None:
        """
        Take in a page of one scope, into *figures* too, which hold its earlier pages. Blocking.

        Raises:
            FatalError: if an item cannot be understood, or was not asked for.
            SourceChanged: if one comes twice.
        """
        seen = set(figures.ids)
        for item in map(parse, values):
            share = self.shares.get(item.subscription)
            if share is None:
                raise FatalError(
                    f"Azure tells emissions of subscription {item.subscription}, which was not "
                    "asked for"
                )
            identity = hash(item.name)
            if identity in seen:
                raise SourceChanged(f"the pages moved: {item.place.resource_id} came twice")
            seen.add(identity)
            previous = math.nan if item.previous_kg is None else float(item.previous_kg)
            figures.add(identity, float(item.kg), previous)
            place = item.place if self._detailed else replace(item.place, resource_id=None)
            share.setdefault(place, Emitted()).add(scope, item.kg)
