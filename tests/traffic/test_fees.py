"""Attempts that cost money: on record before they are sent, and not sent beyond the budget."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest

from ogfd.plugin import ErrorClass, OgfdError, Parked, Price, TransientError
from ogfd.traffic import Fees

VIRTUAL_TIME = True
PENNY = Price(usd=Decimal("0.01"))
NOVEMBER = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)


@dataclass
class Kept:
    granted: bool
    requests: int
    usd: Decimal


class Pocket:
    """A purse that a test looks into; *takes* seconds long is each charge under way."""

    def __init__(self, takes: float = 0.0) -> None:
        self.takes = takes
        self.spent: list[Any] = []
        self.events: list[str] = []
        self.broken: OgfdError | None = None

    async def charge(
        self, connector: Any, operation: Any, month: Any, *, usd: Any, budget_usd: Any
    ) -> Kept:
        if self.broken is not None:
            raise self.broken
        await anyio.sleep(self.takes)
        total = sum((each for *_, each in self.spent), Decimal(0))
        if budget_usd is not None and total + usd > budget_usd:
            return Kept(granted=False, requests=len(self.spent), usd=total)
        self.spent.append((connector, operation, month, usd))
        self.events.append("charged")
        return Kept(granted=True, requests=len(self.spent), usd=total + usd)


@pytest.fixture
def pocket() -> Pocket:
    return Pocket()


@pytest.fixture
def fees(pocket: Pocket) -> Any:
    """Makes the fees of connector ``c``; keywords go to the price of ``s3:Get``."""

    def make(now: datetime = NOVEMBER, **changes: Any) -> Fees:
        price = Price(**{"usd": PENNY.usd, **changes})
        return Fees("c", {"s3:Get": price}, pocket, now=lambda: now)

    return make


async def test_each_attempt_is_charged_before_it_is_made(
    world: Any, fees: Any, pocket: Pocket
) -> None:
    """A retry costs as much as the first; the observer is told of each."""
    failures = [ConnectionResetError(), ConnectionResetError()]

    async def work(_: Any) -> str:
        pocket.events.append("sent")
        if failures:
            raise failures.pop()
        return "rows"

    policy = world.policy(fees=fees())
    await policy.run("s3:Get", work, lane=world.lane(), timeout=timedelta(seconds=30))

    assert ["charged", "sent"] * 3 == pocket.events
    assert [("c", "s3:Get", "2026-11", PENNY.usd)] * 3 == pocket.spent
    assert [("s3:Get", PENNY.usd)] * 3 == world.recorder.fees


async def test_what_has_no_price_is_free(world: Any, pocket: Pocket) -> None:
    """Most operations are."""
    fees = Fees("c", {"ce:Get": PENNY}, pocket, now=lambda: NOVEMBER)

    assert "rows" == await world.run("rows", policy=world.policy(fees=fees))
    assert ([], []) == (pocket.spent, world.recorder.fees)


async def test_beyond_the_budget_nothing_is_sent_until_the_next_month(
    world: Any, fees: Any
) -> None:
    """At once and once: no attempt, no pause; the token goes to somebody who may ask."""
    policy = world.policy(fees=fees(monthly_budget_usd=Decimal("0.025")))
    for _ in range(2):
        await world.run("rows", policy=policy)
    with pytest.raises(Parked) as raised:
        await world.run("rows", policy=policy)

    assert (datetime(2026, 12, 1, tzinfo=UTC), ErrorClass.BAD_REQUEST) == (
        raised.value.next_due,
        raised.value.error_class,
    )
    assert (
        "s3:Get was not sent: another 0.01 USD would exceed its budget of 0.025 USD for 2026-11, of "
        "which 0.02 USD are spent on 2 requests (raise the budget and run `ogfd sync c`, or wait "
        "until 2026-12-01)"
    ) == str(raised.value)
    assert [0, 0] == world.starts
    assert (["ok", "ok"], []) == (world.recorder.results, world.recorder.retries)
    assert 2 == world.bucket.statistics().granted


async def test_the_budget_may_be_spent_to_the_last_cent(world: Any, fees: Any) -> None:
    """It is what may be spent, not what may not be reached; a price of nothing goes on."""
    policy = world.policy(fees=fees(monthly_budget_usd=PENNY.usd))
    await world.run("rows", policy=policy)
    with pytest.raises(Parked, match=r"0\.01 USD are spent on 1 request "):
        await world.run("rows", policy=policy)

    free = world.policy(fees=fees(usd=Decimal(0), monthly_budget_usd=PENNY.usd))
    assert "rows" == await world.run("rows", policy=free)


async def test_a_budget_of_nothing_lets_nothing_pass(world: Any, fees: Any) -> None:
    """It is not taken for none."""
    with pytest.raises(Parked, match="budget of 0 USD for 2026-11, of which 0 USD are spent on 0"):
        await world.run("rows", policy=world.policy(fees=fees(monthly_budget_usd=Decimal(0))))

    assert [] == world.starts


async def test_a_retry_that_is_beyond_the_budget_is_not_made(world: Any, fees: Any) -> None:
    """The failure before it does not count as the reason."""
    policy = world.policy(fees=fees(monthly_budget_usd=PENNY.usd))
    with pytest.raises(Parked, match="would exceed its budget"):
        await world.run(ConnectionResetError(), policy=policy)

    assert [0] == world.starts


@pytest.mark.parametrize(
    ("now", "month", "due"),
    [
        (NOVEMBER, "2026-11", datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        (
            datetime.fromisoformat("2027-02-01T00:30:00+01:00"),
            "2027-01",
            datetime(2027, 2, 1, tzinfo=UTC),
        ),
    ],
)
async def test_months_are_those_of_utc(
    world: Any, fees: Any, pocket: Pocket, now: datetime, month: str, due: datetime
) -> None:
    """The provider's may begin some hours earlier or later."""
    policy = world.policy(fees=fees(now, monthly_budget_usd=PENNY.usd))
    await world.run("rows", policy=policy)
    with pytest.raises(Parked) as raised:
        await world.run("rows", policy=policy)

    assert [month] == [each for _, _, each, _ in pocket.spent]
    assert due == raised.value.next_due


