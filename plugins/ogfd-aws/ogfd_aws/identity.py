"""Whose the credentials are: the account, the ARN, and what the account is in its organisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ogfd.plugin import Context, OgfdError, Parked, SourceError, TransientError
from ogfd_aws.config import AwsConfig
from ogfd_aws.faults import lacks_permission
from ogfd_aws.session import Clients, open_clients

CALLER: Final = "sts:GetCallerIdentity"
ORGANISATION: Final = "organizations:DescribeOrganization"

_TIMEOUT: Final = timedelta(seconds=30)
_ALONE: Final = "AWSOrganizationsNotInUseException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: twelve digits of the account, and the ARN of user, role session or root."""

    account: str
    arn: str


async def caller(ctx: Context, clients: Clients) -> Caller:
    """
    Ask whose the credentials are, which needs no permission.

    Raises:
        SourceError: if the credentials are refused, or it cannot be told.
    """
    client = await clients.open("sts")

    async def ask() -> Any:
        return await client.get_caller_identity()

    answer: Mapping[str, Any] = await ctx.call(CALLER, ask, timeout=_TIMEOUT)
    if not answer.get("Account") or not answer.get("Arn"):
        raise TransientError(
            f"the answer to {CALLER} is not one of AWS",
            hint="a proxy may have answered in its place; check the network and endpoint_url",
        )
    return Caller(account=str(answer["Account"]), arn=str(answer["Arn"]))


async def before_the_role(ctx: Context, config: AwsConfig) -> Caller | None:
    """Return who *config* would assume its role as; None if that cannot be told."""
    without = config.model_copy(update={"role_arn": None, "external_id": None})
    try:
        async with open_clients(ctx, without) as clients:
            return await caller(ctx, clients)
    except OgfdError:
        return None


async def standing(ctx: Context, clients: Clients, account: str) -> str:
    """
    Return what *account* is in its organisation, and so whose emissions AWS shows to it.

    A management account sees its members, a member sees itself.
    https://docs.aws.amazon.com/sustainability/latest/userguide/what-is-sustainability.html

    The permission for it is not needed for anything else, so without it there is less to tell, and
    that is no error.
    """
    client = await clients.open("organizations")

    async def ask() -> Any:
        return await client.describe_organization()

    try:
        answer = await ctx.call(ORGANISATION, ask, timeout=_TIMEOUT)
    except (SourceError, Parked) as exc:
        if isinstance(exc, SourceError) and exc.code == _ALONE:
            return "in no organisation: its own emissions"
        if lacks_permission(exc):
            return f"with {ORGANISATION} granted, its place in its organisation would stand here"
        return "its place in its organisation cannot be told"
    manager = answer.get("Organization", {}).get("MasterAccountId")
    if not manager:
        return "its place in its organisation cannot be told"
    if manager == account:
        return "the management account: the emissions of all its members"
    return (
        f"a member: its own emissions alone; those of the organisation are seen from {manager}, "
        "which must not be configured beside it"
    )
