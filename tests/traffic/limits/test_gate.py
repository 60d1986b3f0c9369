"""Several breakers at once under virtual time: all let a call pass, or none does."""

from datetime import timedelta
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from ogfd.plugin import ErrorClass, Fault
from ogfd.traffic import Breaker, Gate
from ogfd.traffic.limits.breaker import CREDENTIAL, OUTAGE, PERMISSION, Lent
from ogfd.traffic.limits.gate import Stopped

VIRTUAL_TIME = True


def breaker_of(settings: Any, failures: int) -> Breaker:
    breaker = Breaker(settings, anyio.current_time, lambda: 0.5)
    for _ in range(failures):
        breaker.enter().failed("denied")  # type: ignore[union-attr]
    return breaker


def gate_of(outage: int = 0, credential: int = 0, permission: int = 0) -> Gate:
    """Return a gate whose breakers have failed so often."""
    return Gate(
        outage=breaker_of(OUTAGE, outage),
        credential=breaker_of(CREDENTIAL, credential),
        permission=breaker_of(PERMISSION, permission),
    )


async def test_a_probe_of_one_is_not_kept_where_another_lets_nobody_pass() -> None:
    """It would be lost: nobody would tell its end."""
    gate = gate_of(outage=5, credential=1)
    await anyio.sleep(30)

    assert gate.enter() is None
    assert gate.outage.enter() is not None


@pytest.mark.parametrize(
    ("failures", "error_class", "seconds"),
    [
        ({"outage": 5}, ErrorClass.TRANSIENT, 30),
        ({"credential": 1, "outage": 5}, ErrorClass.AUTH, 900),
        ({"permission": 5}, ErrorClass.AUTH, 900),
    ],
)
async def test_who_does_not_wait_hears_why(failures: Any, error_class: Any, seconds: Any) -> None:
    """Refused credentials before all else: somebody must act."""
    with pytest.raises(Stopped, match="denied") as stopped:
        await gate_of(**failures).ready(longest=20)

    assert (error_class, seconds) == (stopped.value.error_class, stopped.value.seconds)


async def test_who_waits_passes_when_the_last_breaker_lets_go() -> None:
    """As one probe of all that are open."""
    gate = gate_of(outage=5, credential=1, permission=5)
    began = anyio.current_time()
    await gate.ready()
    passage = gate.enter()

    assert 900 == anyio.current_time() - began
    assert passage is not None
    assert 3 == len(passage.probes)
    assert gate.enter() is None
    passage.answered()
    assert [True, False, False] == [
        breaker.is_open for breaker in (gate.outage, gate.credential, gate.permission) if breaker
    ]


async def test_a_probe_passes_by_itself_until_its_end_is_told() -> None:
    """It is still the only one; what it was lent to tells its failures alone."""
    gate = gate_of(outage=5)
    await anyio.sleep(30)
    passage = gate.enter()
    assert passage is not None
    lent = [Lent(probe) for probe in passage.probes]

    await gate.ready(longest=0, held=lent)
    within = gate.enter(held=lent)
    assert within is not None
    assert [] == within.probes
    within.served()
    within.answered()
    assert gate.enter() is None, "its end is not told yet"

    again = gate.enter(held=passage.probes)
    assert again is not None
    assert passage.probes == again.probes
    again.failed(Fault(error_class=ErrorClass.UNKNOWN), "odd")
    assert 60 == gate.outage.open_seconds
    assert gate.enter(held=[*lent, *passage.probes]) is None


async def test_who_waits_behind_a_probe_goes_on_at_its_end() -> None:
    """However short its patience for a breaker that is open."""
    gate = gate_of(outage=5)
    await anyio.sleep(30)
    probe = gate.enter()
    assert probe is not None
    passed: list[float] = []

    async def caller() -> None:
        await gate.ready(longest=1)
        passed.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        group.start_soon(caller)
        await wait_all_tasks_blocked()
        await anyio.sleep(5)
        assert [] == passed
        probe.answered()

    assert [anyio.current_time()] == passed


AUTH = ErrorClass.AUTH


@pytest.mark.parametrize(
    ("fault", "opens"),
    [
        (Fault(error_class=ErrorClass.TRANSIENT), {"outage"}),
        (Fault(error_class=ErrorClass.UNKNOWN), {"outage"}),
        (Fault(error_class=ErrorClass.TRANSIENT, throttled=True), set()),
        (Fault(error_class=ErrorClass.FATAL, retry_after=timedelta(1)), set()),
        (Fault(error_class=ErrorClass.NOT_FOUND), set()),
        (Fault(error_class=ErrorClass.BAD_REQUEST), set()),
        (Fault(error_class=AUTH), {"permission"}),
        (Fault(error_class=AUTH, unauthenticated=True), {"credential"}),
        (Fault(error_class=ErrorClass.TRANSIENT, unauthenticated=True), {"outage"}),
    ],
    ids=str,
)
async def test_each_fault_is_the_failure_of_one_breaker_at_most(fault: Any, opens: Any) -> None:
    """Told often enough to open any of them."""
    gate = gate_of()
    passages = [gate.enter() for _ in range(5)]
    for passage in passages:
        assert passage is not None
        passage.failed(fault, "denied")

    names = ("outage", "credential", "permission")
    assert opens == {name for name in names if getattr(gate, name).is_open}
