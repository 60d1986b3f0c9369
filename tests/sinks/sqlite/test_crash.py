"""Other processes: one that is killed while it commits, one that reads, one that locks."""

import pytest

from ogfd.plugin import Committed, ErrorClass, SinkError
from ogfd.testing import make_package
from ogfd.testing.samples import cost_rows
from ogfd.testing.subject import scanned

_KILLED = """
    import logging, sys
    from datetime import UTC, datetime
    from pathlib import Path
    import anyio
    from ogfd.plugin import SinkContext
    from ogfd.sinks.sqlite import SqliteConfig, ogfd_sink
    from ogfd.testing import make_package
    from ogfd.testing.samples import cost_rows

    class Stops:
        def __init__(self, package, after):
            self.info, self._package, self._after = package.info, package, after

        def batches(self):
            for number, batch in enumerate(self._package.batches()):
                if number == self._after:
                    print("in the transaction", flush=True)
                    sys.stdin.read()
                yield batch

    async def main(path, after):
        log = logging.LoggerAdapter(logging.getLogger("test"))
        ctx = SinkContext(name="main", log=log, now=lambda: datetime(2026, 11, 1, tzinfo=UTC))
        async with ogfd_sink().open(SqliteConfig(path=Path(path)), ctx) as sink:
            package = make_package(cost_rows(3000, sku="new"), batch_rows=1000)
            await sink.commit(Stops(package, int(after)), 1, "killed")

    anyio.run(main, *sys.argv[1:])
"""

_POLLS = """
    import sqlite3, sys, threading

    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
    looks, wrong, seen = 0, [], set()
    print("ready", flush=True)
    while not stop.is_set():
        db.execute("BEGIN")
        rows = db.execute("SELECT generation, count(*) FROM activities GROUP BY generation").fetchall()
        ledger = db.execute("SELECT generation, rows FROM ogfd_ledger").fetchall()
        db.execute("COMMIT")
        looks += 1
        seen.update(ledger)
        if rows != ledger:
            wrong.append((rows, ledger))
    print(looks, len(seen), wrong[:3])
"""

_LOCKS = """
    import sqlite3, sys

    db = sqlite3.connect(sys.argv[1], isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    print("locked", flush=True)
    sys.stdin.read()
    db.execute("ROLLBACK")
"""


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_kill_9_inside_the_transaction_leaves_the_old_rows(opened, config, child, after):
    """A process that dies while it commits has changed nothing, and the next commit goes through."""
    old, new = make_package(cost_rows(500, sku="old")), make_package(cost_rows(700, sku="next"))
    async with opened() as sink:
        await sink.commit(old, 0, "first")

    process = child(_KILLED, config.path, after)
    assert "in the transaction\n" == process.stdout.readline()
    process.kill()
    process.wait()

    async with opened() as sink:
        entry = (await sink.ledger())[old.info.slice]
        assert (1, "first", 500) == (entry.generation, entry.attempt, entry.rows)
        assert {"old"} == {row["sku"] for row in await scanned(sink, columns=["sku"])}
        assert 1 == len(await sink.history(old.info.slice))
        assert Committed(generation=2) == await sink.commit(new, 1, "second")
        assert 700 == len(await scanned(sink, columns=["sku"]))


async def test_another_process_never_reads_a_mix(opened, config, child):
    """A foreign reader sees rows and ledger of one generation, and is never locked out."""
    async with opened() as sink:
        await sink.commit(make_package(cost_rows(100)), 0, "0")
        process = child(_POLLS, config.path)
        assert "ready\n" == process.stdout.readline()
        for base in range(1, 11):
            package = make_package(cost_rows(100 + 150 * base), batch_rows=64)
            await sink.commit(package, base, f"{base}")
        answer, _ = process.communicate("")
    looks, seen, wrong = answer.split(maxsplit=2)

    assert "[]\n" == wrong
    assert int(looks) > 5
    assert int(seen) > 1


async def test_a_locked_file_is_a_transient_error_that_says_what_to_do(opened, config, child):
    """A writer that does not go away in busy_timeout fails the commit in one clear line."""
    package = make_package(cost_rows(3))
    async with opened() as sink:
        process = child(_LOCKS, config.path)
        assert "locked\n" == process.stdout.readline()
        with pytest.raises(SinkError) as caught:
            await sink.commit(package, 0, "a")

        assert ErrorClass.TRANSIENT is caught.value.error_class
        assert f"{config.path}: busy" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert {} == await sink.ledger()  # a reader is not locked out

        process.communicate("")
        assert Committed(generation=1) == await sink.commit(package, 0, "a")
