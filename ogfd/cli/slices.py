"""``ogfd slices``: what every sink holds, and the operator's word on it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from ogfd.cli.options import config_option
from ogfd.cli.outcome import approve_code
from ogfd.cli.perform import json_option, perform, print_json
from ogfd.cli.text import clean, counted, show_fields, show_table, when

F = TypeVar("F", bound=Callable[..., Any])


@click.group("slices", short_help="Look at slices; approve, reject or drop them.")
@config_option
def command() -> None:
    """Look at slices; approve, reject or drop them."""


def _verdict_options(function: F) -> F:
    for add in (
        click.option("--actor", metavar="NAME", help="Who decides.  [default: you]"),
        click.option("--reason", required=True, help="Why; goes to the history."),
        click.argument("slice"),
    ):
        function = add(function)
    return function


@command.command("list")
@click.argument("connector", required=False)
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, connector: str | None, as_json: bool) -> int:
    """List slices with what the sinks hold of them."""
    document = perform(ctx, "slices.list", {"connector": connector}, as_json=as_json)
    if as_json:
        print_json(document)
        return 0
    rows = [
        (
            item["slice"],
            item.get("state"),
            item.get("sink"),
            item.get("generation"),
            item.get("rows"),
            item.get("closed"),
            when(item.get("committed_at")),
            item.get("reason"),
            when(item.get("next_due")),
        )
        for item in document["slices"]
    ]
    head = ("slice", "state", "sink", "gen", "rows", "closed", "committed", "reason", "tried again")
    show_table(head, rows, right=("gen", "rows"))
    click.echo(counted(len(rows), "slice"))
    return 0


@command.command("show")
@click.argument("slice")
@json_option
@config_option
@click.pass_context
def show(ctx: click.Context, slice: str, as_json: bool) -> int:
    """Show all that is known of a slice."""
    document = perform(ctx, "slices.show", {"slice": slice}, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        show_fields(document)
    return 0


@command.command("history")
@click.argument("slice")
@json_option
@config_option
@click.pass_context
def history(ctx: click.Context, slice: str, as_json: bool) -> int:
    """Show every commit of a slice and what it changed."""
    document = perform(ctx, "slices.history", {"slice": slice}, as_json=as_json)
    if as_json:
        print_json(document)
        return 0
    for number, (sink, commits) in enumerate(sorted(document["sinks"].items())):
        click.echo(f"{chr(10) if number else ''}{clean(document['slice'])} in {clean(sink)}")
        for commit in commits:
            _show_commit(commit)
    return 0


@command.command("approve")
@_verdict_options
@json_option
@config_option
@click.pass_context
def approve(ctx: click.Context, slice: str, reason: str, actor: str | None, as_json: bool) -> int:
    """Let a held slice pass: its waiting package is committed."""
    params = {"slice": slice, "reason": reason, "actor": actor or _user()}
    return _decide(ctx, "slices.approve", params, as_json=as_json)


@command.command("reject")
@_verdict_options
@json_option
@config_option
@click.pass_context
def reject(ctx: click.Context, slice: str, reason: str, actor: str | None, as_json: bool) -> int:
    """Keep the old rows of a held slice until its source changes."""
    params = {"slice": slice, "reason": reason, "actor": actor or _user()}
    return _decide(ctx, "slices.reject", params, as_json=as_json)


@command.command("drop")
@_verdict_options
@json_option
@config_option
@click.pass_context
def drop(ctx: click.Context, slice: str, reason: str, actor: str | None, as_json: bool) -> int:
    """
    Remove the rows of a slice, so that another may count for its payer and month.

    CONNECTOR/STREAM in place of SLICE drops all slices of that stream.
    """
    params = {"slice": slice, "reason": reason, "actor": actor or _user()}
    return _decide(ctx, "slices.drop", params, as_json=as_json)


def _decide(ctx: click.Context, name: str, params: dict[str, str], *, as_json: bool) -> int:
    document = perform(ctx, name, params, as_json=as_json)
    if as_json:
        print_json(document)
    elif (each := document.get("slices")) is not None:
        rows = [(one["slice"], *map(one["result"].get, ("outcome", "reason"))) for one in each]
        show_table(("slice", "outcome", "reason"), rows)
        click.echo(counted(len(rows), "slice"))
    else:
        show_fields(document)
    return approve_code(document)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise click.UsageError("your user has no name here; say who decides by --actor") from None


def _show_commit(commit: Mapping[str, Any]) -> None:
    words = [f"generation {clean(commit['generation'])}", clean(when(commit.get("committed_at")))]
    words.append(f"{clean(commit.get('rows'))} rows")
    if commit.get("actor"):
        words.append(f"by {clean(commit['actor'])}: {clean(commit.get('reason'))}")
    click.echo(f"  {'  '.join(words)}")
    rows = [
        (
            change.get("account_id"),
            change.get("service"),
            change.get("measure"),
            change.get("unit"),
            change.get("before"),
            change.get("after"),
        )
        for change in commit.get("changes") or ()
    ]
    head = ("account", "service", "measure", "unit", "before", "after")
    show_table(head, rows, right=("before", "after"))