async def test_what_cannot_be_put_on_record_is_not_sent(
    world: Any, fees: Any, pocket: Pocket
) -> None:
    """A full disk must not cost money that nobody counts."""
    pocket.broken = OgfdError("the disk is full", hint="free some room")
    with pytest.raises(TransientError, match=r"was not sent, as .* the disk is full") as raised:
        await world.run("rows", policy=world.policy(fees=fees()))

    assert ("s3:Get", []) == (raised.value.operation, world.starts)
    assert 0 == world.bucket.statistics().granted


async def test_a_call_that_goes_away_while_it_is_charged_gives_its_token_back(
    world: Any, fees: Any, pocket: Pocket
) -> None:
    """Nothing was sent for it."""
    pocket.takes = 10
    with anyio.move_on_after(1):
        await world.run("rows", policy=world.policy(fees=fees()))

    assert (0, []) == (world.bucket.statistics().granted, world.starts)


async def test_a_refused_probe_lets_the_next_one_pass(world: Any, fees: Any) -> None:
    """A breaker learns nothing of a request that was not sent, and must not wait for its end."""
    policy = world.policy(fees=fees(monthly_budget_usd=Decimal(0)), retries=0)
    plain = world.policy(retries=0)
    for _ in range(5):
        with pytest.raises(TransientError):
            await world.run(ConnectionResetError(), policy=plain)
    assert world.breaker.is_open
    await anyio.sleep(60)
    with pytest.raises(Parked, match="would exceed its budget"):
        await world.run("rows", policy=policy)

    assert "rows" == await world.run("rows", policy=plain)


def test_prices_need_a_purse() -> None:
    """Or there would be no budget, and nobody would notice."""
    with pytest.raises(ValueError, match="need a purse"):
        Fees("c", {"s3:Get": PENNY}, None, now=lambda: NOVEMBER)


@pytest.mark.parametrize("amount", [Decimal(-1), Decimal("nan"), Decimal("inf")])
@pytest.mark.parametrize("name", ["usd", "monthly_budget_usd"])
def test_a_price_is_an_amount_of_money(name: str, amount: Decimal) -> None:
    """A negative one would earn the budget back."""
    with pytest.raises(ValueError, match="0 or more US dollars"):
        Price(**{"usd": PENNY.usd, name: amount})
