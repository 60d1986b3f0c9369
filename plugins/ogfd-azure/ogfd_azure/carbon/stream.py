"""
The stream ``carbon``: emissions that Azure reports, one partition a subscription and month.

    available range, subscriptions -> what there is              partitions()
    one month of a hundred subscriptions, scope by scope         read(), see `Shares`

A subscription may be denied inside an answer that is a success otherwise. Were a month one
partition, the denial would keep the month of all others from being committed for ever, or be
passed over in silence. So each subscription and month stands for itself: what is denied fails,
under the name of who denies it, and all else is current.

Azure recomputes months and says so nowhere, so all that it keeps are read again and digested; one
that is the same replaces nothing. ``billing_account_id`` is the subscription, as Azure does not say
who pays for it here: no two streams may count for the same one and month.

Categories other than ``Resource`` do not say of which subscription they are, but for the one that
says nothing else, so that is what is asked for, and summed by group, type and location.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import anyio

from ogfd.plugin import (
    ActivityBuilder,
    AuthError,
    Context,
    Grain,
    NotPublished,
    Output,
    Partition,
    PartitionState,
    Period,
    Totals,
)
from ogfd_azure.arm import Arm
from ogfd_azure.calendar import month_of, months_over
from ogfd_azure.carbon.items import Place
from ogfd_azure.carbon.publication import HISTORY, PUBLISH_LAG
from ogfd_azure.carbon.service import Available, Reports
from ogfd_azure.carbon.shares import Shares
from ogfd_azure.config import AzureConfig
from ogfd_azure.places import Naming
from ogfd_azure.scopes import SCOPES, Emitted, total


class CarbonStream:
    """
    Reads emissions of the subscriptions that *config* names, or else of all there are.

    Args:
        ctx: of the run.
        arm: Resource Manager.
        config: of the connector.
    """

    name = "carbon"

    def __init__(self, ctx: Context, arm: Arm, config: AzureConfig) -> None:
        self._ctx = ctx
        self._arm = arm
        self._named = config.subscriptions
        self._reports = Reports(ctx, arm)
        self._shares = Shares(ctx, self._reports)
        self._available: Available | None = None
        self._subscriptions: Sequence[str] | None = None
        self._turn = anyio.Lock()

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List subscriptions and months of *window*, as far as Azure keeps them; two requests.

        The month that it has not published yet is listed too. Subscriptions that the operator
        does not select are not.

        Raises:
            AuthError: if the credential sees no subscription at all and none is configured.
            SourceError: if Azure could not be asked.
        """
        async with self._turn:
            self._subscriptions = None  # what is listed again has changed
        subscriptions = await self._known()
        self._tell_of_gone(window)
        first = self._available.first if self._available is not None else ""
        return [
            Partition(
                key=f"{subscription}/{month}",
                period=month,
                version=None,
                state=self._state(month),
            )
            for month in months_over(window, self._ctx.now())
            if str(month) >= first
            for subscription in subscriptions
        ]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month of one subscription, summed as finely as it is wanted.

        Raises:
            NotPublished: if Azure has not published the month.
            AuthError: if Azure denies the emissions of the subscription.
            SourceChanged: if they changed between two pages, or Azure keeps the month no more.
            SourceError: if an answer cannot be had or understood.
        """
        await self._known()
        month = partition.period
        if self._available is None or str(month) > self._available.last:
            raise NotPublished(self._missing(month))
        subscription = partition.key.partition("/")[0]
        detailed = out.wanted.resource_ids or out.wanted.grain is Grain.LINE
        share = await self._shares.take(month, subscription, detailed=detailed)
        naming = Naming(out)
        rows = 0
        async with ActivityBuilder(out) as builder:
            for place, emitted in share.items():
                await builder.add(_row(month, subscription, place, emitted, naming))
                rows += emitted.lines
        self._ctx.progress(rows, rows, "items")

    async def totals(self, billing_period: str) -> Totals | None:
        """
        Return the sums of all subscriptions that Azure tells in one figure for each scope.

        They are another report of the same service: they show what was lost or doubled on the way
        from its pages, not what it has wrong itself. A subscription that is denied leaves no sum.
        """
        month = Period.month(billing_period)
        await self._known()
        available = self._available
        if available is None or not available.first <= billing_period <= available.last:
            return None
        sums = {
            column: await self._shares.overall(month, scope) for scope, column in SCOPES.items()
        }
        return Totals(
            origin="Microsoft.Carbon OverallSummaryReport",
            independent=False,
            sums={**sums, "market_based_kg": total(sums.values())},
            selected=True,
        )

    async def _known(self) -> Sequence[str]:
        """Return the subscriptions to read, once it is known which months there are."""
        async with self._turn:
            if self._subscriptions is None:
                self._available = await self._reports.available()
                found = self._named or await self._visible()
                self._subscriptions = sorted(each for each in found if self._ctx.selects(each))
                self._shares.expect(self._subscriptions)
            return self._subscriptions

    async def _visible(self) -> Sequence[str]:
        """Return the subscriptions that the credential sees; none are no empty success."""
        if not (found := await self._arm.subscriptions()):
            raise AuthError(
                "no subscription is visible to this identity, and subscriptions names none",
                hint="assign it a role on each subscription; ogfd check prints the command",
            )
        return found

    def _state(self, month: Period) -> PartitionState:
        late = self._ctx.now() >= month.end + PUBLISH_LAG
        return PartitionState.CLOSED if late else PartitionState.CLOSING

    def _missing(self, month: Period) -> str:
        due = month.end + PUBLISH_LAG
        if self._ctx.now() < due:
            return f"Azure publishes {month} by {due - timedelta(days=1):%Y-%m-%d}"
        if self._available is None:
            return "Azure has published no emissions for these credentials"
        return f"Azure has published nothing after {self._available.last} yet"

    def _tell_of_gone(self, window: Period) -> None:
        """Name months that somebody asked for and that Azure keeps no more."""
        available = self._available
        usual = month_of(self._ctx.now() - HISTORY).start
        asked = window.start < usual  # what nobody asked for needs no word
        if asked and available is not None and f"{window.start:%Y-%m}" < available.first:
            self._ctx.log.warning(
                "Azure keeps twelve months of emissions: %s to the month before %s are no more to "
                "be had here; rows that were read in time stay, and emissions_dashboard in a "
                "connector of its own has earlier ones",
                f"{window.start:%Y-%m}",
                available.first,
            )


def _row(
    month: Period, subscription: str, place: Place, emitted: Emitted, naming: Naming
) -> Mapping[str, Any]:
    return {
        "source": "azure_carbon",
        "billing_account_id": subscription,
        "account_id": subscription,
        "billing_period": str(month),
        "period_start": month.start,
        "period_end": month.end,
        "resource_group": place.resource_group,
        "resource_id": place.resource_id,
        **naming.region(place.location, emitted.lines),
        **naming.resource_type(place.resource_type, emitted.lines),
        **emitted.columns(),
    }
