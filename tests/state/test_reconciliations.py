"""The newest reconciliation of each billing period."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ogfd.state import StateStore
from ogfd.state.reconciliations import Reconciliation, put_reconciliation, reconciliations

NOW = datetime(2026, 11, 10, tzinfo=UTC)


def record(month, connector="aws"):
    return Reconciliation(
        connector=connector,
        stream="cost",
        billing_period=month,
        checked_at=NOW,
        result="match",
        document={"checks": [], "error": None},
    )


async def test_the_newest_of_a_month_outlives_a_restart(tmp_path):
    """One for each connector, stream and month; the newest month first."""
    state = await StateStore.open(tmp_path / "state.db")
    later = replace(record("2026-10"), checked_at=NOW + timedelta(hours=1), result="drift")
    for each in (record("2026-10", "gcp"), record("2026-09"), record("2026-10"), later):
        await put_reconciliation(state, each)
    await state.close()
    state = await StateStore.open(tmp_path / "state.db")

    assert [later, record("2026-09"), record("2026-10", "gcp")] == await reconciliations(state)
    await state.close()
