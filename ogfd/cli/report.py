"""``ogfd report``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from ogfd.cli.options import config_option
from ogfd.cli.params import Month, Pair, Year, gathered, listed
from ogfd.cli.perform import perform, print_json
from ogfd.cli.text import amount, clean, show_table

_COSTS: Final = ("billed_cost", "effective_cost")
_EMISSIONS: Final = ("location_based_kg", "market_based_kg")


@click.command("report", short_help="Add up cost and emissions by service, region, month, ...")
@click.option("--year", type=Year(), help="All months of a year.")
@click.option("--from", "first", type=Month(), help="First month of usage, inclusive.")
@click.option("--to", "last", type=Month(), help="Last month of usage, inclusive.")
@click.option(
    "--by", multiple=True, metavar="DIMENSION,...", help="Break down, e.g. service,region."
)
@click.option("--where", multiple=True, type=Pair(), help="Filter; one name twice means either.")
@click.option("--basis", default=None, help="What amounts are based on.  [default: reported]")
@click.option("--sink", metavar="NAME", help="Which sink to ask.  [default: the first readable]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    year: str | None,
    first: str | None,
    last: str | None,
    by: tuple[str, ...],
    where: tuple[tuple[str, str], ...],
    basis: str | None,
    sink: str | None,
    form: str,
    as_json: bool,
) -> int:
    """
    Add up cost and reported emissions by service, region, month, ...

    Cost is by currency and never added across; nor are location-based and market-based emissions,
    two methods for the same ones. What the sums leave out is named.
    """
    form = "json" if as_json else form
    first, last = _months(year, first, last)
    params = {
        "from": first,
        "to": last,
        "by": listed(by),
        "where": gathered(where),
        "basis": basis or "reported",
        "sink": sink,
    }
    document = perform(ctx, "report", params, as_json=form == "json")
    if form == "json":
        print_json(document)
    elif form == "csv":
        click.echo(_csv(document), nl=False)
    else:
        _show(document)
    if form != "json":
        for gap in document["missing"]:
            click.echo(f"incomplete: {clean(gap)}", err=True)
    return 0


def _months(year: str | None, first: str | None, last: str | None) -> tuple[str | None, str | None]:
    if year is not None:
        if first is not None or last is not None:
            raise click.UsageError("--year stands alone, without --from and --to")
        return f"{year}-01", f"{year}-12"
    if first is not None and last is not None and last < first:
        raise click.UsageError(f"--from {first} is after --to {last}")
    return first, last


def _show(document: Mapping[str, Any]) -> None:
    emissions = document["emissions"]
    if document["rows"]:
        _table(document["by"], _COSTS, document["rows"])
    if document["rows"] and emissions["rows"]:
        click.echo()
    if emissions["rows"]:
        _table(emissions["by"], _EMISSIONS, emissions["rows"])
    if not document["rows"] and not emissions["rows"]:
        click.echo("no rows")


def _table(by: Sequence[str], amounts: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    lines = [
        (
            *(row[name] for name in by),
            *(amount(row[name]) for name in amounts),
            row["line_count"],
        )
        for row in rows
    ]
    show_table((*by, *amounts, "line_count"), lines, right=(*amounts, "line_count"))


def _csv(document: Mapping[str, Any]) -> str:
    """Return one table: a row is of cost or of emissions, so each column can be added up."""
    head = [*document["by"], *_COSTS, *_EMISSIONS, "line_count"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for row in (*document["rows"], *document["emissions"]["rows"]):
        writer.writerow([row.get(name) for name in head])
    return out.getvalue()
