"""
The command line.

Start-up time counts: modules here import the engine, Arrow and aiohttp inside of functions, when
a command runs, so that ``--help`` and completion stay quick.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """
    Run the command line and return its exit code.

    Args:
        args: without the program's name; None means those of the process.
    """
    from ogfd.cli.root import invoke  # noqa: PLC0415 - `import ogfd.cli` stays free of click

    return invoke(args)
