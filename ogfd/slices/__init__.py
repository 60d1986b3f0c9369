"""One slice: target, decision, read, judgement, commit, recovery."""

from ogfd.slices.decide import Action, Decision, Known, Recompute, Rules, Wait, decide
from ogfd.slices.deliver import CommitWatcher, Deliverer
from ogfd.slices.engine import Engine, Work
from ogfd.slices.failpoints import POINTS, Failpoints
from ogfd.slices.holdings import Held, Holdings, Inexact
from ogfd.slices.ledgers import Bases, read_bases
from ogfd.slices.outcome import DeliveryResult, Outcome, SliceResult
from ogfd.slices.reconcile import Agreement, Comparison, compared, unverified, worst
from ogfd.slices.target import Recipe, recipe

__all__ = [
    "POINTS",
    "Action",
    "Agreement",
    "Bases",
    "CommitWatcher",
    "Comparison",
    "Decision",
    "Deliverer",
    "DeliveryResult",
    "Engine",
    "Failpoints",
    "Held",
    "Holdings",
    "Inexact",
    "Known",
    "Outcome",
    "Recipe",
    "Recompute",
    "Rules",
    "SliceResult",
    "Wait",
    "Work",
    "compared",
    "decide",
    "read_bases",
    "recipe",
    "unverified",
    "worst",
]
