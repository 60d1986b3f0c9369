"""The kit for sinks lets a right sink pass and names what is wrong with a wrong one."""

import importlib.util
from itertools import count
from pathlib import Path

import pytest

from ogfd.plugin import OgfdError
from ogfd.testing import SINK_CHECKS, NotConformant, SinkUnderTest, check_sink

_spec = importlib.util.spec_from_file_location(
    "memory_sink", Path(__file__).with_name("memory_sink.py")
)
assert _spec is not None
assert _spec.loader is not None
memory_sink = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(memory_sink)

_FLAWS = {
    "no compare-and-swap": "a_stale_writer",
    "no attempts": "the_same_attempt_twice",
    "no lock": "writers_on_one_base",
    "no claims": "overlapping_claims",
    "claims are kept for ever": "overlapping_claims",
    "torn": "a_reader_beside_a_writer",
    "unverified": "a_package_that_lies",
    "appends": "replacing_a_slice",
    "empty is skipped": "shrinking_to_nothing",
    "loses the last row": "replacing_a_slice",
    "nulls become empty": "awkward_values",
    "sums are floats": "awkward_values",
    "restart loses all": "a_restart",
    "ledger ignores its argument": "the_ledger",
    "where is ignored": "scans",
    "history is forgotten": "history_and_breakdown",
}


def _new_config():
    numbers = count()
    return lambda: memory_sink.MemoryConfig(store=f"store-{next(numbers)}")


async def test_a_right_sink_passes():
    """Nothing is asked for that the contract does not promise."""
    await check_sink(memory_sink.memory_spec(), _new_config())


@pytest.mark.parametrize(("flaw", "check"), _FLAWS.items(), ids=_FLAWS)
async def test_a_wrong_sink_is_caught(flaw, check):
    """Each flaw is found, by the check that is there for it."""
    subject = SinkUnderTest(spec=memory_sink.memory_spec(flaw), config=_new_config()())

    with pytest.raises((NotConformant, OgfdError)):
        await SINK_CHECKS[check](subject)


async def test_all_that_is_wrong_is_told_at_once():
    """By the check that found it, although another one did before."""
    flaws = ("no attempts", "where is ignored")
    with pytest.raises(NotConformant) as caught:
        await check_sink(memory_sink.memory_spec(*flaws), _new_config())

    named = {finding.partition(":")[0] for finding in caught.value.findings}
    assert {_FLAWS[flaw] for flaw in flaws} <= named < SINK_CHECKS.keys()
