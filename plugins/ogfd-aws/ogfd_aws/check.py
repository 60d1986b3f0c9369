"""
``ogfd check``: may the credentials do what the streams need?

    whose are they?  -- refused -->  one finding; for a role, its trust policy
          |
    each stream: list, read, ask  -- refused -->  what is missing, all of it in one policy
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ogfd.plugin import Context, ErrorClass, Finding, FindingLevel, Parked, SourceError
from ogfd_aws import policies
from ogfd_aws.config import AwsConfig
from ogfd_aws.denials import denial_in
from ogfd_aws.explorer.probe import probe_explorer
from ogfd_aws.faults import HINTS, lacks_permission
from ogfd_aws.identity import CALLER, Caller, before_the_role, caller, standing
from ogfd_aws.probes import (
    Probed,
    failed,
    fine,
    probe_carbon,
    probe_carbon_export,
    probe_cost,
)
from ogfd_aws.session import Clients, open_clients


async def check(config: AwsConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing."""
    if not config.has_streams:
        return [
            Finding(
                level=FindingLevel.WARNING,
                subject="streams",
                message="no stream is on; add a table [connectors.NAME.cost] with a bucket, "
                "or [connectors.NAME.carbon]; ogfd check --discover finds exports",
            )
        ]
    try:
        async with open_clients(ctx, config) as clients:
            probed = await _probed(ctx, clients, config)
    except (SourceError, Parked) as exc:
        return [failed("credentials", exc)]
    return granted(probed)


def granted(probed: Sequence[Probed]) -> list[Finding]:
    """Return the findings; those that miss something have the policy of all that is missing."""
    missing = [statement for one in probed for statement in one.missing]
    if not missing:
        return [one.finding for one in probed]
    grant = policies.grant(missing)
    return [replace(one.finding, grant=grant) if one.missing else one.finding for one in probed]


async def _probed(ctx: Context, clients: Clients, config: AwsConfig) -> list[Probed]:
    who = None
    found: list[Probed] = []
    if _has_identity(config):
        try:
            who = await caller(ctx, clients)
        except (SourceError, Parked) as exc:
            if exc.error_class is ErrorClass.AUTH and not lacks_permission(exc):
                return [Probed(finding=await _turned_away(ctx, config, exc))]
            found.append(Probed(finding=replace(failed(CALLER, exc), level=FindingLevel.WARNING)))
        else:
            ctx.signed_in(who.arn)
            found.append(fine(CALLER, f"account {who.account}, {who.arn}"))
    return [*found, *await _streams(ctx, clients, config, who)]


def _has_identity(config: AwsConfig) -> bool:
    """Whether anybody can say whose the credentials are: a store that is S3 alone cannot."""
    asked = (config.role_arn, config.carbon, config.cost_explorer)
    return config.endpoint_url is None or any(each is not None for each in asked)


async def _streams(
    ctx: Context, clients: Clients, config: AwsConfig, who: Caller | None
) -> list[Probed]:
    found = [
        *await probe_cost(ctx, clients, config),
        *await probe_carbon(ctx, clients, config),
        *await probe_carbon_export(ctx, clients, config),
        *await probe_explorer(ctx, clients, config),
    ]
    if who is not None and (config.carbon is not None or config.cost_explorer is not None):
        # Of these AWS says not whose they are, as an export does.
        found.append(fine(f"data of {who.account}", await standing(ctx, clients, who.account)))
    return found


async def _turned_away(ctx: Context, config: AwsConfig, exc: SourceError | Parked) -> Finding:
    """Return that the credentials are refused; of a role, with what lets it be assumed."""
    finding = failed("credentials", exc)
    role = config.role_arn
    if role is None or exc.hint != HINTS["role"]:
        return finding
    denial = denial_in(str(exc.args[0]))
    if denial.deny is not None:
        return replace(finding, message=f"{exc.args[0]}; {denial.advice}")
    arn = denial.who
    if arn is None and (before := await before_the_role(ctx, config)) is not None:
        arn = before.arn
    return replace(finding, grant=arn and policies.trust(arn, role, config.external_id))
