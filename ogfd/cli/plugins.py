"""``ogfd plugins``: list, inspect and start plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ogfd.cli.installation import Installation, errors_as_json, installation
from ogfd.cli.options import config_option, config_path
from ogfd.cli.perform import json_option, print_json

if TYPE_CHECKING:
    from ogfd.plugin import ConnectorSpec, SinkSpec
    from ogfd.registry import PluginInfo

_KIND = click.option(
    "--type",
    "kind",
    type=click.Choice(["connector", "sink", "command"]),
    help="Which one, if several plugins have the name.",
)


@click.group("plugins", short_help="List and inspect plugins.")
@config_option
def command() -> None:
    """List and inspect plugins."""


@command.command("list", short_help="List the installed plugins.")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """
    List the installed plugins from their metadata.

    Only those that the configuration names are loaded; the others are not even imported.
    """
    from ogfd.cli.inventory import inventory  # noqa: PLC0415 - see ogfd.cli
    from ogfd.cli.text import show_table  # noqa: PLC0415

    here = installation(ctx)
    rows = inventory(config_path(ctx), here.environ, here.registry)
    if as_json:
        print_json({"plugins": rows})
        return
    head = ("name", "type", "dist", "version", "state", "message")
    show_table(head, [[row[column] for column in head] for row in rows])


@command.command("info", short_help="Show what a plugin brings.")
@click.argument("name")
@json_option
@_KIND
@config_option
@click.pass_context
def info(ctx: click.Context, name: str, as_json: bool, kind: str | None) -> None:
    """Load the plugin NAME and show its streams, configuration keys, limits and permissions."""
    from ogfd.cli.inventory import describe, lines  # noqa: PLC0415 - see ogfd.cli

    here = installation(ctx)
    found = _find(ctx, here, name, kind)
    with errors_as_json(as_json):
        described = describe(found, _load(here, found))
    if as_json:
        print_json(described)
    else:
        click.echo("\n".join(lines(described)))


@command.command("try", short_help="Load a plugin and check what it announces.")
@click.argument("name")
@_KIND
@config_option
@click.pass_context
def try_(ctx: click.Context, name: str, kind: str | None) -> None:
    """Load the plugin NAME, check what it announces and say what is wrong; exit 1 if anything."""
    from ogfd.registry import PluginProblem, remarks  # noqa: PLC0415 - see ogfd.cli

    here = installation(ctx)
    found = _find(ctx, here, name, kind)
    try:
        spec = _load(here, found)
    except PluginProblem as problem:
        for line in problem.findings or (str(problem),):
            click.echo(f"error: {line}")
        ctx.exit(1)
    for remark in () if isinstance(spec, click.Command) else remarks(spec):
        click.echo(f"warning: {remark}")
    click.echo(f"ok: the {found.kind} plugin {name} ({found.value}) can be used")


@command.command("new", short_help="Start a connector plugin.")
@click.argument("name")
@click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory to make.  [default: ./ogfd-NAME]",
)
@click.pass_context
def new(ctx: click.Context, name: str, directory: Path | None) -> None:
    """Write a small connector that works, with its test, to start from."""
    from ogfd.cli.scaffold import is_plugin_name, scaffold  # noqa: PLC0415 - see ogfd.cli

    if not is_plugin_name(name):
        raise click.BadParameter(
            "a plugin's name starts with a letter and is made of a-z, 0-9 and -",
            ctx=ctx,
            param_hint="NAME",
        )
    target = directory or Path(f"ogfd-{name}")
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            message = f"{target} exists and is not empty; name another with --dir"
            raise click.UsageError(message, ctx)
        for path, text in scaffold(name).items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise click.ClickException(f"{target} cannot be written: {exc.strerror}") from None
    click.echo(f"wrote {target}; next: pip install -e {target}; ogfd plugins try {name}")


def _find(ctx: click.Context, here: Installation, name: str, kind: str | None) -> PluginInfo:
    """Return the installed plugin *name*; a name that is not installed is a usage error."""
    from ogfd.config import did_you_mean  # noqa: PLC0415 - see ogfd.cli

    available = [found for found in here.registry.available() if kind in {None, found.kind}]
    named = {found.kind: found for found in available if found.name == name}
    if len(named) == 1:
        return next(iter(named.values()))
    if named:
        kinds = " or ".join(f"--type {found}" for found in sorted(named))
        raise click.UsageError(f"several plugins are named {name}; add {kinds}", ctx)
    guess = did_you_mean(name, [found.name for found in available])
    raise click.UsageError(f"no plugin {name} is installed{guess}; see: ogfd plugins list", ctx)


def _load(here: Installation, found: PluginInfo) -> ConnectorSpec | SinkSpec | click.Command:
    match found.kind:
        case "connector":
            return here.registry.load_connector(found.name)
        case "sink":
            return here.registry.load_sink(found.name)
        case _:
            return here.registry.load_command(found.name)


plugins = command
