"""
Probes of ``ogfd check``: each asks for what a stream needs, and says what is missing if refused.

A missing role comes with what grants it. Credentials that are refused, a firewall, and whatever
else goes wrong come without: no role would mend them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Final

from ogfd.plugin import (
    AuthError,
    Context,
    ErrorClass,
    Finding,
    FindingLevel,
    Parked,
    Period,
    SourceError,
)
from ogfd_azure import grants
from ogfd_azure.arm import Arm
from ogfd_azure.blob import Container, open_container
from ogfd_azure.carbon.publication import PUBLISH_LAG
from ogfd_azure.carbon.service import BATCH, RANGE, REPORTS, Available, Reports, reckoned
from ogfd_azure.config import AzureConfig, CostConfig
from ogfd_azure.dashboard.service import OPERATION as EMISSIONS
from ogfd_azure.dashboard.service import SCOPE as DASHBOARD_SCOPE
from ogfd_azure.dashboard.service import Emissions
from ogfd_azure.exports.manifest import NAMES
from ogfd_azure.exports.stream import CostStream
from ogfd_azure.faults import lacks_permission
from ogfd_azure.grants import Grant
from ogfd_azure.query.service import OPERATION as QUERY
from ogfd_azure.query.service import Costs, Queries, Query
from ogfd_azure.tokens import Tokens

SUBSCRIPTIONS: Final = "arm:ListSubscriptions"
LIST: Final = "blob:ListBlobs"
READ: Final = "blob:GetBlob"

_EVER: Final = Period.months("2006-01", "2100-12")
_PENDING: Final = "not published yet: pending"
_NETWORK: Final = "AuthorizationFailure"  # what a firewall answers with, too
_NAMED: Final = 20
_FIRST_DASHBOARD: Final = Period.month("2016-01")
_DASHBOARD_PERMISSION: Final = "App.Emission.Read"
_GONE: Final = (
    "can no longer be had there; what was read in time stays in the sinks, and emissions_dashboard, "
    "in a connector of its own, has earlier months"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found, and what is to be granted."""

    finding: Finding
    missing: tuple[Grant, ...] = ()


def failed(subject: str, exc: SourceError | Parked, message: str | None = None) -> Finding:
    """Return *exc* as a finding, in its own words if *message* is not given."""
    return Finding(
        level=FindingLevel.ERROR,
        subject=subject,
        message=message or str(exc),
        error_class=exc.error_class,
    )


def refused(
    subject: str, exc: SourceError | Parked, granting: Callable[[], Sequence[Grant]]
) -> Probed:
    """
    Return what a probe ran into, with what to grant if that is a missing role.

    Args:
        subject: what was probed.
        exc: what it ran into.
        granting: says what mends a refusal.
    """
    if isinstance(exc, Parked) or not lacks_permission(exc):
        return Probed(finding=failed(subject, exc))
    said = str(exc.args[0])  # without the hint, which the grant takes the place of
    return Probed(finding=failed(subject, exc, said), missing=tuple(granting()))


def fine(subject: str, message: str) -> Probed:
    """Return that *subject* works."""
    return Probed(finding=Finding(level=FindingLevel.OK, subject=subject, message=message))


def warned(subject: str, message: str) -> Probed:
    """Return that *subject* works, and what to look at."""
    return Probed(finding=Finding(level=FindingLevel.WARNING, subject=subject, message=message))


def listing(values: Sequence[str]) -> str:
    """Return *values* as words, the first of many."""
    more = len(values) - _NAMED
    return ", ".join(values[:_NAMED]) + (f" and {more} more" if more > 0 else "")


