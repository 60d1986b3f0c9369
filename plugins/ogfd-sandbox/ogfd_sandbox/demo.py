"""``ogfd demo``: the whole system against local stand-ins of AWS, no account needed."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.markup import escape

from ogfd_sandbox import tables
from ogfd_sandbox.carbon import Footprint, footprint, publish
from ogfd_sandbox.configuration import CONNECTOR, environment, ogfd_toml
from ogfd_sandbox.cur import (
    Assembly,
    Changes,
    CurSettings,
    Month,
    Place,
    assemble,
    put_report,
    restate,
)
from ogfd_sandbox.program import Process, Program, ProgramError
from ogfd_sandbox.s3 import S3Server

PLACE: Final = Place(bucket="demo-billing", report="acme", prefix="cur")
_ROWS: Final = 12_000
_MONTHS: Final = 3
_WIDTH: Final = 110
_METHODS: Final = {
    "location_based_kg": "TOTAL_LBM_CARBON_EMISSIONS",
    "market_based_kg": "TOTAL_MBM_CARBON_EMISSIONS",
}


class Demonstration:
    """
    The steps of the demonstration.

    Args:
        store: the stand-in, running.
        program: the installed program, configured for it.
        console: where to show it.
    """

    def __init__(self, store: S3Server, program: Program, console: Console) -> None:
        self._store = store
        self._program = program
        self._console = console
        self._bills: dict[Month, Assembly] = {}
        self._emitted: list[Footprint] = []

    def deliver(self, months: list[Month], settings: CurSettings) -> None:
        """
        Put a generated bill for each of *months* into the bucket; the last is not final.

        Their emissions are published too, but for those of the last month.
        """
        self._store.create_bucket(PLACE.bucket)
        for month in months:
            bill = assemble(settings, month, finalised=month != months[-1])
            put_report(self._store, bill, PLACE)
            self._bills[month] = bill
        names = ", ".join(str(month) for month in months)
        self._emitted = [footprint(settings, month) for month in months]
        publish(self._store, self._emitted[:-1])
        self._say(
            f"A stand-in of AWS at {self._store.url} holds the bills of {names}, "
            "and the emissions of all but the last month."
        )

    def first_sync(self) -> None:
        """Read everything, and report it."""
        self._step("A first sync reads every month", "ogfd sync")
        self._console.print(tables.outcomes(self._program.document("sync", "--json")))
        self._report()

    def _report(self) -> None:
        self._step("What was spent and emitted, out of the sink", "ogfd report --by category")
        document = self._program.document("report", "--by", "category", "--format", "json")
        self._console.print(tables.report(document))
        for gap in document["missing"]:
            self._say(f"incomplete: {escape(gap)}")

    def restated(self) -> None:
        """Let AWS deliver the last month again, with its emissions; show what that changed."""
        month = max(self._bills)
        bill = restate(self._bills[month], Changes(finalised=True))
        put_report(self._store, bill, PLACE)
        self._bills[month] = bill
        publish(self._store, self._emitted)
        self._step(
            f"AWS delivers {month} again: fewer files, an older day metered anew, a credit; "
            "and publishes its emissions",
            "ogfd sync",
        )
        self._console.print(tables.outcomes(self._program.document("sync", "--json")))
        command = f"ogfd slices history {self._slice(month)}"
        self._step("What the new delivery changed", command)
        self._console.print(tables.changes(tables.newest(self._history(month))))
        self._report()

    def nothing_new(self) -> bool:
        """Sync once more; tell whether nothing was read."""
        self._store.forget_requests()
        self._step("A third sync finds nothing new", "ogfd sync")
        document = self._program.document("sync", "--json")
        self._console.print(tables.outcomes(document))
        read = self._store.count("GetObject", "*.csv.gz")
        self._say(
            f"The stand-in counted {len(self._store.requests())} requests, "
            f"of which {read} for data files."
        )
        unchanged = all(entry["outcome"] == "unchanged" for entry in tables.slices_of(document))
        return unchanged and read == 0

    def verdict(self) -> bool:
        """Compare the sink's ledger with the generators' own sums, to the last digit."""
        self._step("The sink against bill and service, to the last digit", "ogfd slices history")
        commits = [tables.newest(self._history(month)) for month in self._bills]
        truths = [bill.truth for bill in self._bills.values()]
        with localcontext(prec=60):
            billed = tables.added(tables.sums(commit, "billed_cost") for commit in commits)
            effective = tables.added(tables.sums(commit, "effective_cost") for commit in commits)
            due = tables.added(truth.billed() for truth in truths)
            due_effective = tables.added(truth.effective() for truth in truths)
        match = self._equal("billed", billed, due)
        match = self._equal("effective", effective, due_effective) and match
        match = self._emissions_equal() and match
        self._say("[bold green]match[/]" if match else "[bold red]no match[/]")
        return match

    def _equal(
        self, what: str, held: tables.Amounts, due: tables.Amounts, source: str = "bill"
    ) -> bool:
        for unit in sorted({*held, *due}):
            has, owes = held.get(unit, Decimal(0)), due.get(unit, Decimal(0))
            sign = "=" if has == owes else "!="
            self._say(f"{what}: sink {has:f} {unit} {sign} {source} {owes:f} {unit}")
        return held == due

    def _emissions_equal(self) -> bool:
        commits = [tables.newest(self._history(one.month, "carbon")) for one in self._emitted]
        match = True
        for measure, kind in _METHODS.items():
            held = sum((Decimal(each["sums"][measure]) for each in commits), Decimal(0))
            due = sum((one.kg()[kind] for one in self._emitted), Decimal(0))
            what = measure.removesuffix("_kg").replace("_", "-")
            match = self._equal(what, {"kg": held}, {"kg": due}, "service") and match
        return match

    def _history(self, month: Month, stream: str = "cost") -> dict[str, Any]:
        return self._program.document("slices", "history", self._slice(month, stream), "--json")

    @staticmethod
    def _slice(month: Month, stream: str = "cost") -> str:
        return f"{CONNECTOR}/{stream}/{month}"

    def _step(self, title: str, command: str) -> None:
        self._console.print(f"\n[bold]{title}[/]  [dim]$ {command}[/]")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def perform(demonstration: Demonstration, today: date, settings: CurSettings) -> bool:
    """Go through all steps; tell whether everything was as it must be."""
    this = Month.of(today)
    months = [this.plus(-back) for back in range(_MONTHS, 0, -1)]
    demonstration.deliver(months, settings)
    demonstration.first_sync()
    demonstration.restated()
    quiet = demonstration.nothing_new()
    return demonstration.verdict() and quiet


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
    itself answers; the last lines compare them with the generated bill and emissions.
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
        store = stack.enter_context(S3Server())
        config = directory / "ogfd.toml"
        listen = f"127.0.0.1:{_free_port()}"
        config.write_text(
            ogfd_toml(
                endpoint_url=store.url,
                place=PLACE,
                directory=directory,
                start=Month.of(today).plus(-_MONTHS),
                listen=listen,
                carbon=True,
            ),
            encoding="utf-8",
        )
        process = Process(directory, environment())
        program = Program(config, process)
        demonstration = Demonstration(store, program, console)
        try:
            good = perform(demonstration, today, CurSettings(rows=_ROWS))
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
        f"\nThe daemon starts against the stand-in: http://{listen}/ and http://{listen}/metrics"
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
