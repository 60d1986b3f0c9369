"""A connector of the billing API, as a plugin's author would write it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from anyio import to_thread

from ogfd.plugin import (
    ActivityBuilder,
    ConnectorSpec,
    Context,
    Kind,
    Limit,
    Output,
    Partition,
    Period,
    PluginConfig,
    Response,
    Stream,
    StreamSpec,
)

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


class BillingConfig(PluginConfig):
    """The endpoints: of the listing, of the further pages and of the objects."""

    discover: str
    page: str
    download: str
    cost: PluginConfig | None = None


class Token:
    """Credentials that run out: *issue* gives the token that is valid now."""

    def __init__(self, issue: Callable[[], int]) -> None:
        self._issue = issue
        self._number: int | None = None

    async def __call__(self) -> Mapping[str, str]:
        if self._number is None:
            self._number = self._issue()
        return {"Authorization": f"Bearer t{self._number}"}

    async def refresh(self) -> None:
        """Drop the token."""
        self._number = None


class Cost:
    """Months, each of pages of rows and one object with the rest."""

    name = "cost"

    def __init__(self, config: BillingConfig, ctx: Context, token: Token) -> None:
        self._config = config
        self._ctx = ctx
        self._token = token
        self._firsts: dict[str, str] = {}

    async def partitions(self, window: Period) -> Sequence[Partition]:
        answer = await self._get("Partitions", f"{self._config.discover}/partitions")
        months = answer.json()["months"]
        self._firsts = {each["month"]: each["rows"] for each in months}
        return [
            Partition(
                key=each["month"], period=Period.month(each["month"]), version=each["version"]
            )
            for each in months
        ]

    async def read(self, partition: Partition, out: Output) -> None:
        async with ActivityBuilder(out) as builder:
            document: dict[str, Any] = {}
            number = 0

            async def fetch(link: str | None) -> dict[str, Any]:
                url = link or self._firsts[partition.key]
                page: dict[str, Any] = (await self._get(f"Page{number + 1}", url)).json()
                return page

            async for document in self._ctx.pages(fetch, next_link=lambda page: page["next"]):
                number += 1
                for service, cost in document["rows"].items():
                    await builder.add(_row(service, cost))
            await self._object(document["object"], builder)

    async def _object(self, found: Mapping[str, Any], builder: ActivityBuilder) -> None:
        content = self._ctx.content(found["url"], auth=self._token, etag=found["etag"])
        path = await self._ctx.download("billing:Object", content, size=found["size"])
        text = await to_thread.run_sync(path.read_text)
        for line in text.splitlines():
            service, _, cost = line.partition(",")
            await builder.add(_row(service, cost))

    async def _get(self, name: str, url: str) -> Response:
        return await self._ctx.request(
            "GET", url, operation=f"billing:{name}", auth=self._token, expects_json=True
        )


def billing(issue: Callable[[], int]) -> ConnectorSpec:
    """Return the connector; *issue* is where it gets its token from."""

    @asynccontextmanager
    async def opened(config: BillingConfig, ctx: Context) -> AsyncGenerator[Mapping[str, Stream]]:
        yield {"cost": Cost(config, ctx, Token(issue))}

    return ConnectorSpec(
        name="billing",
        provider="billing",
        config=BillingConfig,
        streams={"cost": StreamSpec(config=PluginConfig, kind=Kind.COST)},
        open=opened,
        mapping_version=1,
        allowed_hosts=["inside.test"],
        limits={"": Limit(rate=1000, burst=1000)},
    )


def _row(service: str, cost: int | str) -> dict[str, Any]:
    return {
        "billing_account_id": "1",
        "account_id": "2",
        "billing_period": "2026-10",
        "service": service,
        "currency": "USD",
        "period_start": NOON,
        "period_end": NOON + timedelta(hours=1),
        "billed_cost": Decimal(cost),
    }
