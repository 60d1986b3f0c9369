"""Failpoints strike where they are told to, and nowhere else."""

import errno

import pytest

from ogfd.slices import Failpoints


async def test_a_point_strikes_at_its_nth_pass():
    """`name:2:raise` lets the first pass through."""
    failpoints = Failpoints({"OGFD_FP": "source.read:2:raise,package.sealed:1:enospc"})

    await failpoints.passed("source.read")
    await failpoints.passed("sink.committed")
    with pytest.raises(RuntimeError, match=r"source\.read"):
        await failpoints.passed("source.read")
    with pytest.raises(OSError, match="No space left") as caught:
        await failpoints.passed("package.sealed")
    assert errno.ENOSPC == caught.value.errno


@pytest.mark.parametrize("text", ["nowhere:1:kill", "source.read:x:kill", "source.read:1:sing"])
def test_a_misspelt_point_is_refused(text):
    """A test that strikes nowhere would prove nothing."""
    with pytest.raises(ValueError, match="OGFD_FP"):
        Failpoints({"OGFD_FP": text})
