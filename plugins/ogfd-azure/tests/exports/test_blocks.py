"""What costs tell of quantities."""

import numpy as np
from ogfd_azure.exports.blocks import told

NOTHING = float("nan")


def tell(quantity, block, cost, price, rate=NOTHING):
    numbers = {
        name: np.array([value], dtype=np.float64)
        for name, value in {"block": block, "cost": cost, "price": price, "rate": rate}.items()
    }
    says = told(np.array([quantity], dtype=np.float64), **numbers)
    return "".join(name for name in ("blocks", "units", "neither") if getattr(says, name)[0])


def test_a_quantity_in_blocks_times_the_price_is_the_cost():
    """Also a negative one, and one that was rounded."""
    assert "blocks" == tell(2, 10_000, 0.1, 0.05)
    assert "blocks" == tell(-2, 10_000, -0.1, 0.05)
    assert "blocks" == tell(2, 10_000, 0.1002, 0.05)


def test_a_quantity_in_units_costs_too_much_by_the_block():
    """The smallest block that there is, of two, is told apart too."""
    assert "units" == tell(20_000, 10_000, 0.1, 0.05)
    assert "units" == tell(4, 2, 0.1, 0.05)


def test_prices_may_be_in_another_currency():
    """The exchange rate explains the difference."""
    assert "blocks" == tell(2, 100, 0.68, 0.05, rate=6.8)
    assert "units" == tell(200, 100, 0.68, 0.05, rate=6.8)
    assert "neither" == tell(2, 100, 0.68, 0.05)


def test_a_rate_that_equals_the_block_tells_nothing():
    """Both readings fit."""
    assert "" == tell(2, 100, 0.1, 0.05, rate=100)


def test_free_usage_tells_nothing():
    """Nor does what has no price."""
    assert "" == tell(2, 100, 0, 0.05)
    assert "" == tell(2, 100, 0.1, 0)
    assert "" == tell(2, 100, 0.1, NOTHING)
    assert "" == tell(0, 100, 0.1, 0.05)


def test_a_cost_that_fits_neither_contradicts():
    """It is not taken for one of them."""
    assert "neither" == tell(2, 100, 7, 0.05)
