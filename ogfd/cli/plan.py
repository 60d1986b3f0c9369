"""``ogfd plan``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from ogfd.cli.options import config_option
from ogfd.cli.outcome import plan_code
from ogfd.cli.perform import json_option, perform, print_json
from ogfd.cli.selection import selection, selection_options
from ogfd.cli.text import clean, counted, show_table, size, until

_HEAD = ("slice", "action", "size", "requests", "price", "state", "reason")


@click.command("plan", short_help="Show what a sync would read and commit; reads no data.")
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
    """Show what a sync would read and commit: slices, bytes, paid requests. Reads no data."""
    params = selection(connectors, stream, first, last, force)
    document = perform(ctx, "plan", params, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        _show(document)
    return plan_code(document)


def _show(document: Mapping[str, Any]) -> None:
    slices = document["slices"]
    show_table(_HEAD, [_row(item) for item in slices], right=("size", "requests", "price"))
    for error in document["errors"]:
        click.echo(
            f"{clean(error.get('connector'))}: {clean(error.get('class'))}: "
            f"{clean(until(error.get('message'), error))}"
        )
    counts = Counter(item["action"] for item in slices)
    sizes = [item.get("size_bytes") for item in slices if item["action"] == "read"]
    total = size(sum(filter(None, sizes)))
    unknown = f", {counted(sizes.count(None), 'slice')} of unknown size" if None in sizes else ""
    summary = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    click.echo(
        f"{summary or 'no slices'}; {total} to read{unknown}{_paid(document.get('total') or {})}"
    )


def _row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        item["slice"],
        item["action"],
        size(item.get("size_bytes")),
        item.get("requests"),
        _price(item.get("price")),
        item.get("state"),
        until(item.get("reason"), item),
    )


def _paid(total: Mapping[str, Any]) -> str:
    parts = [_price(price) for price in total.get("prices") or ()]
    if total.get("paid_requests"):
        parts.insert(0, counted(total["paid_requests"], "paid request"))
    return f"; {', '.join(parts)}" if parts else ""


def _price(price: Any) -> Any:
    if isinstance(price, Mapping):
        return f"{price.get('amount')} {price.get('currency')}"
    return price
