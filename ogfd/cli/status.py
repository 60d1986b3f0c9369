"""``ogfd status``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

from ogfd.cli.options import config_option
from ogfd.cli.perform import json_option, perform, print_json
from ogfd.cli.text import amount, clean, percent, show_fields, show_table, when

_NAMED: Final = 5


@click.command("status", short_help="Show connectors, runs and slices.")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Show the daemon, connectors with their last and next run, slices by state, and sinks."""
    document = perform(ctx, "status", {}, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        _show(document)
    return 0


def _show(document: Mapping[str, Any]) -> None:
    show_fields({"daemon": document["daemon"]})
    _section(
        ("connector", "type", "status", "streams", "last run", "next run", "last error"),
        [
            (
                item["name"],
                item.get("type"),
                item.get("status"),
                _names(item.get("streams")),
                _run(item.get("last_run")),
                when(item.get("next_run")),
                _message(item.get("last_error")),
            )
            for item in document["connectors"]
        ],
    )
    _section(
        ("connector", "signed in as", "since"),
        [
            (item["name"], item["identity"], when(item.get("identity_since")))
            for item in document["connectors"]
            if item.get("identity")
        ],
    )
    _section(
        ("sink", "type", "guarantee", "ok", "error"),
        [
            (
                item["name"],
                item.get("type"),
                item.get("guarantee"),
                item.get("ok"),
                item.get("error"),
            )
            for item in document["sinks"]
        ],
    )
    _section(
        ("stopped connector", "requests", "asked again", "reason"),
        [
            (
                i["connector"],
                " of ".join(filter(None, (i.get("operation") or "(others)", i.get("scope")))),
                when(i.get("until")),
                i.get("reason"),
            )
            for i in document["stopped"]
        ],
    )
    _section(("slices", "count"), sorted(document["slices"].items()))
    _section(
        ("failing", "class", "failures", "tried again", "reason"),
        _few(map(_failing, document.get("failing") or ()), kind=1),
    )
    _section(
        ("unknown in", "values", "rows"),
        [
            (f"{name}/{stream} {field}", _some(values), rows)
            for (name, stream, field), (values, rows) in _unknown(document["connectors"]).items()
        ],
    )
    _section(
        ("paid requests of", "operation", "month", "requests", "usd"),
        [
            (item["name"], i["operation"], i["month"], i["requests"], i["usd"])
            for item in document["connectors"]
            for i in item.get("spending") or ()
        ],
    )
    _section(
        ("off the provider's totals", "period", "measure", "result", "difference", "share",
         "checked", "reason"),
        [_apart(i) for i in document.get("reconciliation") or ()],
    )  # fmt: skip
    held = ((i["slice"], i.get("reason")) for i in document["held"])
    _section(("held slice", "reason"), _few(held))
    _section(
        ("plugin", "problem", "message"),
        [(i.get("plugin"), i.get("reason"), i.get("message")) for i in document["problems"]],
    )


def _failing(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        item["name"],
        item.get("error_class"),
        item.get("failures"),
        when(item.get("next_due")) or "by schedule",
        item.get("reason"),
    )


def _apart(item: Mapping[str, Any]) -> tuple[Any, ...]:
    error = item.get("error") or {}
    return (
        item["stream"],
        item["billing_period"],
        item.get("measure"),
        item["result"],
        amount(item.get("difference")),
        percent(item.get("share")),
        when(error.get("at") or item.get("checked_at")),
        error.get("message"),
    )


def _section(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        click.echo()
        show_table(head, rows)


def _few(rows: Iterable[tuple[Any, ...]], kind: int = 0) -> list[tuple[Any, ...]]:
    """
    Return the first rows of each stream, and how many more it has: days may fail by the hundred.

    Args:
        rows: each begins with the name of a slice or stream.
        kind: column whose values are told apart.
    """
    alike: dict[tuple[str, Any], list[tuple[Any, ...]]] = {}
    for row in rows:
        stream = "/".join(row[0].split("/")[:2])
        alike.setdefault((stream, kind and row[kind]), []).append(row)
    found: list[tuple[Any, ...]] = []
    for (stream, _), same in alike.items():
        found += same[:_NAMED]
        if (more := len(same) - _NAMED) > 0:
            blank = (None,) * (len(same[0]) - 2)
            listing = f"ogfd slices list {stream.partition('/')[0]} names all"
            found.append((f"{more} more of {stream}", *blank, listing))
    return found


def _unknown(
    connectors: Iterable[Mapping[str, Any]],
) -> dict[tuple[str, str, str], tuple[list[str], int]]:
    """Return the values that no table knows, and the rows that have them, by stream and field."""
    found: dict[tuple[str, str, str], tuple[list[str], int]] = {}
    for item in connectors:
        for each in item.get("unknown") or ():
            key = (item["name"], each["stream"], each["field"])
            values, rows = found.get(key, ([], 0))
            found[key] = ([*values, each["value"]], rows + each["rows"])
    return found


def _some(values: list[str]) -> str:
    more = len(values) - _NAMED
    return ", ".join(values[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _names(streams: Any) -> Any:
    if isinstance(streams, list | tuple):
        return [item.get("name") if isinstance(item, Mapping) else item for item in streams]
    return streams


def _run(run: Any) -> Any:
    if isinstance(run, Mapping):
        time = run.get("ended_at") or run.get("started_at")
        return f"{clean(when(time))} {clean(run.get('outcome'))}"
    return run


def _message(error: Any) -> Any:
    return error.get("message") if isinstance(error, Mapping) else error
