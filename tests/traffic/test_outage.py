"""What breaker and adaptation are worth, by the simulation that `make bench` prints."""

import pytest

from benchmarks.outage import Phase, simulate

OFFERED = 2 * 10 * 60  # requests that the provider serves in ten minutes at 2/s
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_is_not_hammered_and_no_slice_is_the_price(seed: int) -> None:
    """A twentieth of the waste in the outage, a quarter at 2/s, and not fewer slices made."""
    without, guarded = (simulate(seed, guarded=guarded) for guarded in (False, True))

    assert without.wasted[Phase.OUTAGE] > 1000, "the comparison must be worth something"
    assert without.wasted[Phase.REDUCED] > 1000, "the comparison must be worth something"
    assert guarded.wasted[Phase.OUTAGE] <= without.wasted[Phase.OUTAGE] / 20
    assert guarded.wasted[Phase.REDUCED] <= without.wasted[Phase.REDUCED] / 4
    assert guarded.asked[Phase.REDUCED] - guarded.wasted[Phase.REDUCED] >= 0.8 * OFFERED
    assert guarded.finished >= without.finished


def test_the_same_seed_gives_the_same_run() -> None:
    """The figures can be reproduced."""
    assert simulate(7, guarded=True, connectors=40) == simulate(7, guarded=True, connectors=40)
