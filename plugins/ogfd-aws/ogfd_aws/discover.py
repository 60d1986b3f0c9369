"""
``ogfd check --discover``: finds the reports and exports of the account and suggests what to set.

All cost exports of an account hold the same cost, so one is suggested and never two: the best is
one that AWS delivers, whose lines are not sums of a month, and which says most of what activities
have room for. CUR 2.0 names line types, instance types, tags and the accounts; FOCUS 1.2 lacks the
line types, the legacy report lacks the names of accounts, FOCUS 1.0 invoices and instance types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ogfd.plugin import Context, Finding, FindingLevel, Parked, SourceError
from ogfd_aws import policies
from ogfd_aws.check import granted
from ogfd_aws.config import AwsConfig, CarbonExportConfig, CostConfig
from ogfd_aws.definitions import (
    DESCRIBE_REPORTS,
    GET_EXPORT,
    LIST_EXPORTS,
    Definition,
    Kind,
    exports,
    reports,
)
from ogfd_aws.probes import Probed, failed, refused
from ogfd_aws.session import Clients, open_clients

_TO_SEE_REPORTS: Final = policies.on_all("OgfdSeeReports", DESCRIBE_REPORTS)
_TO_SEE_EXPORTS: Final = policies.on_all("OgfdSeeExports", LIST_EXPORTS, GET_EXPORT)
_COMPLETE: Final = (1, 2)
_WHY: Final = "of those that AWS delivers, it says most: CUR 2.0, FOCUS 1.2, legacy CUR, FOCUS 1.0"


async def discover(config: AwsConfig, ctx: Context) -> Sequence[Finding]:
    """Find reports and exports and say which of them to configure; changes nothing."""
    try:
        async with open_clients(ctx, config) as clients:
            return await _discovered(ctx, clients, config)
    except (SourceError, Parked) as exc:
        return [failed("credentials", exc)]


async def _discovered(ctx: Context, clients: Clients, config: AwsConfig) -> list[Finding]:
    found: list[Definition] = []
    probed: list[Probed] = []
    try:
        found += await reports(ctx, clients, config.region)
    except (SourceError, Parked) as exc:
        probed.append(refused(DESCRIBE_REPORTS, exc, lambda _: [_TO_SEE_REPORTS]))
    try:
        found += await exports(ctx, clients, config.region)
    except (SourceError, Parked) as exc:
        probed.append(refused(LIST_EXPORTS, exc, lambda _: [_TO_SEE_EXPORTS]))
    findings = [*granted(probed), *(_described(one, config) for one in found)]
    complete = not probed
    if complete and not found and config.cost is not None:
        findings.append(_elsewhere())
    readable = sorted((one for one in found if one.is_cost and not one.lacking), key=_worth)
    best = readable[0] if readable and config.cost is None else None
    region = config.region if best is None else best.region
    return [
        *findings,
        *_cost(readable, config, complete=complete),
        *_carbon(found, config, region),
    ]


def _described(one: Definition, config: AwsConfig) -> Finding:
    what = one.table or one.kind.value
    place = f"s3://{one.bucket}/{one.prefix} in {one.region}"
    troubles = [one.problem] if one.problem else []
    if one.lacking:
        troubles.append(f"its query leaves out {', '.join(one.lacking)}, so it cannot be read")
    notes = [f"{what}, {one.files}, {place}", *troubles]
    if one.monthly:
        notes.append("its lines are sums of a month: choose hourly or daily")
    if one.kind is Kind.OTHER:
        notes.append("not read by ogfd")
    if _configured(one, config):
        notes.append("configured")
    return Finding(
        level=FindingLevel.WARNING if troubles else FindingLevel.OK,
        subject=f"{'report' if one.kind is Kind.REPORT else 'export'} {one.name}",
        message="; ".join(notes),
    )


def _cost(readable: Sequence[Definition], config: AwsConfig, *, complete: bool) -> list[Finding]:
    """Suggest the best of the cost exports, unless there is one in the configuration."""
    if not readable:
        return [_none()] if complete and config.cost is None else []
    warned = [] if len(readable) == 1 else [_several(readable, config)]
    if config.cost is not None:
        return warned
    best = readable[0]
    table: dict[str, Any] = {"bucket": best.bucket, "prefix": best.prefix, "report": best.name}
    return [*warned, _suggestion("cost", best, table, config)]


def _carbon(found: Sequence[Definition], config: AwsConfig, region: str) -> list[Finding]:
    """Suggest a carbon export, unless emissions are read already; best of the connector's Region."""
    readable = [one for one in found if one.kind is Kind.CARBON and not one.lacking]
    if not readable or config.carbon is not None or config.carbon_export is not None:
        return []
    best = min(readable, key=lambda one: (one.problem is not None, one.region != region, one.name))
    if best.problem is not None:
        return []
    if best.region != region:
        return [_of_another_region(best)]
    table = {"bucket": best.bucket, "prefix": best.prefix, "export": best.name}
    return [_suggestion("carbon_export", best, table, config)]


def _suggestion(stream: str, best: Definition, table: dict[str, Any], config: AwsConfig) -> Finding:
    told: dict[str, Any] = {} if best.region == config.region else {"region": best.region}
    return Finding(
        level=FindingLevel.OK,
        subject=f"stream {stream}",
        message=f"can be read from {best.name}",
        suggestion=told | {stream: table},
    )


def _of_another_region(best: Definition) -> Finding:
    return Finding(
        level=FindingLevel.OK,
        subject="stream carbon_export",
        message=f"can be read from {best.name} by a connector of its own, with "
        f'region = "{best.region}"; or add the table carbon, which needs no bucket',
    )


def _elsewhere() -> Finding:
    return Finding(
        level=FindingLevel.OK,
        subject="stream cost",
        message="this account has defined no report or export itself: what is configured comes "
        "from another one",
    )


def _none() -> Finding:
    return Finding(
        level=FindingLevel.WARNING,
        subject="stream cost",
        message="the account has defined no cost export that can be read; create one (Billing "
        "console, Data Exports), in the management account for all its members",
    )


def _several(readable: Sequence[Definition], config: AwsConfig) -> Finding:
    names = ", ".join(one.name for one in readable)
    chosen = f"{readable[0].name} is suggested: {_WHY}"
    if config.cost is not None:
        chosen = "one is configured"
    return Finding(
        level=FindingLevel.WARNING,
        subject="stream cost",
        message=f"{names} hold the same cost: configure one of them, never two; {chosen}",
    )


def _worth(one: Definition) -> tuple[bool, bool, int, str]:
    """Return what sorts the best first."""
    whole = one.focus_version >= _COMPLETE
    rank = {Kind.CUR2: 0, Kind.FOCUS: 1 if whole else 3, Kind.REPORT: 2}[one.kind]
    return one.problem is not None, one.monthly, rank, one.name


def _configured(one: Definition, config: AwsConfig) -> bool:
    if one.kind is Kind.CARBON:
        carbon = config.carbon_export
        return carbon is not None and _names(carbon, carbon.export, one)
    return config.cost is not None and _names(config.cost, config.cost.report, one)


def _names(table: CostConfig | CarbonExportConfig, name: str | None, one: Definition) -> bool:
    """Return whether *table*, which may leave the name out, is about *one*."""
    if table.bucket != one.bucket or name not in {None, one.name}:
        return False
    root = f"{one.prefix}/{one.name}/".lstrip("/")
    return root.startswith(f"{table.prefix.strip('/')}/".lstrip("/"))
