"""As whom a connector is signed in: shown by the status, whoever had it say so."""

import logging
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from runs.clockwork import NOW

from ogfd.daemon import open_app
from ogfd.plugin import AuthError
from ogfd.runs import RunRequest, Trigger


class Desk:
    """Where connector ``d`` signs in when it is opened."""

    def __init__(self):
        self.says = ["d@acme.example"]
        self.error = None


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def signing(bound, desk, monkeypatch):
    """Return the configuration with a connector that signs in; the clock stands still."""
    monkeypatch.setattr("ogfd.daemon.utc_now", lambda: NOW)
    connector = bound.connectors["d"]

    @asynccontextmanager
    async def opened(config, ctx):
        for identity in desk.says:
            ctx.signed_in(identity)
        if desk.error is not None:
            raise desk.error
        async with connector.spec.open(config, ctx) as streams:
            yield streams

    connectors = {"d": replace(connector, spec=replace(connector.spec, open=opened))}
    settings = replace(bound.settings, connectors={"d": connector.table})
    return replace(bound, settings=settings, connectors=connectors)


async def sync(app):
    request = RunRequest(connector="d", trigger=Trigger.CLI)
    return await app.runner.run(request, lambda event: None)


async def status(app):
    return (await app.operations.call("status", {}, lambda event: None))["connectors"]


async def identity(app):
    [connector] = await status(app)
    return connector["identity"]


async def test_it_is_known_during_the_run_and_after_a_restart(signing, diary):
    """With its time; before that, nothing is known."""
    seen = []

    async def look(_month):
        seen.append(await identity(app))

    diary.meanwhile = look
    async with open_app(signing) as app:
        [before] = await status(app)
        await sync(app)
        [after] = await status(app)
    async with open_app(signing) as app:
        [restarted] = await status(app)

    assert (None, None) == (before["identity"], before["identity_since"])
    assert ["d@acme.example"] * 2 == seen
    assert ("d@acme.example", NOW.isoformat()) == (after["identity"], after["identity_since"])
    assert after == restarted


async def test_a_check_knows_it_too(signing):
    """Which may be the first that a connector does."""
    async with open_app(signing) as app:
        await app.operations.call("check", {}, lambda event: None)
    async with open_app(signing) as app:
        assert "d@acme.example" == await identity(app)


async def test_the_last_one_counts_until_another_is_said(signing, desk):
    """An empty one, or none at all, says nothing new."""
    desk.says = ["a@acme.example", "b@acme.example", " \n"]
    async with open_app(signing) as app:
        await sync(app)
        assert "b@acme.example" == await identity(app)
        desk.says = []
        await sync(app)
        assert "b@acme.example" == await identity(app)
        desk.says = ["c@acme.example"]
        await sync(app)
        assert "c@acme.example" == await identity(app)


async def test_what_is_no_identity_does_no_harm(signing, desk):
    """A plugin's mistake forges no line and shows no secret, on disk either."""
    desk.says = ["me\n\x1b[31m Bearer sesame"]
    async with open_app(signing) as app:
        await sync(app)
        shown = await identity(app)
    files = signing.settings.daemon.state_dir.glob("state.db*")

    assert "me \\u001b[31m Bearer ***" == shown
    assert not any(b"sesame" in each.read_bytes() for each in files)


async def test_a_run_that_fails_has_said_it_all_the_same(signing, desk):
    """As whom it may not do something is what one wants to know then."""
    desk.error = AuthError("the account may not read the table")
    async with open_app(signing) as app:
        result = await sync(app)
    async with open_app(signing) as app:
        assert "d@acme.example" == await identity(app)

    assert "may not read" in result.errors[0].message


async def test_a_run_that_is_stopped_has_said_it_all_the_same(signing, diary):
    """It is put on record on the way out."""
    async with open_app(signing) as app, anyio.create_task_group() as tasks:

        async def stop(_month):
            tasks.cancel_scope.cancel()
            await anyio.sleep_forever()

        diary.meanwhile = stop
        tasks.start_soon(sync, app)
    async with open_app(signing) as app:
        assert "d@acme.example" == await identity(app)


async def test_a_store_that_cannot_take_it_stops_no_run(signing, caplog):
    """It is a cache: what counts are the rows."""
    async with open_app(signing) as app:
        await app.runner.state.write(lambda db: db.execute("DROP TABLE identities"))
        with caplog.at_level(logging.WARNING):
            result = await sync(app)
        assert "d@acme.example" == await identity(app)

    assert ("succeeded", []) == (str(result.outcome), result.errors)
    assert any("signed in stays unrecorded" in each.getMessage() for each in caplog.records)
