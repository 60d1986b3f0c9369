"""Bills that Cost Explorer knows, and streams over them."""

from contextlib import asynccontextmanager

import pytest
from ogfd_aws import ogfd_connector
from ogfd_sandbox.cur import CurSettings, Month, assemble
from ogfd_sandbox.explorer import publish

from ogfd.plugin import Period, Wanted
from ogfd.testing import Collected

AUGUST, OCTOBER = Month(2026, 8), Month(2026, 10)
EVER = Period.months("2024-01", "2027-12")


class Counter:
    """Asks Cost Explorer; today is the 20th of November 2026."""

    def __init__(self, shop):
        self.shop = shop
        self.server = shop.server

    def config(self, *, cost=None, **keys):
        return self.shop.carbon(carbon=None, cost_explorer=keys, cost=cost)

    @asynccontextmanager
    async def streams(self, ctx=None, *, cost=None, **keys):
        config = self.config(cost=cost, **keys)
        async with ogfd_connector().open(config, ctx or self.shop.context()) as streams:
            yield streams

    async def partitions(self, window=EVER, ctx=None, **keys):
        async with self.streams(ctx, **keys) as streams:
            found = await streams["cost_explorer"].partitions(window)
        return {each.key: each for each in found}

    async def read(self, month=OCTOBER, ctx=None, wanted=None, **keys):
        out = Collected(wanted or Wanted())
        async with self.streams(ctx, **keys) as streams:
            stream = streams["cost_explorer"]
            found = {each.key: each for each in await stream.partitions(EVER)}
            await stream.read(found[str(month)], out)
        out.check()
        return out

    def asked(self, key="*"):
        return self.server.count("GetCostAndUsage", key)


@pytest.fixture(scope="session")
def october():
    return assemble(CurSettings(seed=11, rows=600, accounts=3), OCTOBER)


@pytest.fixture(scope="session")
def august():
    return assemble(CurSettings(seed=11, rows=600, accounts=3), AUGUST)


@pytest.fixture
def counter(shop, august, october):
    """Publish August and October; nothing has been asked yet."""
    shop.server.set_billing()
    publish(shop.server, [august, october], today=shop.context().now().date())
    shop.server.forget_requests()
    return Counter(shop)
