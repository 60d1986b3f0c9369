"""The options by which ``sync`` and ``plan`` select slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ogfd.cli.params import Month

F = TypeVar("F", bound=Callable[..., Any])


def selection_options(command: F) -> F:
    """Add ``[CONNECTOR...] --stream --from --to --force``."""
    for add in (
        click.option("--force", is_flag=True, help="Read also what has not changed."),
        click.option("--to", "last", type=Month(), help="Last month, inclusive."),
        click.option("--from", "first", type=Month(), help="First month, inclusive."),
        click.option("--stream", metavar="STREAM", help="Only this stream, e.g. cost."),
        click.argument("connectors", nargs=-1, metavar="[CONNECTOR]..."),
    ):
        command = add(command)
    return command


def selection(
    connectors: tuple[str, ...],
    stream: str | None,
    first: str | None,
    last: str | None,
    force: bool,
) -> dict[str, Any]:
    """
    Return the parameters of the operation.

    Raises:
        UsageError: if the months are the wrong way round.
    """
    if first is not None and last is not None and last < first:
        raise click.UsageError(f"--from {first} is after --to {last}")
    return {
        "connectors": list(connectors),
        "stream": stream,
        "from": first,
        "to": last,
        "force": force,
        "trigger": "cli",
    }
