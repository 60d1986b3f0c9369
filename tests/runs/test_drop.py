"""``ogfd slices drop``, of a slice or of all slices of a stream."""

import pytest

from ogfd.control.protocol import OperationError
from ogfd.daemon import open_app
from ogfd.runs import RunRequest, Trigger

WHY = {"reason": "moved", "actor": "me"}


async def test_a_stream_is_dropped_as_a_whole_once(bound):
    """As when an account's cost is to come from another export; afterwards nothing counts."""
    async with open_app(bound) as app:
        await app.runner.run(RunRequest(connector="d", trigger=Trigger.CLI), lambda _: None)

        async def call(name, **params):
            return await app.operations.call(f"slices.{name}", params, lambda _: None)

        dropped = await call("drop", slice="d/cost", **WHY)
        held = (await call("list"))["slices"]
        with pytest.raises(OperationError, match="no sink holds a slice of d/cost"):
            await call("drop", slice="d/cost", **WHY)

    assert "d/cost" == dropped["stream"]
    assert [("d/cost/2026-09", "committed"), ("d/cost/2026-10", "committed")] == [
        (each["slice"], each["result"]["outcome"]) for each in dropped["slices"]
    ]
    assert [0, 0] == [each["rows"] for each in held]
