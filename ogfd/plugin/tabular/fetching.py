"""Files one after the other: the next one is fetched while one is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio
from anyio.abc import ObjectSendStream

from ogfd.plugin.tasks import single_error

Fetch = Callable[[str], Awaitable[Path]]
"""Brings the file of a name to local disk."""

Take = Callable[[str, Path], Awaitable[None]]
"""Takes the rows out of a file, given its name and the local copy."""


async def fetch_ahead(
    names: Sequence[str], fetch: Fetch, take: Take, *, progress: Callable[[int, int, str], None]
) -> None:
    """
    Hand the files of *names* to *take*, one at a time and in their order, and remove each then.

    Two are on disk at most: one is read, the next one comes or waits. May be cancelled.

    Args:
        names: of the files.
        fetch: called for one name at a time; what it raises ends the others too.
        take: the same.
        progress: is told of each file that was taken, as ``ctx.progress`` wants it.
    """
    # Without room, so that no third file comes before the first one is gone.
    send, receive = anyio.create_memory_object_stream[tuple[str, Path]](0)
    done = 0
    with single_error():
        async with anyio.create_task_group() as tasks, receive:
            tasks.start_soon(_fetch_all, names, fetch, send)
            async for name, path in receive:
                try:
                    await take(name, path)
                finally:
                    path.unlink(missing_ok=True)
                done += 1
                progress(done, len(names), "files")


async def _fetch_all(
    names: Sequence[str], fetch: Fetch, send: ObjectSendStream[tuple[str, Path]]
) -> None:
    async with send:
        for name in names:
            path = await fetch(name)
            try:
                await send.send((name, path))
            except BaseException:
                path.unlink(missing_ok=True)
                raise
