"""The command ``ogfd demo``."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.markup import escape

from ogfd_sandbox.azure.bill import AzureSettings
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.bigquery.bill import BillSettings
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.configuration import Gcp as GcpAccess
from ogfd_sandbox.configuration import environment, ogfd_toml
from ogfd_sandbox.cur import CurSettings, Month
from ogfd_sandbox.demo.clouds import (
    AWS_PLACE,
    AZURE_PLACE,
    GCP_CARBON,
    GCP_COST,
    Aws,
    Azure,
    Gcp,
)
from ogfd_sandbox.demo.ledger import read_sums
from ogfd_sandbox.demo.steps import MONTHS, Demonstration, perform
from ogfd_sandbox.program import Process, Program, ProgramError
from ogfd_sandbox.s3 import S3Server
from ogfd_sandbox.standin import together

_AWS: Final = CurSettings(rows=12_000)
_AZURE: Final = AzureSettings(rows=3_000, subscriptions=2, currencies=("EUR",))
_GCP: Final = BillSettings(rows=6_000, currencies=("GBP",))
_WIDTH: Final = 110


@click.command("demo", short_help="Show the whole system on local stand-ins of the clouds.")
@click.option("--once", is_flag=True, help="End after the last step, also on a terminal.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Work in this directory and leave it; by default a temporary one is used and removed.",
)
def demo(*, once: bool, keep: Path | None) -> int:
    """
    Show the whole system on local stand-ins of the clouds.

    No account is needed and nothing leaves the machine. All figures shown are what the program
    itself answers; the last lines compare them with the generated bills and emissions.
    """
    console = _console()
    with ExitStack() as stack:
        stack.enter_context(_terminable())
        directory = keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="ogfd-demo-"))
        )
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        today = _today()
        aws, azure, gcp = S3Server(), AzureServer(), BigQueryServer()
        stack.enter_context(together(aws, azure, gcp))
        key = secret(directory / "gcp.json", gcp.credentials_json())
        config = directory / "ogfd.toml"
        listen = f"127.0.0.1:{_free_port()}"
        config.write_text(
            ogfd_toml(
                endpoint_url=aws.url,
                place=AWS_PLACE,
                directory=directory,
                start=Month.of(today).plus(-MONTHS),
                listen=listen,
                carbon=True,
                azure=azure,
                export=AZURE_PLACE,
                gcp=GcpAccess(endpoint=gcp.url, credentials=key, cost=GCP_COST, carbon=GCP_CARBON),
            ),
            encoding="utf-8",
        )
        process = Process(directory, environment())
        program = Program(config, process)
        demonstration = Demonstration(
            (Aws(aws, _AWS), Azure(azure, _AZURE), Gcp(gcp, _GCP)),
            program,
            partial(read_sums, directory / "ogfd.db"),
            console,
        )
        try:
            good = perform(demonstration, today)
        except ProgramError as exc:
            console.print(
                "[bold red]The demonstration failed.[/]", escape(str(exc)), soft_wrap=True
            )
            return 1
        if keep is not None:
            where = escape(str(directory))
            console.print(f"Configuration, database and archive are in {where}.", soft_wrap=True)
        if good and not once and sys.stdin.isatty() and sys.stdout.isatty():
            return _stay(console, process, program, listen, directory)
        return 0 if good else 1


def _stay(
    console: Console, process: Process, program: Program, listen: str, directory: Path
) -> int:
    console.print(
        f"\nThe daemon starts against the stand-ins: http://{listen}/livez and "
        f"http://{listen}/metrics"
        f"\nIts log is {escape(str(directory / 'ogfd.log'))}. Ctrl-C ends it.",
        soft_wrap=True,
    )
    return process.stay(program.command("run"), directory / "ogfd.log")


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    return console


def _today() -> date:
    return datetime.fromtimestamp(time.time(), UTC).date()


def secret(path: Path, text: str) -> Path:
    """Write *text* where nobody else can read it."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def _terminable() -> Generator[None]:
    """Let SIGTERM clean up as Ctrl-C does."""
    before: Callable[..., Any] | int | None = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
