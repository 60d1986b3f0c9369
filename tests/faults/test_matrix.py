"""Every fault in every operation, on real sockets: what the page says is what happens."""

import re

import pytest
from faults.matrix import MATRIX
from faults.server import OPERATIONS, rows

from ogfd.plugin import ErrorClass
from ogfd.runs import Trigger
from ogfd.traffic.faults.classify import STATUS

HOUR = 3600.0


def enumerated():
    """Return all cells; at the heart of them is one of each fault, the operations in turn."""
    for number, fault in enumerate(MATRIX):
        for place, operation in enumerate(fault.cells):
            heart = place == number % len(fault.cells)
            yield pytest.param(
                fault,
                operation,
                id=f"{fault.id}-{operation}",
                marks=() if heart else pytest.mark.slow,
            )


def state(result, operation, began):
    """Return what became of the slice, or of the stream if it was not listed."""
    if operation == "discover" and result.errors:
        assert [] == list(result.slices)
        (found,), outcome = result.errors, "failed"
    else:
        assert [] == list(result.errors)
        (found,) = result.slices
        outcome = found.outcome
    if found.next_due is None:
        return f"{outcome}: {found.error_class}" if found.error_class else outcome
    seconds = round((found.next_due - began).total_seconds(), -1)
    return f"parked {seconds:g} s: {found.error_class}"


def due_between(state):
    """Return the least and the most seconds to the next try; None if it comes with the schedule."""
    parked = re.match(r"parked (\d+) s", state)
    if parked:
        return int(parked[1]) - 5, int(parked[1]) + 5
    return {"failed: transient": (45, 75), "failed: auth": (895, 905)}.get(state)


async def mended(world, due):
    """Let the fault be gone and the next run come, as the daemon would have it."""
    await world.heal()
    seconds = await world.due_seconds()
    if due is None:
        assert seconds is None
    else:
        assert due[0] <= seconds <= due[1]
    world.clock.step(HOUR if seconds is None else seconds)
    world.unblock()
    await world.run(Trigger.SCHEDULE if seconds is None else Trigger.RETRY)


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize(("fault", "operation"), [*enumerated()])
async def test_a_fault_comes_to_what_the_page_says(opened, fault, operation, lasting):
    """Its class, the attempts and the waits; and never a row too few, too many or torn."""
    cell = fault.cells[operation]
    course = cell.lasting if lasting else cell.once
    async with opened(fault, operation) as world:
        assert (1, rows(1)) == await world.held()
        world.api.version = 2
        world.clock.step(HOUR)
        await world.strike(fault, operation, lasting=lasting)

        began = world.clock.now()
        result = await world.run()

        assert list(course.results) == world.results(operation, linked=fault.link is not None)
        assert list(course.pauses) == world.clock.pauses
        assert course.state == state(result, operation, began)
        if fault.acts:
            requests = len(course.results)
            assert requests == world.api.requests[operation]
        if course.state != "committed":
            assert (1, rows(1)) == await world.held()
            await mended(world, due_between(course.state))

        assert (2, rows(world.api.version)) == await world.held()


def test_every_status_with_a_class_is_in_the_matrix():
    """So is one that has none."""
    names = {fault.name for fault in MATRIX}
    listed = {int(name[:3]) for name in names if name[:3].isdecimal()}

    assert set(STATUS) <= listed
    assert listed - set(STATUS)


def test_every_class_is_in_the_matrix():
    """Each of the six is what some fault comes to."""
    assert set(ErrorClass) <= {cell.error for fault in MATRIX for cell in fault.cells.values()}


def test_no_cell_is_left_out():
    """Only what is about ranges and versions of a file cannot happen but to a file."""
    partial = [fault.name for fault in MATRIX if list(fault.cells) != list(OPERATIONS)]

    assert [
        "The object is replaced while it is read",
        "The object is replaced, and the server knows no If-Match",
        "The server knows no ranges",
        "Another range than was asked for",
    ] == partial
