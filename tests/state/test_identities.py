"""As whom connectors are signed in outlives the process, and costs a write only when it is news."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from ogfd.state import Identities, Identity, StateError, StateStore

NOW = datetime(2026, 11, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONNECTORS = {"aws": None, "gcp": None}


class Memory:
    """A state store that counts writes, and what is known of identities."""

    def __init__(self, path):
        self.path = path
        self.time = NOW
        self.writes = 0

    async def open(self, connectors=CONNECTORS):
        self.store = await StateStore.open(self.path)
        write = self.store.write

        async def counted(change):
            self.writes += 1
            return await write(change)

        self.store.write = counted
        self.identities = Identities(self.store, lambda: self.time)
        await self.identities.restore(connectors)

    async def restart(self, connectors=CONNECTORS):
        await self.store.close()
        await self.open(connectors)


@pytest.fixture
async def memory(tmp_path):
    made = Memory(tmp_path / "state.db")
    await made.open()
    yield made
    await made.store.close()


def of(memory, connector="gcp"):
    found = memory.identities.of(connector)
    return found and (found.name, found.since)


async def test_what_was_said_last_is_known_at_once_and_over_a_restart(memory):
    """Of each connector for itself; with the time since when it says that."""
    memory.identities.say("gcp", "a@acme.example")
    memory.time += HOUR
    memory.identities.say("gcp", "b@acme.example")
    memory.time += HOUR
    memory.identities.say("gcp", "b@acme.example")
    expected = ("b@acme.example", NOW + HOUR)
    assert (expected, None) == (of(memory), of(memory, "aws"))

    await memory.identities.keep("gcp")
    await memory.identities.keep("aws")
    await memory.restart()

    assert Identity(
        connector="gcp", name="b@acme.example", since=NOW + HOUR
    ) == memory.identities.of("gcp")
    assert memory.identities.of("aws") is None


async def test_only_news_are_written(memory):
    """A daemon says the same a thousand times a day, also after a restart."""
    for _ in range(3):
        memory.identities.say("gcp", "a@acme.example")
        await memory.identities.keep("gcp")
    await memory.restart()
    memory.identities.say("gcp", "a@acme.example")
    await memory.identities.keep("gcp")
    assert 1 == memory.writes

    memory.identities.say("gcp", "b@acme.example")
    await memory.identities.keep("gcp")
    assert 2 == memory.writes


async def test_who_left_the_configuration_is_forgotten(memory):
    """Another one of that name, later on, is a stranger; the others stay."""
    for name in CONNECTORS:
        memory.identities.say(name, "me")
        await memory.identities.keep(name)
    await memory.restart({"aws": None})
    await memory.restart()

    assert (None, ("me", NOW)) == (of(memory), of(memory, "aws"))


async def test_what_could_not_be_written_is_written_the_next_time(memory):
    """It is known all the same."""
    await memory.store.write(lambda db: db.execute("ALTER TABLE identities RENAME TO gone"))
    memory.identities.say("gcp", "me")
    with pytest.raises(StateError, match="cannot be written"):
        await memory.identities.keep("gcp")
    assert ("me", NOW) == of(memory)

    await memory.store.write(lambda db: db.execute("ALTER TABLE gone RENAME TO identities"))
    await memory.identities.keep("gcp")
    await memory.restart()

    assert ("me", NOW) == of(memory)


async def test_a_store_from_before_is_taken_over(memory):
    """Nobody is known then."""
    await memory.store.close()
    with closing(sqlite3.connect(memory.path)) as db:
        db.executescript("DROP TABLE identities; PRAGMA user_version=3;")
    await memory.open()
    memory.identities.say("gcp", "me")
    await memory.identities.keep("gcp")
    await memory.restart()

    assert ("me", NOW) == of(memory)
