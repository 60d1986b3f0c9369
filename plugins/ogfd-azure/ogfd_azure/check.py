"""
``ogfd check``: may the identity do what the streams need?

    who is it?  -- refused -->  one finding; no role would help
          |
    each stream: list, read, ask  -- refused -->  what is missing, all of it together
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ogfd.plugin import Context, Finding, FindingLevel, Parked, SourceError
from ogfd_azure import grants
from ogfd_azure.arm import Arm
from ogfd_azure.clouds import STORAGE_SCOPE
from ogfd_azure.config import AzureConfig
from ogfd_azure.credentials import SignIn
from ogfd_azure.dashboard.service import SCOPE as DASHBOARD_SCOPE
from ogfd_azure.directory import ending
from ogfd_azure.identity import Principal, principal
from ogfd_azure.probes import (
    Probed,
    failed,
    fine,
    probe_carbon,
    probe_cost,
    probe_cost_query,
    probe_dashboard,
)
from ogfd_azure.tokens import OPERATION as SIGN_IN
from ogfd_azure.tokens import Tokens


async def check(config: AzureConfig, ctx: Context) -> Sequence[Finding]:
    """Probe every stream that is configured; changes nothing."""
    scope = _first_scope(config)
    if scope is None:
        return [
            Finding(
                level=FindingLevel.WARNING,
                subject="streams",
                message="no stream is on; add a table [connectors.NAME.carbon], or .cost with an "
                "account and a container; ogfd check --discover finds exports",
            )
        ]
    async with Tokens(ctx, SignIn(config=config)) as tokens:
        try:
            who = await principal(tokens.auth(scope), config.client_id)
        except (SourceError, Parked) as exc:
            return [failed("credentials", exc)]
        ends = await ending(ctx, config, tokens)
        arm = Arm(ctx, config, tokens)
        probed = [
            *await probe_carbon(ctx, arm, config),
            *await probe_dashboard(ctx, tokens, config),
            *await probe_cost(ctx, tokens, config),
            *await probe_cost_query(ctx, arm, config),
        ]
    found = [fine(SIGN_IN, who.told).finding, *([] if ends is None else [ends])]
    return [*found, *granted(probed, who)]


def granted(probed: Sequence[Probed], who: Principal) -> list[Finding]:
    """Return the findings; those that miss something have the grant of all that is missing."""
    missing = [each for one in probed for each in one.missing]
    if not missing:
        return [one.finding for one in probed]
    grant = grants.grant(missing, who)
    return [replace(one.finding, grant=grant) if one.missing else one.finding for one in probed]


def _first_scope(config: AzureConfig) -> str | None:
    """Return what a token is asked for that some stream needs; None if none is on."""
    if config.carbon is not None or config.cost_query is not None:
        return config.endpoints.arm_scope
    if config.cost is not None:
        return STORAGE_SCOPE
    return DASHBOARD_SCOPE if config.emissions_dashboard is not None else None