async def probe_carbon(ctx: Context, arm: Arm, config: AzureConfig) -> list[Probed]:
    """Probe the emissions of every subscription that is to be read, and say of which months."""
    if config.carbon is None:
        return []
    try:
        visible = await arm.subscriptions()
    except (SourceError, Parked) as exc:
        found = [Probed(finding=failed(SUBSCRIPTIONS, exc))]
        visible = ()
    else:
        found = [_visible(visible, config)]
    known = config.subscriptions or visible
    left_out = sorted(one for one in known if not ctx.selects(one))
    if left_out:
        found.append(
            fine("subscriptions left out", f"on purpose, by accounts: {listing(left_out)}")
        )
    selected = sorted(set(known) - set(left_out))
    return [*found, *await _Carbon(ctx, arm, selected).probe()] if selected else found


def _visible(visible: Sequence[str], config: AzureConfig) -> Probed:
    if visible:
        return fine(SUBSCRIPTIONS, f"{len(visible)} visible: {listing(visible)}")
    if config.subscriptions:
        return fine(SUBSCRIPTIONS, "none visible; those in the configuration are read")
    needed = grants.RoleOn(
        role=grants.CARBON, scopes=("/subscriptions/SUBSCRIPTION_ID",), name="ogfd_carbon"
    )
    finding = Finding(
        level=FindingLevel.ERROR,
        subject=SUBSCRIPTIONS,
        message="no subscription is visible to this identity, and subscriptions names none",
        error_class=ErrorClass.AUTH,
    )
    return Probed(finding=finding, missing=(needed,))


class _Carbon:
    """Probes of Microsoft.Carbon for *subscriptions*."""

    def __init__(self, ctx: Context, arm: Arm, subscriptions: Sequence[str]) -> None:
        self._ctx = ctx
        self._reports = Reports(ctx, arm)
        self._subscriptions = subscriptions

    async def probe(self) -> list[Probed]:
        """Probe which months there are, then the newest of them."""
        try:
            available, told = await self._available()
        except (SourceError, Parked) as exc:
            return [Probed(finding=failed(RANGE, exc))]
        if available is None:
            return [fine(RANGE, "nothing published: pending")]
        found = [fine(RANGE, f"{available.first} to {available.last}{told}")]
        return [*found, *self._months(available), await self._read(available)]

    async def _available(self) -> tuple[Available | None, str]:
        """Return the months, and a remark on who says so."""
        try:
            return await self._reports.told(), ""
        except AuthError as exc:
            if exc.status != HTTPStatus.FORBIDDEN:
                raise
            reckoned_on = reckoned(self._ctx.now())
            return reckoned_on, " by the calendar, as the role does not let it be asked"

    def _months(self, available: Available) -> list[Probed]:
        """Name months that somebody wants and that are not there, no longer or not yet."""
        found = []
        wanted = self._ctx.start("carbon")
        if wanted is not None and wanted < available.first:
            last = Period.month(available.first).start - timedelta(days=1)
            span = wanted if wanted == f"{last:%Y-%m}" else f"{wanted} to {last:%Y-%m}"
            found.append(warned("carbon months", f"Azure keeps twelve months: {span} {_GONE}"))
        month = Period.month(f"{Period.month(available.last).end:%Y-%m}")
        if month.end <= self._ctx.now():
            due = month.end + PUBLISH_LAG
            when = f"Azure publishes by {due:%Y-%m-%d}"
            found.append(fine(f"carbon of {month}", f"{_PENDING}; {when}"))
        return found

    async def _read(self, available: Available) -> Probed:
        month = Period.month(available.last)
        denied: dict[str, str] = {}
        try:
            for start in range(0, len(self._subscriptions), BATCH):
                batch = self._subscriptions[start : start + BATCH]
                denied |= (await self._reports.overall(month, batch, 1))[1]
        except (SourceError, Parked) as exc:
            return refused(REPORTS, exc, lambda: [self._role(self._subscriptions)])
        if not denied:
            return fine(REPORTS, f"{month} of {len(self._subscriptions)} subscriptions can be read")
        names = sorted(denied)
        reasons = "; ".join(sorted({reason for reason in denied.values() if reason}))
        finding = Finding(
            level=FindingLevel.ERROR,
            subject=REPORTS,
            message=f"Azure denies the emissions of {listing(names)}"
            f"{f': {reasons}' if reasons else ''}; grant the role, or leave them out by accounts",
            error_class=ErrorClass.AUTH,
        )
        return Probed(finding=finding, missing=(self._role(names),))

    def _role(self, subscriptions: Sequence[str]) -> Grant:
        scopes = tuple(f"/subscriptions/{one}" for one in subscriptions)
        return grants.RoleOn(role=grants.CARBON, scopes=scopes, name="ogfd_carbon")


