"""
Which export is read, and which of its runs counts for a month.

Every run has all of its days, so the newest one of a month counts, and none is ever added to
another. A container often has several exports side by side, and some of no costs at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ogfd.plugin import BadRequestError, FatalError, NotFoundError, PartitionState, Period
from ogfd_azure.calendar import CLOSES
from ogfd_azure.config import CostConfig
from ogfd_azure.exports.charges import Dataset
from ogfd_azure.exports.manifest import Export, Run

_COSTS: Final = frozenset(dataset.value.casefold() for dataset in Dataset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of an export: the *run* that counts, and why one might doubt that it should."""

    period: Period
    run: Run
    doubts: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``YYYY-MM``."""
        return str(self.period)

    def state(self, now: datetime) -> PartitionState:
        """Return how final it is."""
        if now < self.period.end:
            return PartitionState.OPEN
        closing = now < self.period.end + CLOSES
        return PartitionState.CLOSING if closing else PartitionState.CLOSED

    def check(self) -> None:
        """
        Make sure that the run is of this month alone.

        Raises:
            FatalError: if it is of more than one.
        """
        if f"{self.run.last:%Y-%m}" != self.key:
            raise FatalError(
                f"the run {self.run.manifest} is of {self.run.span}, which is more than one month",
                hint="export month by month: MonthToDate or TheLastMonth; take this run away",
            )


def one_dataset(runs: Iterable[Run], config: CostConfig, place: str) -> list[Run]:
    """
    Return the runs of the one dataset of one scope that is meant.

    They may be of several exports: one by day and one of the last month have the same costs.

    Args:
        runs: all there are.
        config: may name the export.
        place: where they lie, for messages.

    Raises:
        NotFoundError: if there is none.
        BadRequestError: if there are several, whose costs would count twice.
    """
    of_costs = [run for run in runs if not run.export.kind or run.export.kind.casefold() in _COSTS]
    chosen = [run for run in _united(of_costs) if _is_meant(run.export, config.export)]
    newest = {run.export: run for run in sorted(chosen, key=lambda run: run.age)}
    datasets: dict[tuple[str, str], list[str]] = {}
    for export, run in newest.items():
        # The version is that of now: exports are brought to another one where they are.
        datasets.setdefault((export.costs, run.version), []).append(export.name)
    if not datasets:
        named = f" {config.export}" if config.export else ""
        raise NotFoundError(
            f"no run of a cost export{named} under {place}",
            hint=_others(of_costs)
            or "check account, container and prefix; a new export has its first run within a day",
        )
    if len(datasets) > 1:
        raise BadRequestError(
            f"{place} holds several cost exports, which may have the same costs twice: "
            f"{_told(datasets)}",
            hint="set export to the name of one, FocusCost if there is one, or make prefix more "
            "exact",
        )
    return chosen


def months(runs: Iterable[Run], window: Period) -> list[Month]:
    """Return the months in *window*, oldest first, each with its newest run."""
    by_month: dict[str, list[Run]] = {}
    for run in runs:
        by_month.setdefault(f"{run.first:%Y-%m}", []).append(run)
    found = []
    for key, several in sorted(by_month.items()):
        period = Period.month(key)
        if period.overlaps(window):
            newest = max(several, key=lambda run: run.age)
            found.append(Month(period=period, run=newest, doubts=_doubts(newest, several)))
    return found


def _is_meant(export: Export, name: str | None) -> bool:
    return name is None or export.name.casefold() == name.casefold()


def _told(datasets: Mapping[tuple[str, str], Sequence[str]]) -> str:
    return "; ".join(
        f"{' and '.join(sorted(set(names)))} ({' '.join(filter(None, (costs, version)))})"
        for (costs, version), names in sorted(datasets.items())
    )


def _others(runs: Sequence[Run]) -> str | None:
    names = sorted({run.export.name for run in runs})
    return f"there are {', '.join(names)}" if names else None


def _united(runs: Sequence[Run]) -> list[Run]:
    """Take runs of before 2023, which do not say of what they are, for those of their folder."""
    told: dict[str, set[Export]] = {}
    for run in runs:
        if run.export.scope:
            told.setdefault(run.export.root, set()).add(run.export)
    exports: Mapping[str, Export] = {
        root: next(iter(found)) for root, found in told.items() if len(found) == 1
    }
    return [replace(run, export=exports.get(run.export.root, run.export)) for run in runs]


def _doubts(newest: Run, runs: Sequence[Run]) -> tuple[str, ...]:
    """Return why *newest* may not be all that there is of its month."""
    found = f"the newest run, {newest.manifest}, is of {newest.span}"
    if newest.first.day > 1:
        return (f"{found} and not from the 1st on",)
    fuller = [run for run in runs if _goes_beyond(run, newest)]
    if not fuller:
        return ()
    other = max(fuller, key=lambda run: run.age)
    return (f"{found} alone, and an older one, {other.manifest}, of {other.span}",)


def _goes_beyond(run: Run, newest: Run) -> bool:
    return run.reach > newest.last and run.last.month == newest.last.month
