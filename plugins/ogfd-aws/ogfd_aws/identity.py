"""Whose the credentials are: the account, the ARN, and what the account is in its organisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import anyio

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
        raise _foreign(CALLER)
    return Caller(account=str(answer["Account"]), arn=str(answer["Arn"]))


class Payer:
    """
    Tells who is billed for the credentials' account: the manager of its organisation.

    Reports and exports name that one too, so that whatever counts the same month is found out. Who
    is in no organisation pays itself; so does, as far as anybody can tell, who may not ask for it.

    Args:
        ctx: of the run.
        clients: have the credentials.
    """

    def __init__(self, ctx: Context, clients: Clients) -> None:
        self._ctx = ctx
        self._clients = clients
        self._turn = anyio.Lock()
        self._found: str | None = None

    async def account(self) -> str:
        """
        Return the account; it is asked for once.

        Raises:
            SourceError: if the credentials are refused, or AWS does not answer.
            Parked: if it is to be asked for later.
        """
        async with self._turn:
            if self._found is None:
                who = await caller(self._ctx, self._clients)
                self._ctx.signed_in(who.arn)
                self._found = await self._manager() or who.account
            return self._found

    async def _manager(self) -> str | None:
        try:
            return await _manager(self._ctx, self._clients)
        except SourceError as exc:
            if lacks_permission(exc):
                return None
            raise


async def before_the_role(ctx: Context, config: AwsConfig) -> Caller | None:
    """Return who *config* would assume its role as; None if that cannot be told."""
    without = config.model_copy(update={"role_arn": None, "external_id": None})
    try:
        async with open_clients(ctx, without, lambda _arn: None) as clients:
            return await caller(ctx, clients)
    except OgfdError:
        return None


async def standing(ctx: Context, clients: Clients, account: str) -> str:
    """
    Return what *account* is in its organisation, and so whose data AWS shows to it.

    A management account sees its members, a member sees itself.
    https://docs.aws.amazon.com/sustainability/latest/userguide/what-is-sustainability.html
    https://docs.aws.amazon.com/cost-management/latest/userguide/ce-access.html

    The permission for it is not needed for anything else, so without it there is less to tell, and
    that is no error.
    """
    try:
        manager = await _manager(ctx, clients)
    except (SourceError, Parked) as exc:
        if lacks_permission(exc):
            return (
                f"with {ORGANISATION} granted, its place in its organisation would stand here, and "
                "what is read of its members beside it would be noticed"
            )
        return "its place in its organisation cannot be told"
    if manager is None:
        return "in no organisation: what is its own"
    if manager == account:
        return "the management account: what is its own and of all its members"
    return (
        f"a member: what is its own alone; that of the organisation is seen from {manager}, which "
        "must not be configured beside it"
    )


async def _manager(ctx: Context, clients: Clients) -> str | None:
    """Return the management account of the organisation; None if there is no organisation."""
    client = await clients.open("organizations")

    async def ask() -> Any:
        return await client.describe_organization()

    try:
        answer: Mapping[str, Any] = await ctx.call(ORGANISATION, ask, timeout=_TIMEOUT)
    except SourceError as exc:
        if exc.code == _ALONE:
            return None
        raise
    manager = (answer.get("Organization") or {}).get("MasterAccountId")
    if not manager:
        raise _foreign(ORGANISATION)
    return str(manager)


def _foreign(operation: str) -> TransientError:
    return TransientError(
        f"the answer to {operation} is not one of AWS",
        hint="a proxy may have answered in its place; check the network and endpoint_url",
    )
