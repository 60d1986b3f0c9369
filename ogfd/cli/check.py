"""``ogfd check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click
import tomli_w

from ogfd.cli.options import config_option
from ogfd.cli.outcome import check_code
from ogfd.cli.perform import json_option, perform, print_json
from ogfd.cli.text import clean, show_table


@click.command("check", short_help="Check configuration, credentials, permissions and sinks.")
@click.argument("connectors", nargs=-1, metavar="[CONNECTOR]...")
@click.option(
    "--discover", is_flag=True, help="Also look for exports and suggest configuration for them."
)
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, connectors: tuple[str, ...], discover: bool, as_json: bool) -> int:
    """Check configuration, credentials, permissions and sinks. Changes nothing."""
    params = {"connectors": list(connectors), "discover": discover}
    document = perform(ctx, "check", params, as_json=as_json, streamless=discover)
    if as_json:
        print_json(document)
    else:
        _show(document["findings"])
    return check_code(document)


def _show(findings: list[Mapping[str, Any]]) -> None:
    rows = [(f["scope"], f["level"], f.get("subject"), f.get("message")) for f in findings]
    show_table(("scope", "level", "subject", "message"), rows)
    grants = dict.fromkeys(f["grant"] for f in findings if f.get("grant"))
    for grant in grants:
        click.echo("\nTo grant:")
        for line in str(grant).splitlines():
            click.echo(_indented(line))
    tables: set[tuple[str, str]] = set()
    for suggestion in (f["suggestion"] for f in findings if f.get("suggestion")):
        named = {(name, key) for name, keys in suggestion["connectors"].items() for key in keys}
        click.echo("\nTo configure instead:" if named & tables else "\nTo configure:")
        tables |= named
        for line in tomli_w.dumps(suggestion).splitlines():
            click.echo(_indented(line))
    counts = Counter(finding["level"] for finding in findings)
    click.echo(", ".join(f"{count} {level}" for level, count in sorted(counts.items())) or "ok")


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return "  " + " " * (len(line) - len(text)) + clean(text) if text else ""
