"""A customer with emissions of three months."""

import pytest
from ogfd_sandbox.carbon import footprint, publish
from ogfd_sandbox.cur import CurSettings, Month

SETTINGS = CurSettings(seed=5, rows=400, accounts=4)


@pytest.fixture(scope="module")
def made():
    return [footprint(SETTINGS, Month(2026, month)) for month in (8, 9, 10)]


@pytest.fixture
def august(made):
    return made[0]


@pytest.fixture
def year(shop, made):
    """Publish August to October; today is the 20th of November, and there is no organisation."""
    shop.server.set_billing()
    publish(shop.server, made)
    shop.server.forget_requests()
    return made
