"""The state store forgets nothing it was told, and can be lost."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from ogfd.state import (
    Delivery,
    RunRecord,
    SliceRecord,
    StateError,
    StateStore,
    Verdict,
    VerdictKind,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path):
    opened = await StateStore.open(tmp_path / "state.db")
    yield opened
    await opened.close()


def slice_record(**changes):
    fields = {"slice": "a/cost/1", "connector": "a", "outcome": "committed", "updated_at": NOW}
    return SliceRecord(**(fields | changes))


async def test_records_come_back_as_they_went_in(store, tmp_path):
    """Times, decimals as text and documents survive a restart."""
    run = RunRecord(
        run_id="r1", connector="a", trigger="cli", outcome="succeeded", started_at=NOW,
        ended_at=NOW, document={"slices": {"committed": 1}},
    )  # fmt: skip
    parked = slice_record(next_due=NOW + timedelta(hours=1), reason="Ünïcode")
    verdict = Verdict(
        slice="a/cost/1", target="t", kind=VerdictKind.HELD, reason="why", decided_at=NOW
    )
    delivery = Delivery(
        slice="a/cost/1", sink="main", generation=3, target="t", digest="d", attempt="x",
        confirmed=True, at=NOW, entry={"sums": {"billed_cost:USD": "0.1"}},
    )  # fmt: skip
    await store.put_run(run)
    await store.put_slices([parked])
    await store.put_verdict(verdict)
    await store.put_delivery(delivery)
    await store.close()

    again = await StateStore.open(tmp_path / "state.db")

    assert [run] == await again.runs("a")
    assert {"a/cost/1": parked} == await again.slices()
    assert {("a/cost/1", "t"): verdict} == await again.verdicts("a/cost/1")
    assert {"a/cost/1": delivery} == await again.deliveries("main")
    await again.close()


async def test_the_time_of_the_last_read_is_kept(store):
    """A run that found a slice unchanged did not read it."""
    await store.put_slices([slice_record(read_at=NOW)])

    await store.put_slices([slice_record(outcome="unchanged")])

    kept = (await store.slices())["a/cost/1"]
    assert ("unchanged", NOW) == (kept.outcome, kept.read_at)


async def test_all_of_a_slice_but_its_read_is_replaced(store):
    """Among many in one call, each keeps its own time."""
    names = [f"a/cost/{number}" for number in range(3)]
    later = NOW + timedelta(hours=1)
    await store.put_slices([slice_record(slice=name, read_at=NOW, version="1") for name in names])

    await store.put_slices(
        [slice_record(slice=names[0], read_at=later), slice_record(slice=names[1], reason="why")]
    )

    kept = await store.slices()
    assert {names[0]: later, names[1]: NOW, names[2]: NOW} == {
        name: each.read_at for name, each in kept.items()
    }
    assert [None, None, "1"] == [kept[name].version for name in names]
    assert "why" == kept[names[1]].reason


async def test_a_wait_that_is_over_is_forgotten(store):
    """The rest of the record stays."""
    await store.put_slices([slice_record(next_due=NOW, reason="throttled")])

    await store.unpark(["a/cost/1", "a/cost/never-seen"])

    assert {"a/cost/1": slice_record(reason="throttled")} == await store.slices()


@pytest.mark.parametrize("method", ["slices", "runs", "verdicts"])
async def test_a_store_that_cannot_be_read_says_so(store, tmp_path, method):
    """As an error of ours, with what to do."""
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute(f"DROP TABLE {method}")
    db.close()

    with pytest.raises(StateError, match=r"cannot be read: no such table.*move it away"):
        await getattr(store, method)()


async def test_runs_of_a_dead_process_are_called_crashed(store):
    """Nothing is running when a process starts."""
    for run_id, outcome in (("r1", "running"), ("r2", "succeeded")):
        await store.put_run(
            RunRecord(run_id=run_id, connector="a", trigger="cli", outcome=outcome, started_at=NOW)
        )

    assert 1 == await store.sweep(NOW)
    assert {"r1": "crashed", "r2": "succeeded"} == {
        run.run_id: run.outcome for run in await store.runs()
    }


async def test_a_damaged_store_is_moved_aside(tmp_path):
    """The state is a cache: what cannot be read is kept for a look, and made anew."""
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database, but long enough to look like a header" * 20)

    store = await StateStore.open(path)

    assert {} == await store.slices()
    assert (tmp_path / "state.db.damaged").exists()
    await store.close()


async def test_what_belongs_to_a_damaged_store_goes_with_it(tmp_path):
    """Its log must not be played into the new one, and an earlier damaged store is kept."""
    path = tmp_path / "state.db"
    (tmp_path / "state.db.damaged").write_text("an earlier one")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:  # keeps the log in place
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE t (a)")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path.write_bytes(b"this is no database, but long enough to look like a header" * 20)

        store = await StateStore.open(path)

        assert {} == await store.slices()
        names = {each.name for each in tmp_path.iterdir() if "damaged" in each.name}
        first = "state.db.damaged"
        assert {first, f"{first}.1", f"{first}.1-wal", f"{first}.1-shm"} == names
        assert "an earlier one" == (tmp_path / first).read_text()
        await store.close()


async def test_a_newer_store_is_refused(tmp_path):
    """A downgrade does not guess at a schema that it does not know."""
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(StateError, match="newer ogfd"):
        await StateStore.open(path)
