"""``ogfd run``."""

from __future__ import annotations

import click

from ogfd.cli.options import config_option, config_path
from ogfd.cli.session import wiring


@click.command("run", short_help="Run the daemon in the foreground.")
@config_option
@click.pass_context
def command(ctx: click.Context) -> int:
    """
    Run the daemon in the foreground.

    Connectors run on their schedules until SIGTERM or SIGINT.
    """
    import anyio  # noqa: PLC0415 - see ogfd.cli

    wired = wiring(ctx)
    bound = wired.load(config_path(ctx))
    verbose = ctx.meta.get("ogfd.verbose", 0)
    wired.logs(bound, ("", "info", "debug")[min(verbose, 2)])
    return anyio.run(wired.run, bound)
