"""
The ``jsonl`` sink: every commit appended to a file, or to stdout, as lines of JSON.

    {"ogfd":"begin","slice":S,"generation":G,...}   rows of G replace all earlier ones of S
    {"slice":S,"generation":G,"activity_id":...}    one activity; an absent key is null
    {"ogfd":"end","slice":S,"generation":G,...}     only now do the rows since `begin` count
    {"ogfd":"torn"}                                 the rows since `begin` do not count

Arrow is imported when the sink is opened: the announcement does not need it.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Annotated

from pydantic import Field

from ogfd.plugin import PluginConfig, Sink, SinkContext, SinkSpec, hookimpl

__all__ = ["JsonlConfig", "ogfd_sink"]


class JsonlConfig(PluginConfig):
    """
    Table of a sink with ``type = "jsonl"``.

    Attributes:
        path: the file to append to, or ``-`` for stdout.
    """

    path: Annotated[str, Field(min_length=1)]


@hookimpl
def ogfd_sink() -> SinkSpec:
    """Announce the sink."""
    return SinkSpec(
        name="jsonl",
        config=JsonlConfig,
        open=_open,
        summary="lines of JSON in a file or on stdout; at least once: repeats are possible",
    )


def _open(config: JsonlConfig, ctx: SinkContext) -> AbstractAsyncContextManager[Sink]:
    from ogfd.sinks.jsonl.sink import open_lines  # noqa: PLC0415 - see above

    return open_lines(config.path, ctx)
