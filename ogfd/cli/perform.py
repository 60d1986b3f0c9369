"""What all commands have in common: load the configuration, do an operation, print."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from ogfd.cli.options import config_path
from ogfd.cli.session import RemoteOperations, Wiring, wiring

if TYPE_CHECKING:
    from ogfd.control.protocol import Emit
    from ogfd.registry import Bound

_LEVELS: Final = ("warning", "info", "debug")
_COMMITTING: Final = frozenset({"sync", "slices.approve", "slices.reject", "slices.drop"})

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)


def perform(
    ctx: click.Context,
    name: str,
    params: Mapping[str, Any],
    *,
    as_json: bool,
    emit: Emit | None = None,
    streamless: bool = False,
) -> dict[str, Any]:
    """
    Do the operation *name* and return its result.

    With *as_json* an error is printed as the command's JSON document before it is raised. With
    *streamless* connectors may have no stream.

    Raises:
        ConfigError: if the configuration has mistakes.
        OperationError: if the operation could not be done.
    """
    from ogfd.cli.failure import show_json  # noqa: PLC0415 - see ogfd.cli
    from ogfd.plugin import OgfdError  # noqa: PLC0415

    try:
        wired = wiring(ctx)
        bound = wired.load(config_path(ctx), streamless=streamless)
        verbose = min(ctx.meta.get("ogfd.verbose", 0), len(_LEVELS) - 1)
        wired.logs(bound, _LEVELS[verbose])
        return _run(wired, bound, name, params, emit or (lambda _: None), as_json=as_json)
    except OgfdError as exc:
        if as_json:
            show_json(exc)
        raise


def print_json(document: Any) -> None:
    """Print the command's JSON document."""
    click.echo(json.dumps(document, indent=2, default=str))


def _run(
    wired: Wiring,
    bound: Bound,
    name: str,
    params: Mapping[str, Any],
    emit: Emit,
    *,
    as_json: bool,
) -> dict[str, Any]:
    import anyio  # noqa: PLC0415 - see ogfd.cli

    async def main() -> dict[str, Any]:
        async with wired.operations(bound) as operations:
            here = not isinstance(operations, RemoteOperations)  # a daemon has a stdout of its own
            if as_json and here and name in _COMMITTING:
                _keep_stdout(bound)
            return await operations.call(name, params, emit)

    return anyio.run(main)


def _keep_stdout(bound: Bound) -> None:
    """Raise `OperationError` if a sink writes to stdout, where the JSON document belongs."""
    from ogfd.control.protocol import EX_USAGE, OperationError  # noqa: PLC0415 - see ogfd.cli

    for name, sink in bound.sinks.items():
        if sink.table.type == "jsonl" and sink.table.values.get("path") == "-":
            raise OperationError(
                f"the jsonl sink {name} and --json would share stdout",
                EX_USAGE,
                hint=f"drop --json, or give sinks.{name}.path a file",
            )
