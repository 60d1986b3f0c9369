"""``ogfd sync``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from ogfd.cli.options import config_option
from ogfd.cli.outcome import errors_of, sync_code
from ogfd.cli.perform import json_option, perform, print_json
from ogfd.cli.progress import progress
from ogfd.cli.selection import selection, selection_options
from ogfd.cli.text import amount, clean, show_table, until

_HEAD = ("slice", "outcome", "rows", "cost", "sinks", "seconds", "reason")


@click.command("sync", short_help="Bring the sinks up to date, once and now.")
@selection_options
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
    force: bool,
    as_json: bool,
) -> int:
    """
    Bring the sinks up to date, once and now.

    Without CONNECTOR all enabled connectors run. Beside a running daemon it is the daemon that
    works; interrupting the command cancels what it asked for, and what was committed stays.
    """
    params = selection(connectors, stream, first, last, force)
    with progress(wanted=not as_json) as emit:
        document = perform(ctx, "sync", params, as_json=as_json, emit=emit)
    if as_json:
        print_json(document)
    else:
        _show(document)
    return sync_code(document)


def _show(document: Mapping[str, Any]) -> None:
    runs = document["runs"]
    slices = [item for run in runs for item in run["slices"]]
    show_table(_HEAD, [_row(item) for item in slices], right=("rows", "cost", "seconds"))
    for run in runs:
        for error in errors_of(run):
            click.echo(
                f"{clean(run['connector'])}: {clean(run['outcome'])}: "
                f"{clean(error.get('class'))}: {clean(until(error.get('message'), error))}"
            )
    counts = Counter(item["outcome"] for item in slices)
    summary = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    click.echo(f"{clean(document['outcome'])}: {summary or 'no slices'}")


def _row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    seconds = item.get("seconds")
    return (
        item["slice"],
        item["outcome"],
        item.get("rows"),
        _cost(item.get("sums") or {}),
        _deliveries(item.get("deliveries") or {}),
        None if seconds is None else f"{seconds:.1f}",
        until(item.get("reason"), item),
    )


def _cost(sums: Mapping[str, str]) -> str | None:
    parts = [
        f"{amount(value)} {name.partition(':')[2]}".strip()
        for name, value in sorted(sums.items())
        if name.partition(":")[0] == "billed_cost"
    ]
    return " + ".join(parts) or None


def _deliveries(deliveries: Mapping[str, Mapping[str, Any]]) -> str | None:
    parts = []
    for name, delivery in sorted(deliveries.items()):
        generation = delivery.get("generation")
        at = f"@{generation}" if generation else ""
        outcome = delivery.get("outcome")
        parts.append(
            f"{name}{at}" if outcome in {"committed", "unchanged"} else f"{name}:{outcome}"
        )
    return ", ".join(parts) or None
