"""Books to compare sinks with, and what tests of reconciliation ask a daemon for."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from ogfd.plugin import Totals
from ogfd.runs import RunRequest, Trigger

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
USD, EUR = "billed_cost:USD", "billed_cost:EUR"
GAUGE = 'ogfd_reconciliation_drift{connector="d",provider="diary",stream="cost"}'


class Books:
    """The provider's own totals, by month; an error is raised, what is not there unpublished."""

    def __init__(self):
        self.months = {"2026-09": {USD: Decimal("0.1")}, "2026-10": {USD: Decimal("0.1")}}
        self.independent = True
        self.selected = False
        self.asked = []

    async def __call__(self, billing_period):
        self.asked.append(billing_period)
        sums = self.months.get(billing_period)
        if isinstance(sums, Exception):
            raise sums
        if sums is None:
            return None
        return Totals(
            origin="the books",
            independent=self.independent,
            sums=sums,
            selected=self.selected,
        )


def changed(bound, *, spec=None, table=None):
    """Return the configuration with another stream spec or another table."""
    connector = bound.connectors["d"]
    stream = connector.streams["cost"]
    streams = {"cost": replace(stream, spec=replace(stream.spec, **spec or {}))}
    made = replace(connector, streams=streams, table=replace(connector.table, **table or {}))
    settings = replace(bound.settings, connectors={"d": made.table})
    return replace(bound, connectors={"d": made}, settings=settings)


async def sync(app, **options):
    request = RunRequest(connector="d", trigger=Trigger.CLI, **options)
    return await app.runner.run(request, lambda event: None)


async def reconcile(app, **params):
    return await app.operations.call("reconcile", params, lambda event: None)


async def standing(app):
    return (await app.operations.call("status", {}, lambda event: None))["reconciliation"]


def results(document):
    return {
        (each["billing_period"], each["measure"]): each["result"] for each in document["checks"]
    }


def drift(app):
    """Return the value of the metric; None if it is absent."""
    lines = app.metrics.exposition("")[0].decode().splitlines()
    values = [line.removeprefix(GAUGE) for line in lines if line.startswith(GAUGE)]
    return float(values[0]) if values else None
