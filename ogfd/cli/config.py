"""``ogfd config``: write, show and check the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ogfd.cli.installation import errors_as_json, installation
from ogfd.cli.options import config_option, config_path
from ogfd.cli.perform import json_option, print_json

if TYPE_CHECKING:
    from ogfd.registry import Bound

_EX_CONFIG = 78


@click.group("config", short_help="Write, show and validate the configuration.")
@config_option
def command() -> None:
    """Write, show and validate the configuration."""


@command.command("validate", short_help="Print every mistake; exit 78 if there is one.")
@config_option
@click.pass_context
def validate(ctx: click.Context) -> None:
    """
    Print every mistake with file, line and key, and exit 78 if there is one.

    A connector whose plugin cannot be loaded counts, though the daemon would run the others.
    """
    from ogfd.registry import load_bound  # noqa: PLC0415 - see ogfd.cli

    here = installation(ctx)
    bound = load_bound(config_path(ctx), here.environ, here.registry)
    _remark(bound)
    if bound.problems:
        ctx.exit(_EX_CONFIG)
    files = ", ".join(map(str, bound.settings.files)) or "the environment"
    click.echo(f"{files}: ok; connectors: {_names(bound.connectors)}; sinks: {_names(bound.sinks)}")


@command.command("show", short_help="Print the configuration as it counts.")
@json_option
@config_option
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """
    Print the configuration as it counts: files, environment and defaults merged.

    Secrets show as references, plain ones as ***.
    """
    import tomli_w  # noqa: PLC0415 - see ogfd.cli

    from ogfd.cli.effective import effective  # noqa: PLC0415
    from ogfd.registry import load_bound  # noqa: PLC0415

    here = installation(ctx)
    with errors_as_json(as_json):
        bound = load_bound(config_path(ctx), here.environ, here.registry)
    tables = effective(bound)
    files = [str(path) for path in bound.settings.files]
    if as_json:
        print_json({"files": files, **tables})
    else:
        click.echo("".join(f"# {file}\n" for file in files) + tomli_w.dumps(tables), nl=False)
    _remark(bound)


def _remark(bound: Bound) -> None:
    for warning in bound.warnings:
        click.echo(f"ogfd: warning: {warning}", err=True)
    for key, problem in bound.problems.items():
        click.echo(f"ogfd: {key}: {problem}", err=True)


@command.command("set", short_help="Set one key in ogfd.d, beside the main file.")
@click.argument("key")
@click.argument("value")
@config_option
@click.pass_context
def set_(ctx: click.Context, key: str, value: str) -> None:
    """
    Set one KEY, such as connectors.aws-prod.schedule, to VALUE.

    VALUE is read as TOML, else as a string. The change goes to ogfd.d/90-set.toml beside the main
    file, which stays as it is. A change that makes a mistake is refused.
    """
    from ogfd.cli.editing import set_key  # noqa: PLC0415 - see ogfd.cli

    here = installation(ctx)
    try:
        change = set_key(config_path(ctx), here.environ, here.registry, key, value)
    except ValueError as exc:
        raise click.BadParameter(str(exc), ctx=ctx, param_hint="KEY") from None
    except OSError as exc:
        raise click.ClickException(f"{exc.filename} cannot be written: {exc.strerror}") from None
    click.echo(f"{change.key} is set in {change.file}; a running daemon takes it at a restart")
    if change.winner:
        click.echo(f"ogfd: {change.winner} sets {change.key} too, and counts", err=True)


@command.command("init", short_help="Write a first configuration.")
@click.option("--from-env", is_flag=True, help="Take connectors from OFFGRIDFLOW_* variables.")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File to write; - is stdout.  [default: the file of -c, else ./ogfd.toml]",
)
@config_option
@click.pass_context
def init(ctx: click.Context, from_env: bool, output: Path | None) -> None:
    """Write a first configuration: where to keep state, one sink, and on request connectors."""
    import tomli_w  # noqa: PLC0415 - see ogfd.cli

    from ogfd.cli.editing import checked, draft, inherited, write  # noqa: PLC0415

    here = installation(ctx)
    printed = output == Path("-")
    file = (None if printed else output) or config_path(ctx) or Path("ogfd.toml")
    if not printed and file.exists():
        raise click.UsageError(f"{file} exists; name another file with --output", ctx)
    first = draft(file.parent, installed=file.parent == Path("/etc/ogfd"))
    taken = inherited(file, here.environ, here.registry) if from_env else None
    if taken is not None and not taken.tables:
        raise click.UsageError("no OFFGRIDFLOW_* variable of an installed connector is set", ctx)
    text = tomli_w.dumps({**first.tables, **(taken.tables if taken else {})})
    for note in taken.notes if taken else ():
        click.echo(f"ogfd: {note}", err=True)
    checked(file, text, here.environ, here.registry)
    if printed:
        click.echo(text, nl=False)
        return
    try:
        write(file, text)
    except OSError as exc:
        raise click.ClickException(f"{file} cannot be written: {exc.strerror}") from None
    click.echo(f"wrote {file}; see what a key does with: ogfd config schema")


@command.command("schema", short_help="Print the JSON schema of the configuration.")
@config_option
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the JSON schema of the configuration, installed plugins included."""
    from ogfd.registry import (  # noqa: PLC0415 - see ogfd.cli
        CONNECTORS,
        SINKS,
        PluginProblem,
        config_schema,
    )

    here = installation(ctx)
    connectors, sinks = [], []
    for info in here.registry.available():
        try:
            if info.group == CONNECTORS:
                connectors.append(here.registry.load_connector(info.name))
            elif info.group == SINKS:
                sinks.append(here.registry.load_sink(info.name))
        except PluginProblem as problem:
            click.echo(f"ogfd: left out: {problem}", err=True)
    print_json(config_schema(connectors, sinks))


def _names(tables: object) -> str:
    return ", ".join(tables) if isinstance(tables, dict) and tables else "none"


config = command
