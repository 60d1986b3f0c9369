"""The root command: finds commands by name, imports only the one that runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click

from ogfd import __version__
from ogfd.cli.options import config_option

PROGRAM: Final = "ogfd"
GROUP: Final = "ogfd.commands"

COMMANDS: Final = {
    "run": "Run the daemon in the foreground.",
    "sync": "Bring the sinks up to date, once and now.",
    "plan": "Show what a sync would read and commit; reads no data.",
    "check": "Check configuration, credentials, permissions and sinks.",
    "status": "Show connectors, runs and slices.",
    "reconcile": "Compare committed sums with the providers' own totals.",
    "slices": "Look at slices; approve, reject or drop them.",
    "report": "Add up cost and emissions by service, region, month, ...",
    "config": "Write, show and validate the configuration.",
    "plugins": "List and inspect plugins.",
    "completion": "Print the completion script of a shell.",
}
"""Built-in commands and what they do; each is `command` in the module of its name."""


class Commands(click.Group):
    """
    The built-in commands, and those of plugins (entry points of the group ``ogfd.commands``).

    Args:
        plugins: ``importlib.metadata.entry_points``; listing them imports nothing.
    """

    def __init__(
        self,
        *args: Any,
        plugins: Callable[..., Iterable[EntryPoint]] = entry_points,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._plugins = plugins

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*COMMANDS, *self._added()]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"ogfd.cli.{cmd_name}")
            command: click.Command = module.command
            return command
        if cmd_name not in self._added():
            return None
        from ogfd.registry import Registry  # noqa: PLC0415 - see ogfd.cli

        return Registry(self._plugins).load_command(cmd_name)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if added := self._added():
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"By {dist}.") for name, dist in added.items()])

    def _added(self) -> dict[str, str]:
        """Return the commands that plugins add, with the distribution of each."""
        return {
            entry.name: entry.dist.name if entry.dist is not None else entry.value
            for entry in sorted(self._plugins(group=GROUP), key=lambda entry: entry.name)
            if entry.name not in COMMANDS
        }


@click.group(
    cls=Commands,
    name=PROGRAM,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 a slice failed or is held; 64 usage; 69 a needed service is "
    "unreachable; 77 credentials or permission; 78 configuration.",
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.option("-v", "--verbose", count=True, help="Log more to stderr; twice for all.")
@config_option
@click.pass_context
def root(ctx: click.Context, verbose: int) -> None:
    """Keep an exact, current copy of cloud usage, cost and carbon in the store you choose."""
    ctx.meta["ogfd.verbose"] = verbose


def invoke(args: Sequence[str] | None = None, obj: object | None = None) -> int:
    """
    Run `root` and return the exit code; errors are printed to stderr.

    Args:
        args: the command line; None means that of the process.
        obj: what commands work with; None means the real thing.
    """
    try:
        done = root.main(args, prog_name=PROGRAM, standalone_mode=False, obj=obj)
    except click.Abort:
        return 130
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.UsageError as exc:
        exc.show()
        return 64
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except Exception as exc:
        from ogfd.cli.failure import exit_code, show  # noqa: PLC0415 - imports the engine

        code = exit_code(exc)
        if code is None:
            raise
        show(exc)
        return code
    return done if isinstance(done, int) else 0