async def probe_dashboard(ctx: Context, tokens: Tokens, config: AzureConfig) -> list[Probed]:
    """Probe the records of every enrollment."""
    if (table := config.emissions_dashboard) is None:
        return []
    emissions = Emissions(ctx, table, tokens)
    needed = grants.AppPermission(
        api=DASHBOARD_SCOPE.partition("/")[0],
        permission=_DASHBOARD_PERMISSION,
        name="ogfd_dashboard",
    )
    last = Period.month(f"{ctx.now():%Y-%m}")
    found = []
    for enrollment in table.enrollments:
        subject = f"{EMISSIONS} {enrollment}"
        try:
            there = await emissions.any(enrollment, _FIRST_DASHBOARD, last)
        except (SourceError, Parked) as exc:
            found.append(refused(subject, exc, lambda: [needed]))
            continue
        found.append(fine(subject, "can be read" if there else "nothing published: pending"))
    return found


async def probe_cost(ctx: Context, tokens: Tokens, config: AzureConfig) -> list[Probed]:
    """Probe listing and reading of the cost export."""
    if (cost := config.cost) is None:
        return []
    container = open_container(ctx, tokens, config, cost)
    place = f"{container.name}/{cost.folder}"
    try:
        blobs = await container.below(cost.folder)
    except (SourceError, Parked) as exc:
        return [_closed(f"{LIST} {place}", exc, cost)]
    manifests = sum(name.rpartition("/")[2] in NAMES for name in blobs)
    found = [fine(f"{LIST} {place}", f"{len(blobs)} blobs, {manifests} runs of exports")]
    if blobs and not manifests:
        return [*found, fine(f"{READ} {place}", _PENDING)]
    return [*found, await _months(ctx, container, cost, place)]


async def _months(ctx: Context, container: Container, cost: CostConfig, place: str) -> Probed:
    """Read the manifests, which lie beside the files and are read with the same role."""
    subject = f"{READ} {place}"
    try:
        months = await CostStream(ctx, container, cost).partitions(_EVER)
    except (SourceError, Parked) as exc:
        return _closed(subject, exc, cost)
    newest = months[-1]
    return fine(subject, f"{len(months)} months up to {newest.key} can be read, {newest.source}")


def _closed(subject: str, exc: SourceError | Parked, cost: CostConfig) -> Probed:
    """Return what kept blobs from being read; the firewall of an account speaks as a role does."""
    needed = grants.ReadContainer(account=cost.account, container=cost.container)
    probed = refused(subject, exc, lambda: [needed])
    if not probed.missing or getattr(exc, "code", None) != _NETWORK:
        return probed
    said = f"{probed.finding.message}; if the role is there, the firewall of the account keeps out"
    return replace(probed, finding=replace(probed.finding, message=f"{said} this machine"))


async def probe_cost_query(ctx: Context, arm: Arm, config: AzureConfig) -> list[Probed]:
    """Probe the cost of every scope, by one small query each."""
    if (table := config.cost_query) is None:
        return []
    queries = Queries(ctx, arm)
    month = Period.month(f"{ctx.now():%Y-%m}")
    found = []
    for scope in table.scopes:
        subject = f"{QUERY} {scope}"
        query = Query(scope=scope, costs=Costs.BILLED, month=month, daily=False)
        try:
            async for page in queries.pages(query):
                there = f"{month} can be read" if page.rows else f"no cost in {month} yet"
                found.append(fine(subject, there))
                break
        except (SourceError, Parked) as exc:
            found.append(refused(subject, exc, partial(grants.read_cost, [scope])))
    return found
