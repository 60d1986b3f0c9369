"""What `ogfd config` and `ogfd plugins` look at: the environment and the installed plugins."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ogfd.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Tests pass another one as click's ``obj``."""

    environ: Mapping[str, str]
    registry: Registry


def installation(ctx: click.Context) -> Installation:
    """Return what the command looks at."""
    if isinstance(ctx.obj, Installation):
        return ctx.obj
    import os  # noqa: PLC0415 - see ogfd.cli

    from ogfd.registry import Registry  # noqa: PLC0415

    return Installation(environ=os.environ, registry=Registry())


@contextmanager
def errors_as_json(as_json: bool) -> Generator[None]:
    """Print an error as the command's JSON document, if that is wanted, before it goes on."""
    from ogfd.cli.failure import show_json  # noqa: PLC0415 - see ogfd.cli
    from ogfd.plugin import OgfdError  # noqa: PLC0415

    try:
        yield
    except OgfdError as exc:
        if as_json:
            show_json(exc)
        raise
