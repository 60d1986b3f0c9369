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
    StreamRecord,
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


def stream_record(**changes):
    fields = {"connector": "a", "stream": "cost", "updated_at": NOW, "reason": "no answer",
              "error_class": "transient"}  # fmt: skip
    return StreamRecord(**(fields | changes))


async def test_records_come_back_as_they_went_in(store, tmp_path):
    """Times, decimals as text and documents survive a restart."""
    run = RunRecord(
        run_id="r1", connector="a", trigger="cli", outcome="succeeded", started_at=NOW,
        ended_at=NOW, document={"slices": {"committed": 1}},
    )  # fmt: skip
    parked = slice_record(next_due=NOW + timedelta(hours=1), reason="Ünïcode", failures=1)
    missed = stream_record(next_due=NOW + timedelta(hours=1))
    verdict = Verdict(
        slice="a/cost/1", target="t", kind=VerdictKind.HELD, reason="why", decided_at=NOW
    )
    delivery = Delivery(
        slice="a/cost/1", sink="main", generation=3, target="t", digest="d", attempt="x",
        confirmed=True, at=NOW, entry={"sums": {"billed_cost:USD": "0.1"}},
    )  # fmt: skip
    await store.put_run(run)
    await store.put_slices([parked])
    await store.put_streams([missed])
    await store.put_verdict(verdict)
    await store.put_delivery(delivery)
    await store.close()

    again = await StateStore.open(tmp_path / "state.db")

    assert [run] == await again.runs("a")
    assert {"a/cost/1": parked} == await again.slices()
    assert {"cost": missed} == await again.streams("a")
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


async def test_failures_of_a_slice_are_counted_until_it_does_not_fail(store, tmp_path):
    """Over restarts, each slice for itself."""
    names = ("a/cost/1", "a/cost/2")
    for failures in ((1, 1), (1, 0), (1, 1)):
        await store.put_slices(
            [slice_record(slice=name, failures=n) for name, n in zip(names, failures, strict=True)]
        )
        await store.close()
        store = await StateStore.open(tmp_path / "state.db")

    assert [3, 1] == [each.failures for each in (await store.slices()).values()]
    await store.close()


async def test_failures_of_a_stream_are_counted_until_it_is_listed(store):
    """Another connector's stream of the same name is another one."""
    later = NOW + timedelta(hours=1)
    await store.put_streams([stream_record(next_due=NOW), stream_record(connector="b")])
    await store.put_streams([stream_record(reason="reset", updated_at=later)])

    [kept] = (await store.streams("a")).values()
    assert stream_record(reason="reset", updated_at=later, failures=2) == kept

    await store.forget_stream("a", "cost")
    await store.forget_stream("a", "carbon")
    assert ({}, ["cost"]) == (await store.streams("a"), list(await store.streams("b")))


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


async def test_the_oldest_runs_of_a_connector_are_forgotten(store, monkeypatch):
    """A daemon that tries again each minute for years does not fill the disk."""
    monkeypatch.setattr("ogfd.state.store._KEPT_RUNS", 3)
    for number in range(5):
        for connector in ("a", "b")[: 1 + (number < 2)]:
            await store.put_run(
                RunRecord(
                    run_id=f"{connector}{number}", connector=connector, trigger="retry",
                    outcome="failed", started_at=NOW + timedelta(minutes=number),
                )
            )  # fmt: skip

    assert ["a4", "a3", "a2"] == [run.run_id for run in await store.runs("a")]
    assert ["b1", "b0"] == [run.run_id for run in await store.runs("b")]


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


FIRST = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, connector TEXT NOT NULL, "trigger" TEXT NOT NULL,
    outcome TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, error_class TEXT, error TEXT,
    document TEXT NOT NULL);
CREATE TABLE slices (
    slice TEXT PRIMARY KEY, connector TEXT NOT NULL, outcome TEXT NOT NULL,
    updated_at TEXT NOT NULL, target TEXT, version TEXT, reason TEXT, error_class TEXT,
    read_at TEXT, next_due TEXT);
INSERT INTO slices (slice, connector, outcome, updated_at, error_class, next_due)
    VALUES ('a/cost/1', 'a', 'failed', '2026-11-01T12:00:00+00:00', 'transient',
            '2026-11-01T12:00:00+00:00');
PRAGMA user_version=1;
"""


async def test_a_store_of_the_first_version_is_taken_over(tmp_path):
    """What it knows stays, and what is new can be kept; opening it again changes nothing."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST)

    for failures in (1, 2):
        store = await StateStore.open(path)
        assert NOW == (await store.slices())["a/cost/1"].next_due
        await store.put_slices([slice_record(outcome="failed", next_due=NOW, failures=1)])
        await store.put_streams([stream_record()])
        assert failures == (await store.slices())["a/cost/1"].failures
        assert failures == (await store.streams("a"))["cost"].failures
        await store.close()


async def test_a_newer_store_is_refused(tmp_path):
    """A downgrade does not guess at a schema that it does not know."""
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(StateError, match="newer ogfd"):
        await StateStore.open(path)
