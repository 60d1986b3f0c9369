"""The purse remembers what was charged, to the cent and to the next process."""

from decimal import Decimal

import anyio
import pytest
from anyio import from_thread

from ogfd.state import Spending, SpendingRecord, StateError, StateStore

CENT = Decimal("0.01")


@pytest.fixture
async def store(tmp_path):
    opened = await StateStore.open(tmp_path / "state.db")
    yield opened
    await opened.close()


@pytest.fixture
def spending(store):
    return Spending(store)


async def charge(spending, times=1, connector="a", operation="ce:Get", month="2026-11", **terms):
    for _ in range(times):
        charged = await spending.charge(
            connector, operation, month, **{"usd": CENT, "budget_usd": None} | terms
        )
    return charged


async def test_the_next_process_knows_what_was_spent(store, spending, tmp_path):
    """And keeps to the same budget."""
    await charge(spending, 3)
    await store.close()

    again = await StateStore.open(tmp_path / "state.db")
    spending = Spending(again)
    refused = await charge(spending, budget_usd=Decimal("0.03"))

    assert (False, 3, Decimal("0.03")) == (refused.granted, refused.requests, refused.usd)
    assert [
        SpendingRecord(
            connector="a", operation="ce:Get", month="2026-11", requests=3, usd=Decimal("0.03")
        )
    ] == await spending.of("a", "2026-11")
    await again.close()


async def test_a_charge_tells_what_the_month_has_come_to(spending):
    """With itself."""
    await charge(spending)
    charged = await charge(spending, usd=Decimal("0.005"))

    assert (True, 2, Decimal("0.015")) == (charged.granted, charged.requests, charged.usd)


async def test_a_thousand_cents_are_ten_dollars(store, spending):
    """No float takes part: the last cent fits, and not one more."""
    await store.write(
        lambda db: db.execute("INSERT INTO spending VALUES ('a', 'ce:Get', '2026-11', 998, '9.98')")
    )

    assert (await charge(spending, 2, budget_usd=Decimal(10))).granted
    assert not (await charge(spending, budget_usd=Decimal(10))).granted
    [record] = await spending.of("a", "2026-11")
    assert (1000, Decimal(10)) == (record.requests, record.usd)


async def test_connectors_operations_and_months_have_rows_of_their_own(spending):
    """What one spends is not missing to another."""
    budget = {"budget_usd": CENT}
    await charge(spending, **budget)

    assert not (await charge(spending, **budget)).granted
    for other in ({"connector": "b"}, {"operation": "ce:List"}, {"month": "2026-12"}):
        assert (await charge(spending, **budget, **other)).granted
    assert ["ce:Get", "ce:List"] == [e.operation for e in await spending.of("a", "2026-11")]


async def test_charges_at_the_same_time_never_exceed_the_budget(spending):
    """Each sees those before it."""
    granted = []

    async def one():
        granted.append((await charge(spending, budget_usd=Decimal("0.07"))).granted)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(one)

    assert 7 == granted.count(True)


async def test_a_store_that_fails_charges_nothing_and_says_so(store, spending):
    """The request is not sent then."""
    await charge(spending)
    await store.write(lambda db: db.execute("ALTER TABLE spending RENAME TO gone"))
    with pytest.raises(StateError, match="cannot be written"):
        await charge(spending)
    await store.write(lambda db: db.execute("ALTER TABLE gone RENAME TO spending"))

    [record] = await spending.of("a", "2026-11")
    assert 1 == record.requests


async def test_a_charge_that_is_cancelled_under_way_stays(store, spending):
    """It is better to have counted a request that was not sent."""
    with anyio.CancelScope() as scope:

        def prepare(db):
            db.create_function("stop", 0, lambda: from_thread.run_sync(scope.cancel))
            db.execute("CREATE TRIGGER t AFTER INSERT ON spending BEGIN SELECT stop(); END")

        await store.write(prepare)
        await charge(spending)
        await anyio.lowlevel.checkpoint()

    assert scope.cancelled_caught
    assert [1] == [record.requests for record in await spending.of("a", "2026-11")]
