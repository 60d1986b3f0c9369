"""
The stream ``emissions_dashboard``: one partition an enrollment and month.

    is there any record between two months -> the first and the last month      partitions()
    all records of a month, page by page                                       read()

Microsoft has recomputed its history (February 2024), so every month is read again and digested.
``billing_account_id`` is the subscription, as in the stream ``carbon``: no two streams may count
for the same one and month. The enrollment is in the metadata, and takes the place of a subscription
that a record does not name.

There are no totals to compare with: the API has nothing but these records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from ogfd.plugin import (
    ActivityBuilder,
    Context,
    FatalError,
    NotPublished,
    Output,
    Partition,
    PartitionState,
    Period,
    SourceChanged,
)
from ogfd_azure.calendar import months_over
from ogfd_azure.config import DashboardConfig
from ogfd_azure.dashboard.publication import PUBLISH_LAG
from ogfd_azure.dashboard.records import Place, Record, parse
from ogfd_azure.dashboard.service import Emissions, date_key
from ogfd_azure.places import Naming
from ogfd_azure.scopes import Emitted

_MOST_HELD: Final = 50_000  # activities that are summed in memory before they are handed on

Span = tuple[Period, Period]
"""The first and the last month with records."""


class DashboardStream:
    """
    Reads emissions of the enrollments that *config* names.

    Args:
        ctx: of the run.
        emissions: the service.
        config: of the stream.
    """

    name = "emissions_dashboard"

    def __init__(self, ctx: Context, emissions: Emissions, config: DashboardConfig) -> None:
        self._ctx = ctx
        self._emissions = emissions
        self._enrollments = config.enrollments
        self._spans: dict[str, Span | None] = {}

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """
        List the months of *window* that are over, from the first with records on.

        Those that are not published yet are listed too; of an enrollment without any, the last
        month alone. About twenty requests an enrollment, as the API has no cheaper way to tell.
        """
        months = months_over(window, self._ctx.now())
        found = []
        for enrollment in self._enrollments if months else ():
            span = await self._span(enrollment, months)
            first = months[-1] if span is None else span[0]
            found += [
                self._partition(enrollment, month) for month in months if month.start >= first.start
            ]
        return found

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month of one enrollment, the scopes of an activity together in one row.

        Raises:
            NotPublished: if neither this month nor a later one is published.
            SourceChanged: if the records changed while they were read.
            SourceError: if an answer cannot be had or understood.
        """
        enrollment, _, name = partition.key.rpartition("/")
        month = Period.month(name)
        if enrollment not in self._spans:
            self._spans[enrollment] = await self._edges(enrollment, [month, *self._later(month)])
        span = self._spans[enrollment]
        if span is None or month.start > span[1].start:
            raise NotPublished(f"Microsoft has not published {month} of enrollment {enrollment}")
        rows = _Rows(month, enrollment, Naming(out))
        expected: int | None = None
        async with ActivityBuilder(out) as builder:
            async for page in self._emissions.pages(enrollment, month):
                expected = page.get("@odata.count", expected)
                for record in map(parse, page["value"]):
                    rows.add(record)
                await rows.hand_on(builder, at_least=_MOST_HELD)
            await rows.hand_on(builder)
        if expected is not None and expected != rows.records:
            raise SourceChanged(
                f"{month} of enrollment {enrollment} has {expected} records, {rows.records} came"
            )

    async def _span(self, enrollment: str, months: Sequence[Period]) -> Span | None:
        found = await self._edges(enrollment, [*months, *self._later(months[-1])])
        self._spans[enrollment] = found
        return found

    def _later(self, month: Period) -> Sequence[Period]:
        """Return the months after *month* that are over: one of them may be published alone."""
        now = self._ctx.now()
        return months_over(Period(month.end, now), now) if month.end < now else []

    async def _edges(self, enrollment: str, months: Sequence[Period]) -> Span | None:
        if not await self._emissions.any(enrollment, months[0], months[-1]):
            return None
        first = await _bisected(
            len(months), lambda i: self._emissions.any(enrollment, months[0], months[i])
        )
        back = await _bisected(
            len(months), lambda i: self._emissions.any(enrollment, months[-1 - i], months[-1])
        )
        return months[first], months[-1 - back]

    def _partition(self, enrollment: str, month: Period) -> Partition:
        late = self._ctx.now() >= month.end + PUBLISH_LAG
        return Partition(
            key=f"{enrollment}/{month}",
            period=month,
            version=None,
            state=PartitionState.CLOSED if late else PartitionState.CLOSING,
        )


class _Rows:
    """Sums the records of a month by what they are about."""

    def __init__(self, month: Period, enrollment: str, naming: Naming) -> None:
        self.records = 0
        self._seen: set[int] = set()
        self._month = month
        self._enrollment = enrollment
        self._naming = naming
        self._sums: dict[Place, Emitted] = {}

    def add(self, record: Record) -> None:
        """
        Take in one record.

        Raises:
            FatalError: if it is of another month.
            SourceChanged: if it came before: then the pages moved, and another one did not come.
        """
        if record.date_key != date_key(self._month):
            raise FatalError(f"asked for {self._month}, got emissions of {record.date_key}")
        if record.kg and record.identity in self._seen:  # nothing may come twice
            raise SourceChanged(f"the pages of enrollment {self._enrollment} moved")
        self._seen.add(record.identity)
        self.records += 1
        self._sums.setdefault(record.place, Emitted()).add(record.scope, record.kg)

    async def hand_on(self, builder: ActivityBuilder, *, at_least: int = 0) -> None:
        """Write the rows if there are *at_least* so many; what comes of the same later is added."""
        if len(self._sums) < at_least:
            return
        sums, self._sums = self._sums, {}
        for place, emitted in sums.items():
            await builder.add(self._row(place, emitted))

    def _row(self, place: Place, emitted: Emitted) -> Mapping[str, Any]:
        return {
            "source": "azure_emissions_dashboard",
            "billing_account_id": place.subscription or self._enrollment,
            "account_id": place.subscription,
            "account_name": place.subscription_name,
            "billing_period": str(self._month),
            "period_start": self._month.start,
            "period_end": self._month.end,
            "sku": place.part,
            "metadata": [("enrollment", self._enrollment)],
            **self._naming.region(place.region, emitted.lines),
            **self._naming.service(place.service, emitted.lines),
            **emitted.columns(),
        }


async def _bisected(count: int, holds: Callable[[int], Awaitable[bool]]) -> int:
    """Return the least index below *count* from which on *holds* is true; it is for the last."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if await holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
