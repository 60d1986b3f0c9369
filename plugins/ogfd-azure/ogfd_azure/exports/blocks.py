"""
Tells whether quantities are counted in blocks of units, by what they cost.

A price is for a block: ``10K`` are 10,000 operations, ``100 Hours`` a hundred hours.

    cost = quantity x price             the quantity is in blocks
    cost = quantity x price / block     it is in units
    cost or price is zero               nothing tells
    neither                             the row contradicts itself

Costs are in the billing currency, prices may be in the pricing currency: a row checks with its
exchange rate or without. A quantity that checks both ways tells nothing either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ogfd.plugin.tabular import Mask

Floats = npt.NDArray[np.float64]

_NEAR: Final = 0.01
"""Share by which a cost may differ; the smallest block in price lists, of 2, differs by far more."""


@dataclass(frozen=True, slots=True)
class Told:
    """Which quantities are in blocks, which in units, and which costs fit neither."""

    blocks: Mask
    units: Mask
    neither: Mask


def told(quantity: Floats, *, block: Floats, cost: Floats, price: Floats, rate: Floats) -> Told:
    """
    Compare quantities with what they cost; NaN stands for what a row does not have.

    Args:
        quantity: of each row.
        block: units that its price is for.
        cost: of the quantity, in the billing currency.
        price: of a block.
        rate: price of the pricing currency in the billing currency.
    """
    product = quantity * price
    says = np.isfinite(product) & (product != 0) & np.isfinite(cost) & (cost != 0)
    blocks = says & (_near(product, cost) | _near(product * rate, cost))
    units = says & (_near(product / block, cost) | _near(product * rate / block, cost))
    return Told(blocks & ~units, units & ~blocks, says & ~blocks & ~units)


def _near(expected: Floats, cost: Floats) -> Mask:
    near: Mask = np.abs(expected - cost) <= _NEAR * np.abs(cost)
    return near
