"""
``ogfd check --discover``: finds cost exports and subscriptions, and suggests what to set.

An export of a billing account has the costs of all its subscriptions, and every dataset of a scope
has the same costs, so one is suggested and never two. The best is one that is delivered day by day,
then FOCUS, which alone has billed and effective cost side by side and the categories of charges and
services by name; of cost details, actual cost, which is what is billed, before amortised cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ogfd.plugin import Context, ErrorClass, Finding, FindingLevel, OgfdError, Parked, SourceError
from ogfd_azure import grants
from ogfd_azure.arm import Arm
from ogfd_azure.check import granted
from ogfd_azure.config import AzureConfig
from ogfd_azure.credentials import SignIn
from ogfd_azure.definitions import LIST_ACCOUNTS, LIST_EXPORTS, Definition, billing_scopes, exports
from ogfd_azure.faults import lacks_permission
from ogfd_azure.identity import principal
from ogfd_azure.probes import SUBSCRIPTIONS, Probed, failed, fine, listing
from ogfd_azure.tokens import Tokens

_RANK: Final = {"focuscost": 0, "actualcost": 1, "amortizedcost": 2, "usage": 3}
_WHY: Final = (
    "FOCUS has billed and effective cost side by side, actual cost the billed, amortised cost the "
    "effective one"
)
_BILLING: Final = "/providers/microsoft.billing/"


async def discover(config: AzureConfig, ctx: Context) -> Sequence[Finding]:
    """Find exports and subscriptions and say what to configure; changes nothing."""
    async with Tokens(ctx, SignIn(config=config)) as tokens:
        try:
            who = await principal(tokens.auth(config.endpoints.arm_scope), config.client_id)
        except (SourceError, Parked) as exc:
            return [failed("credentials", exc)]
        arm = Arm(ctx, config, tokens)
        try:
            visible = await arm.subscriptions()
        except (SourceError, Parked) as exc:
            return [failed(SUBSCRIPTIONS, exc)]
        billing, told = await _billing(ctx, arm)
        selected = [one for one in visible if ctx.selects(one)]
        scopes = [*billing, *(f"/subscriptions/{one}" for one in selected)]
        if config.cost_query is not None:
            scopes += config.cost_query.scopes
        found, probed = await _exports(arm, list(dict.fromkeys(scopes)))
    return [
        *([] if told is None else [told]),
        *granted(probed, who),
        *(_described(one, found, config) for one in found),
        *_cost(found, config, complete=not probed),
        *_carbon(selected, config),
    ]


async def _billing(ctx: Context, arm: Arm) -> tuple[list[str], Finding | None]:
    """Return the billing scopes; of those that cannot be seen, which is usual, a remark."""
    try:
        return await billing_scopes(ctx, arm), None
    except OgfdError as exc:
        why = "not visible" if getattr(exc, "error_class", None) is ErrorClass.AUTH else str(exc)
        message = f"{why}; exports of a billing account are not looked for"
        return [], fine(LIST_ACCOUNTS, message).finding


async def _exports(arm: Arm, scopes: Sequence[str]) -> tuple[list[Definition], list[Probed]]:
    found: list[Definition] = []
    denied: list[str] = []
    probed: list[Probed] = []
    for scope in scopes:
        try:
            found += await exports(arm, scope)
        except (SourceError, Parked) as exc:
            if exc.error_class in {ErrorClass.NOT_FOUND, ErrorClass.BAD_REQUEST}:
                continue  # kinds of contracts without exports
            if isinstance(exc, SourceError) and lacks_permission(exc):
                denied.append(scope)
            else:
                probed.append(Probed(finding=failed(f"{LIST_EXPORTS} {scope}", exc)))
    if denied:
        finding = Finding(
            level=FindingLevel.ERROR,
            subject=LIST_EXPORTS,
            message=f"the exports of {listing(denied)} may not be listed",
            error_class=ErrorClass.AUTH,
        )
        probed.append(Probed(finding=finding, missing=tuple(grants.read_cost(denied))))
    return found, probed


def _described(one: Definition, found: Sequence[Definition], config: AzureConfig) -> Finding:
    notes = [one.told]
    troubles = []
    if one.is_cost and not one.active and one.recurrence:
        troubles.append("its schedule is off")
    if one.is_cost and not any(other.is_current for other in found if _together(one, other)):
        troubles.append("nothing brings the current month")
    if not one.is_cost:
        notes.append("not read by ogfd")
    if _configured(one, config):
        notes.append("configured")
    return Finding(
        level=FindingLevel.WARNING if troubles else FindingLevel.OK,
        subject=f"export {one.name}",
        message="; ".join(notes + troubles),
    )


def _cost(found: Sequence[Definition], config: AzureConfig, *, complete: bool) -> list[Finding]:
    """Suggest the best cost export, unless there is one in the configuration."""
    readable = sorted((one for one in found if one.is_cost), key=_worth)
    if not readable and config.cost is not None:
        return [fine("stream cost", "no cost export is visible; one is configured").finding]
    if not readable:
        return [_none()] if complete else []
    warned = [_several(readable, config)] if _overlapping(readable) else []
    if config.cost is not None:
        return warned
    best = readable[0]
    table: dict[str, Any] = {
        "account": best.account,
        "container": best.container,
        "prefix": _prefix(best, readable),
    }
    suggested = Finding(
        level=FindingLevel.OK,
        subject="stream cost",
        message=f"can be read from {best.name}, with the costs of {best.scope}",
        suggestion={"cost": table},
    )
    apart = [one for one in readable[1:] if not _together(one, best) and not _overlap(one, best)]
    return [*warned, suggested, *([_apart(apart)] if apart else [])]


def _prefix(best: Definition, readable: Sequence[Definition]) -> str:
    """Return what to read: the folder of all exports that have the same costs, if of no others."""
    beside = [one for one in readable if one.place == best.place and one != best]
    if beside and all(_together(one, best) for one in beside):
        return f"{best.directory}/" if best.directory else ""
    return best.prefix


def _carbon(visible: Sequence[str], config: AzureConfig) -> list[Finding]:
    """Suggest the stream of emissions, unless they are read already, and name subscriptions."""
    if not visible:
        return []
    if config.carbon is None and config.emissions_dashboard is None:
        return [
            Finding(
                level=FindingLevel.OK,
                subject="stream carbon",
                message=f"can be read of {len(visible)} subscriptions, if the role is there: "
                f"{listing(visible)}",
                suggestion={"carbon": {}},
            )
        ]
    unnamed = [one for one in visible if one not in config.subscriptions]
    if config.carbon is None or not config.subscriptions or not unnamed:
        return []
    message = f"visible, and not in subscriptions: {listing(unnamed)}"
    return [fine("stream carbon", message).finding]


def _none() -> Finding:
    return Finding(
        level=FindingLevel.WARNING,
        subject="stream cost",
        message="no cost export is visible; create one: Cost Management, Exports, Create, Cost and "
        "usage details (FOCUS), on a billing account or a subscription; as a command, see "
        "docs/connectors/azure.md",
    )


def _apart(others: Sequence[Definition]) -> Finding:
    names = listing([f"{one.name} of {one.scope}" for one in others])
    return Finding(
        level=FindingLevel.OK,
        subject="stream cost",
        message=f"{names} may have other costs: a connector of its own reads each, or one export "
        "of the billing account has them all",
    )


def _several(readable: Sequence[Definition], config: AzureConfig) -> Finding:
    names = ", ".join(
        one.name for one in readable if any(_doubles(one, other) for other in readable)
    )
    chosen = "one is configured" if config.cost else f"{readable[0].name} is suggested: {_WHY}"
    return Finding(
        level=FindingLevel.WARNING,
        subject="stream cost",
        message=f"{names} overlap, they have the same costs: configure one of them, never two; "
        f"{chosen}",
    )


def _overlapping(found: Sequence[Definition]) -> bool:
    return any(_doubles(one, other) for one in found for other in found)


def _doubles(one: Definition, other: Definition) -> bool:
    """Whether to read both would count costs twice."""
    return not _together(one, other) and _overlap(one, other)


def _together(one: Definition, other: Definition) -> bool:
    """Whether they are read as one: of the same costs, by day and of the last month, say."""
    return (one.costs, one.place) == (other.costs, other.place)


def _overlap(one: Definition, other: Definition) -> bool:
    """
    Whether two exports may have the same costs.

    What belongs to what cannot be seen from here, but for scopes of one kind: these overlap if one
    lies within the other.
    """
    first, second = f"{one.scope}/", f"{other.scope}/"
    if _kind(first) != _kind(second):
        return True
    return first.startswith(second) or second.startswith(first)


def _kind(scope: str) -> str:
    """Return what *scope* is: a subscription and what is in it, or the provider of what it is."""
    parts = scope.split("/")
    return parts[2] if parts[1] == "providers" else parts[1]


def _worth(one: Definition) -> tuple[bool, int, bool, str, str]:
    """Return what sorts the best first."""
    wide = one.scope.startswith(_BILLING)
    newest = "".join(chr(0x10FFFF - ord(letter)) for letter in one.version)
    return not one.is_current, _RANK[one.dataset.lower()], not wide, newest, one.name


def _configured(one: Definition, config: AzureConfig) -> bool:
    if (cost := config.cost) is None or cost.export not in {None, one.name}:
        return False
    there = (cost.account, cost.container) == (one.account, one.container)
    return there and one.prefix.startswith(cost.folder)
