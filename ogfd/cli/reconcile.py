"""``ogfd reconcile``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import click

from ogfd.cli.options import config_option
from ogfd.cli.outcome import reconcile_code
from ogfd.cli.params import Month
from ogfd.cli.perform import json_option, perform, print_json
from ogfd.cli.selection import selection
from ogfd.cli.text import amount, clean, percent, show_table, until

_HEAD: Final = (
    "stream", "period", "measure", "result", "committed", "provider", "difference", "share",
    "sink", "reason",
)  # fmt: skip


@click.command("reconcile", short_help="Compare committed sums with the providers' own totals.")
@click.argument("connectors", nargs=-1, metavar="[CONNECTOR]...")
@click.option("--stream", metavar="STREAM", help="Only this stream, e.g. cost.")
@click.option("--from", "first", type=Month(), help="First billing period, inclusive.")
@click.option("--to", "last", type=Month(), help="Last billing period, inclusive.")
@json_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    connectors: tuple[str, ...],
    stream: str | None,
    first: str | None,
    last: str | None,
    as_json: bool,
) -> int:
    """
    Compare committed sums with the providers' own totals, by billing period and currency.

    Without --from and --to the newest three billing periods that a sink holds are compared: some
    providers charge for totals. Without totals from another source than its rows a month is never
    a match: it is unverified, or drift if it differs even from those.
    """
    params = selection(connectors, stream, first, last, force=False)
    document = perform(ctx, "reconcile", params, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        _show(document)
    return reconcile_code(document)


def _show(document: Mapping[str, Any]) -> None:
    checks, right = document["checks"], ("committed", "provider", "difference", "share")
    show_table(_HEAD, [_row(item) for item in checks], right=right)
    for error in document["errors"]:
        click.echo(
            f"{clean(error.get('connector'))}: {clean(error.get('class'))}: "
            f"{clean(until(error.get('message'), error))}"
        )
    counts = Counter(item["result"] for item in checks)
    summary = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    click.echo(summary or "nothing to compare")


def _row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        f"{item['connector']}/{item['stream']}",
        item["billing_period"],
        item.get("measure"),
        item["result"],
        amount(item.get("committed")),
        amount(item.get("provider")),
        amount(item.get("difference")),
        percent(item.get("share")),
        item.get("sink"),
        item.get("reason"),
    )
