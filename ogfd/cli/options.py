"""Options that every command takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

_KEY: Final = "ogfd.config"

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """Add ``-c FILE``, which may stand before the command's name or after it."""
    return click.option(
        "-c",
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_remember,
        help="Configuration file.  [default: $OGFD_CONFIG, /etc/ogfd/ogfd.toml, ./ogfd.toml]",
    )(command)


def config_path(ctx: click.Context) -> Path | None:
    """Return the file that ``-c`` names; the one after the command wins."""
    path: Path | None = ctx.meta.get(_KEY)
    return path


def _remember(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is not None:
        ctx.meta[_KEY] = path  # meta is shared by all contexts of one command line
