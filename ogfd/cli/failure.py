"""What an error means to whoever started the command."""

from __future__ import annotations

import json
from typing import Any

import click

from ogfd.config import ConfigError
from ogfd.control.protocol import EX_CONFIG, EX_FAILED, OperationError
from ogfd.plugin import OgfdError
from ogfd.telemetry.logs import escape


def exit_code(error: Exception) -> int | None:
    """Return the exit code for *error*; None if it is a bug, whose traceback is wanted."""
    match error:
        case ConfigError():
            return EX_CONFIG
        case OperationError():
            return error.code
        case OgfdError():
            return EX_FAILED
        case _:
            return None


def show(error: Exception) -> None:
    """Print *error* to stderr, a configuration's mistakes one per line."""
    for line in str(error).splitlines():
        click.echo(f"ogfd: {escape(line)}", err=True)


def show_json(error: Exception) -> None:
    """Print *error* as the JSON document of the command."""
    message: dict[str, Any] = {"message": str(error), "exit_code": exit_code(error)}
    if isinstance(error, ConfigError):
        message["mistakes"] = [str(mistake) for mistake in error.mistakes]
    click.echo(json.dumps({"error": message}, indent=2))
