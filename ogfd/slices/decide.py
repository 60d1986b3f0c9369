"""What to do about a slice, from what is known before any data is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ogfd.plugin import ErrorClass, LedgerEntry, Partition, PartitionState
from ogfd.slices.target import Recipe
from ogfd.state import SliceRecord, Verdict, VerdictKind


class Action(StrEnum):
    """What a run does about a slice."""

    READ = "read"
    UNCHANGED = "unchanged"
    HELD = "held"
    PARKED = "parked"


class Recompute(StrEnum):
    """Which partitions are read again when only the recipe changed."""

    OPEN = "open"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """
    What failed before is not to be tried by this run.

    Attributes:
        reason: why it failed.
        error_class: of the failure.
        until: when it is tried again; None if the schedule does so.
    """

    reason: str | None
    error_class: ErrorClass
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action with its reason, the target if the version is known, and the wait if it waits."""

    action: Action
    reason: str | None = None
    target: str | None = None
    wait: Wait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What is known of a slice.

    Attributes:
        bases: the ledger entry in each sink, None where the sink has not the slice.
        record: what the state store last saw.
        verdicts: by target.
        waiting: target of the package that waits for a sink or an operator, if one does.
        wait: what the run has to wait for, if anything.
    """

    bases: Mapping[str, LedgerEntry | None]
    record: SliceRecord | None
    verdicts: Mapping[str, Verdict]
    waiting: str | None = None
    wait: Wait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    How to decide.

    Attributes:
        now: in UTC.
        force: read again what is unchanged, parked or held.
        recompute: which partitions a changed recipe alone recomputes.
        refresh: least time between two reads of a partition without a version.
    """

    now: datetime
    force: bool
    recompute: Recompute
    refresh: timedelta


def decide(partition: Partition, recipe: Recipe, known: Known, rules: Rules) -> Decision:
    """Decide about one slice."""
    target = None if partition.version is None else recipe.target(partition.version)
    if rules.force:
        return Decision(action=Action.READ, reason="forced", target=target)
    foreign = _foreign(partition, known)
    if foreign:
        return Decision(action=Action.HELD, reason=foreign, target=target)
    if target is not None and _current(known, target):
        return Decision(action=Action.UNCHANGED, target=target)
    if known.wait is not None:
        return Decision(
            action=Action.PARKED, reason=known.wait.reason, target=target, wait=known.wait
        )
    if target is None:
        return _versionless(known, recipe, rules)
    return _changed(partition, recipe, known, rules, target)


def _changed(
    partition: Partition, recipe: Recipe, known: Known, rules: Rules, target: str
) -> Decision:
    verdict = known.verdicts.get(target)
    if verdict is not None and _bars(verdict, known.waiting):
        return Decision(action=Action.HELD, reason=_said(verdict), target=target)
    if _only_recipe_changed(partition, recipe, known) and not _recomputed(partition, rules):
        reason = f"the recipe changed; recompute = {rules.recompute} leaves it to --force"
        return Decision(action=Action.UNCHANGED, reason=reason, target=target)
    return Decision(action=Action.READ, reason=_why(partition, known), target=target)


def _foreign(partition: Partition, known: Known) -> str | None:
    for sink, base in known.bases.items():
        if (
            base is not None
            and base.source
            and partition.source
            and base.source != partition.source
        ):
            return (
                f"sink {sink} holds this slice from {base.source}, the configuration names "
                f"{partition.source}; point it back, or replace the rows with --force. Rows of "
                "slices that the new source does not list stay, unless they are dropped first: "
                f"ogfd slices drop {base.connector}/{base.stream} --reason ..."
            )
    return None


def _versionless(known: Known, recipe: Recipe, rules: Rules) -> Decision:
    record = known.record
    complete = all(base is not None and base.recipe == recipe.id for base in known.bases.values())
    if complete and record is not None and record.read_at is not None:
        due = record.read_at + rules.refresh
        if due > rules.now:
            reason = f"read less than {rules.refresh} ago"
            return Decision(action=Action.UNCHANGED, reason=reason)
    return Decision(action=Action.READ, reason="the source has no versions")


def _current(known: Known, target: str) -> bool:
    return all(base is not None and base.target == target for base in known.bases.values())


def _bars(verdict: Verdict, waiting: str | None) -> bool:
    """A held version without its package must be read again: there is nothing to approve."""
    match verdict.kind:
        case VerdictKind.REJECTED:
            return True
        case VerdictKind.HELD:
            return waiting == verdict.target
        case VerdictKind.APPROVED:
            return False


def _said(verdict: Verdict) -> str:
    if verdict.kind is VerdictKind.REJECTED:
        return f"rejected by {verdict.actor or 'an operator'}: {verdict.reason}"
    return verdict.reason


def _only_recipe_changed(partition: Partition, recipe: Recipe, known: Known) -> bool:
    return all(
        base is not None and base.version == partition.version and base.recipe != recipe.id
        for base in known.bases.values()
    )


def _recomputed(partition: Partition, rules: Rules) -> bool:
    match rules.recompute:
        case Recompute.ALL:
            return True
        case Recompute.OPEN:
            return partition.state is not PartitionState.CLOSED
        case Recompute.NONE:
            return False


def _why(partition: Partition, known: Known) -> str:
    bases = list(known.bases.values())
    if all(base is None for base in bases):
        return "new"
    if any(base is None for base in bases):
        return "a sink has not got it yet"
    if any(base is not None and base.version != partition.version for base in bases):
        return "restated by the provider"
    return "the recipe changed"
