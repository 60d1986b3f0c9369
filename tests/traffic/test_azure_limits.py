"""The limits of Cost Management, as the connector announces them, and the waits that it asks for."""

from collections import Counter
from itertools import pairwise
from typing import Any

import anyio
import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.config import AzureConfig

from ogfd.plugin import HttpError, Parked, Response, Secret, retry_after
from ogfd.traffic import Lanes

VIRTUAL_TIME = True
TENANT = "7a0e3b1c-5d2f-4e68-9b41-0c6d8e2f1a35"
COST = "x-ms-ratelimit-microsoft.costmanagement"
QUERY = "cost_query:Query"


def settings(name: str, client: str = "1" * 8) -> dict[str, Any]:
    """Return the settings of a connector of the tenant, as the runner makes them of its spec."""
    spec = ogfd_connector()
    config = AzureConfig(
        tenant_id=TENANT,
        client_id=f"{client}-1111-4111-8111-111111111111",
        client_secret=Secret("s"),
    )
    assert spec.principal is not None
    return {
        "connector": name,
        "provider": spec.provider,
        "principal": spec.principal(config),
        "limits": spec.limits,
        "classify": spec.classify,
        "rate": None,
        "burst": None,
    }


async def asked(traffic: Any, scope: str, times: list[tuple[str, float]]) -> None:
    """Ask until it was let go; what is parked comes again when it is due."""

    async def attempt() -> None:
        times.append((scope, anyio.current_time()))

    while True:
        try:
            return await traffic.call(QUERY, attempt, scope=scope)
        except Parked:
            await anyio.sleep(30)


def most_within(times: list[float], seconds: float) -> int:
    return max(sum(0 <= other - start < seconds for other in times) for start in times)


async def test_four_a_minute_hold_over_two_connectors_of_a_tenant(make_traffic: Any) -> None:
    """For each scope on its own; and those of the tenant over all scopes together."""
    lanes = Lanes(anyio.current_time)
    one = make_traffic(lanes=lanes, **settings("one"))
    two = make_traffic(lanes=lanes, **settings("two", client="2" * 8))
    times: list[tuple[str, float]] = []
    async with one, two, anyio.create_task_group() as tasks:
        for number in range(12):
            for scope in map(str, range(8)):
                tasks.start_soon(asked, (one, two)[number % 2], scope, times)

    assert {str(scope): 12 for scope in range(8)} == Counter(scope for scope, _ in times)
    for scope in map(str, range(8)):
        assert most_within([time for name, time in times if name == scope], 60) == 4
    everything = sorted(time for _, time in times)
    assert most_within(everything, 10) <= 12
    assert most_within(everything, 60) <= 60
    assert everything[-1] - everything[0] < 10 * 60  # and it goes on as fast as it may


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "45"}, 45),
        ({"Retry-After": "Thu, 01 Oct 2026 00:00:50 GMT", "Date": "Thu, 01 Oct 2026 00:00:05 GMT"}, 45),
        ({"retry-after-ms": "45000"}, 45),
        ({"x-ms-retry-after-ms": "45000"}, 45),
        ({f"{COST}-qpu-retry-after": "45"}, 45),
        ({f"{COST}-entity-retry-after": "45"}, 45),
        ({f"{COST}-tenant-retry-after": "45"}, 45),
        ({f"{COST}-client-retry-after": "45"}, 45),
        ({f"{COST}-clienttype-retry-after": "45"}, 45),
        ({"x-ms-ratelimit-microsoft.consumption-retry-after": "45"}, 45),
        ({"x-ms-ratelimit-microsoft.consumption-tenant-retry-after": "45"}, 45),
        ({f"{COST}-entity-retry-after": "5", f"{COST}-qpu-retry-after": "58", "Retry-After": "3"}, 58),
    ],
)  # fmt: skip
async def test_the_wait_of_the_server_wins(
    make_traffic: Any, headers: dict[str, str], seconds: int
) -> None:
    """In each of its forms, and over the 30 s that we would wait at most by ourselves."""
    moments: list[float] = []

    async def query() -> str:
        moments.append(anyio.current_time())
        if len(moments) > 1:
            return "costs"
        answer = Response(status=429, headers=headers, body=b'{"error":{"code":"429"}}', url="")
        raise HttpError("429", response=answer, retry_after=retry_after(headers))

    async with make_traffic(**settings("one")) as traffic:
        assert "costs" == await traffic.call(QUERY, query, scope="1")

    [(before, after)] = pairwise(moments)
    assert seconds <= after - before < seconds + 2


async def test_a_longer_wait_parks_the_slice(make_traffic: Any) -> None:
    """It is not slept through."""

    async def query() -> None:
        headers = {f"{COST}-entity-retry-after": "300"}
        answer = Response(status=429, headers=headers, body=b'{"error":{"code":"429"}}', url="")
        raise HttpError("429", response=answer, retry_after=retry_after(headers))

    async with make_traffic(**settings("one")) as traffic:
        with pytest.raises(Parked, match="300 s"):
            await traffic.call(QUERY, query, scope="1")
