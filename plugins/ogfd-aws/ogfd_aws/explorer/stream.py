"""
The stream ``cost_explorer``: cost by two groups, a day or a month a row; a partition is a month.

    the calendar -> the months of the last year, nothing is asked    partitions()
    one month by its groups, page by page                            read()

Beside the stream ``cost`` it lists nothing: the same money would count twice. It is the reference
then, see `ogfd_aws.explorer.reference`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from ogfd.plugin import (
    ActivityBuilder,
    BadRequestError,
    Context,
    FatalError,
    Grain,
    Output,
    Partition,
    Period,
    SourceChanged,
    Wanted,
)
from ogfd_aws.explorer.answers import Cost, account_names, costs
from ogfd_aws.explorer.fee import FEE
from ogfd_aws.explorer.groups import LINKED_ACCOUNT, RECORD_TYPE, Group, Meaning
from ogfd_aws.explorer.months import kept, state_of, version_of
from ogfd_aws.explorer.service import Explorer, Query

SOURCE: Final = "aws_cost_explorer"
_MIXED: Final = {"record_types": "mixed"}


class CostExplorerStream:
    """
    Reads the cost that *explorer* gives.

    Args:
        ctx: of the run.
        explorer: the service.
        payer: tells who is billed for the account of the credentials.
        by: what to group by.
        counts: whether its rows count; if not, there are none.
    """

    name = "cost_explorer"

    def __init__(
        self,
        ctx: Context,
        explorer: Explorer,
        payer: Callable[[], Awaitable[str]],
        by: Sequence[str],
        *,
        counts: bool,
    ) -> None:
        self._ctx = ctx
        self._explorer = explorer
        self._payer = payer
        self._by = tuple(map(Group.parse, by))
        self._counts = counts

    async def partitions(self, window: Period) -> Sequence[Partition]:
        """List the months of *window* that AWS keeps, without asking for them."""
        if not self._counts:
            return []
        now = self._ctx.now()
        return [
            Partition(
                key=str(month),
                period=month,
                version=version_of(month, now),
                state=state_of(month, now),
                requests=1,  # and one more for each further page: nobody knows before
                price=FEE,
            )
            for month in kept(window, now)
        ]

    async def read(self, partition: Partition, out: Output) -> None:
        """
        Read the month.

        Raises:
            SourceChanged: if the pages moved.
            NotPublished: if AWS has no data yet.
            Parked: if the month's budget is spent.
            BadRequestError: if a tag would be thrown away, or no row says whose it is though the
                operator wants those of some accounts only.
            SourceError: if an answer cannot be had or understood.
        """
        self._check(out.wanted)
        month, monthly = partition.period, out.wanted.grain is Grain.MONTHLY
        rows = _Rows(month, await self._payer(), self._by, out)
        async with ActivityBuilder(out) as builder:
            async for page in self._explorer.pages(
                Query(period=month, monthly=monthly, by=self._by)
            ):
                rows.names.update(account_names(page))
                for cost in costs(page, groups=len(self._by)):
                    await builder.add(rows.row(cost))

    def _check(self, wanted: Wanted) -> None:
        """Refuse what would be wrong, before it costs money."""
        for group in self._by:
            if group.tag is not None and group.tag not in wanted.tags:
                raise BadRequestError(
                    f"group_by names the tag {group.tag}, which is not kept",
                    hint=f'add it to the table: tags = ["{group.tag}"]',
                )
        if wanted.by_account and LINKED_ACCOUNT not in {group.dimension for group in self._by}:
            raise BadRequestError(
                "the setting accounts leaves out rows by their account, and these name none",
                hint=f"group_by must have {LINKED_ACCOUNT}; or remove accounts",
            )


class _Rows:
    """
    Makes the rows of a month out of its costs.

    Attributes:
        names: of accounts, by id, as far as pages have told them.
    """

    def __init__(self, month: Period, payer: str, by: Sequence[Group], out: Output) -> None:
        self.names: dict[str, str] = {}
        self._month = month
        self._payer = payer
        self._by = by
        self._out = out
        self._meanings: dict[tuple[Group, str], Meaning] = {}
        self._seen: set[tuple[Period, tuple[str, ...]]] = set()
        dimensions = {group.dimension for group in by}
        self._has_accounts = LINKED_ACCOUNT in dimensions
        self._note = {} if RECORD_TYPE in dimensions else _MIXED

    def row(self, cost: Cost) -> dict[str, Any]:
        """
        Return the activity of *cost*.

        Raises:
            SourceChanged: if it came before.
            FatalError: if it is of another month.
        """
        self._check(cost)
        row: dict[str, Any] = {
            "source": SOURCE,
            "billing_account_id": self._payer,
            "billing_period": str(self._month),
            "period_start": cost.period.start,
            "period_end": cost.period.end,
            "billed_cost": cost.unblended,
            "effective_cost": cost.amortised,
            "currency": cost.currency,
        }
        tags: dict[str, str] = {}
        metadata: dict[str, str] = {"estimated": "true"} if cost.estimated else {}
        for group, key in sorted(zip(self._by, cost.keys, strict=True), key=_record_types_last):
            meaning = self._meaning(group, key)
            row |= meaning.columns
            tags |= meaning.tags
            metadata |= meaning.metadata
        if "charge_category" not in row:
            # A sum of all that was charged: most of it is usage, and there must be one.
            row["charge_category"] = "usage"
            metadata |= self._note
        if self._has_accounts:
            row["account_name"] = self.names.get(row["account_id"])
        return row | {"tags": sorted(tags.items()), "metadata": sorted(metadata.items())}

    def _meaning(self, group: Group, key: str) -> Meaning:
        meaning = self._meanings.get((group, key))
        if meaning is None:
            meaning = self._meanings[group, key] = group.meaning(key)
        if meaning.unknown is not None:
            self._out.unknown(*meaning.unknown)
        return meaning

    def _check(self, cost: Cost) -> None:
        if cost.period.start < self._month.start or cost.period.end > self._month.end:
            raise FatalError(f"asked for {self._month}, got cost of {cost.period}")
        place = (cost.period, cost.keys)
        if place in self._seen:
            raise SourceChanged(f"{self._month}: the pages moved, {cost.keys} came twice")
        self._seen.add(place)


def _record_types_last(pair: tuple[Group, str]) -> bool:
    """Tell it from the others: it knows the charge category, the service ``Tax`` only guesses it."""
    return pair[0].key == RECORD_TYPE
