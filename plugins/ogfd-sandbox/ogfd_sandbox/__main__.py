"""``python -m ogfd_sandbox``: generated reports on disk, or served."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ogfd_sandbox.azure import bill as azure_bill
from ogfd_sandbox.carbon import footprint, publish
from ogfd_sandbox.configuration import SECRET_VARIABLE, ogfd_toml
from ogfd_sandbox.cur import (
    CurSettings,
    Format,
    Month,
    Place,
    assemble,
    put_report,
    restate,
    write_month,
)
from ogfd_sandbox.s3 import SECRET_ACCESS_KEY, S3Server


def _month(ctx: click.Context, param: click.Parameter, value: str | None) -> Month:
    try:
        return _last_month() if value is None else Month.parse(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc), ctx, param) from None


def _last_month() -> Month:
    return Month.of(datetime.fromtimestamp(time.time(), UTC).date()).plus(-1)


@click.group()
def main() -> None:
    """Local stand-ins of the clouds, with generated data."""


@main.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--rows", type=click.IntRange(200), default=20_000, show_default=True)
@click.option("--files", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--month", callback=_month, metavar="YYYY-MM", help="The newest one.  [default: last month]"
)
@click.option("--months", type=click.IntRange(1), default=1, show_default=True)
@click.option("--accounts", type=click.IntRange(1), default=6, show_default=True)
@click.option("--series", type=click.IntRange(1), help="Distinct account, offer and region.")
@click.option("--resources", type=click.IntRange(1), help="Distinct resources.")
@click.option("--resource-share", type=click.FloatRange(0, 1), default=0.6, show_default=True)
@click.option("--level", type=click.IntRange(0, 9), default=6, show_default=True, help="Of gzip.")
@click.option("--restated", is_flag=True, help="Also write a second assembly of the last month.")
@click.option(
    "--format",
    type=click.Choice([one.value for one in Format]),
    default=Format.CUR_GZIP.value,
    show_default=True,
)
@click.option("--overwrite", is_flag=True, help="Deliveries replace the one before.")
@click.option("--bucket", default="billing", show_default=True)
@click.option("--report", default="acme", show_default=True)
@click.option("--prefix", default="cur", show_default=True)
def cur(
    *,
    out: Path,
    month: Month,
    months: int,
    restated: bool,
    level: int,
    format: str,
    overwrite: bool,
    bucket: str,
    report: str,
    prefix: str,
    **options: Any,
) -> None:
    """Write generated cost exports, and print their true totals as JSON."""
    settings = CurSettings(compression_level=level, **options)
    place = Place(
        bucket=bucket,
        report=report,
        prefix=prefix,
        format=Format(format),
        overwrite=overwrite,
    )
    bills = [assemble(settings, month.plus(-back)) for back in range(months - 1, -1, -1)]
    if restated:
        bills.append(restate(bills[-1]))
    written = []
    for bill in bills:
        objects = write_month(bill, place, out)
        truth = bill.truth
        written.append(
            {
                "month": str(bill.month),
                "assembly": bill.id,
                "rows": truth.lines,
                "billed": {name: f"{amount:f}" for name, amount in truth.billed().items()},
                "effective": {name: f"{amount:f}" for name, amount in truth.effective().items()},
                "objects": [{"key": key, "path": str(path)} for key, path in objects],
            }
        )
    click.echo(json.dumps({"assemblies": written}, indent=2))


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--rows", type=click.IntRange(300), default=20_000, show_default=True)
@click.option("--files", type=click.IntRange(1), default=2, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--month", callback=_month, metavar="YYYY-MM", help="[default: last month]")
@click.option("--through-day", type=click.IntRange(1, 31), help="The last day, if not all.")
@click.option("--subscriptions", type=click.IntRange(1), default=4, show_default=True)
@click.option("--resources", type=click.IntRange(1), help="Distinct resources.")
@click.option("--level", type=click.IntRange(0, 9), default=6, show_default=True, help="Of gzip.")
@click.option("--restated", is_flag=True, help="Also write a second run.")
@click.option(
    "--dataset",
    type=click.Choice([one.value for one in azure_bill.Dataset]),
    default=azure_bill.Dataset.FOCUS_1_0.value,
    show_default=True,
)
@click.option(
    "--format",
    type=click.Choice([one.name.lower() for one in azure_bill.Format]),
    default=azure_bill.Format.GZIP.name.lower(),
    show_default=True,
)
@click.option("--export", default="acme-costs", show_default=True)
def azure(
    *,
    directory: Path,
    month: Month,
    through_day: int | None,
    level: int,
    restated: bool,
    dataset: str,
    format: str,
    export: str,
    **options: Any,
) -> None:
    """Write generated Azure cost exports to DIRECTORY, and print their true totals as JSON."""
    settings = azure_bill.AzureSettings(compression_level=level, **options)
    place = azure_bill.Place(
        export=export,
        dataset=azure_bill.Dataset(dataset),
        format=azure_bill.Format[format.upper()],
    )
    bills = [azure_bill.assemble(settings, month, through_day=through_day)]
    if restated:
        bills.append(azure_bill.restate(bills[-1]))
    written = []
    for bill in bills:
        blobs = azure_bill.write_month(bill, place, directory)
        truth = bill.truth.of_kinds(place.dataset.kinds)
        written.append(
            {
                "month": str(bill.month),
                "rows": truth.rows,
                "billed": {name: f"{amount:f}" for name, amount in truth.billed().items()},
                "effective": {name: f"{amount:f}" for name, amount in truth.effective().items()},
                "blobs": [{"name": name, "path": str(path)} for name, path in blobs],
            }
        )
    click.echo(json.dumps({"runs": written}, indent=2))


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free one.")
@click.option("--rows", type=click.IntRange(200), default=20_000, show_default=True)
@click.option("--months", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def serve(*, port: int, rows: int, months: int, seed: int) -> None:
    """Serve generated months from a stand-in of AWS; print an ogfd.toml for it; wait for Ctrl-C."""
    place = Place(bucket="billing", report="acme")
    settings = CurSettings(seed=seed, rows=rows)
    last = _last_month()
    first = last.plus(1 - months)
    with S3Server(port=port) as store:
        store.create_bucket(place.bucket)
        for number in range(months):
            put_report(store, assemble(settings, first.plus(number)), place)
        publish(store, [footprint(settings, first.plus(number)) for number in range(months)])
        toml = ogfd_toml(
            endpoint_url=store.url,
            place=place,
            directory=Path("ogfd-sandbox").resolve(),
            start=first,
            listen="127.0.0.1:8090",
            carbon=True,
        )
        click.echo(f"# export {SECRET_VARIABLE}={SECRET_ACCESS_KEY}\n{toml}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
