"""A file into an `Output`: it is parsed in threads, a batch ahead of what the pipeline takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
from anyio import to_thread
from anyio.abc import ObjectSendStream

from ogfd.plugin.output import Output
from ogfd.plugin.tabular.mapped import Mapped
from ogfd.plugin.tabular.reader import FileReader, S
from ogfd.plugin.tasks import single_error


async def feed(
    path: Path,
    name: str,
    out: Output,
    *,
    choose: Callable[[Sequence[str], str], S],
    map: Callable[[pa.Table, S, str, int], Mapped],
    plain: bool = False,
) -> None:
    """
    Read the file *path* into *out*; the other arguments are those of `FileReader`.

    May be cancelled; what *out* has got by then is part of the file.

    Raises:
        FatalError: if the file is not of a format that is read, lacks columns, or is too large.
        TransientError: if it is cut or corrupt.
    """
    opened = partial(FileReader, path, name, choose=choose, map=map, plain=plain)
    reader = await to_thread.run_sync(opened)
    send, receive = anyio.create_memory_object_stream[Mapped](0)
    try:
        with single_error():
            async with anyio.create_task_group() as tasks, receive:
                tasks.start_soon(_parse, reader, send)
                async for mapped in receive:
                    await mapped.put(out)
    finally:
        reader.close()


async def _parse(reader: FileReader[Any], send: ObjectSendStream[Mapped]) -> None:
    async with send:
        while (mapped := await to_thread.run_sync(reader.next_batch)) is not None:
            await send.send(mapped)
