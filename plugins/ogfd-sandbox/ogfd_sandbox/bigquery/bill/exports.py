"""The exports of a bill: the tables of every billing account, by the names that Google gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal, Protocol

import pyarrow as pa

from ogfd_sandbox.bigquery.bill.assembly import Account, Bill
from ogfd_sandbox.bigquery.bill.columns import detailed, standard
from ogfd_sandbox.bigquery.bill.focus import focus
from ogfd_sandbox.bigquery.tables import Partitioning, Table

Kind = Literal["standard", "standard_2022", "detailed", "focus"]

_PREFIXES: Final[Mapping[Kind, str]] = {
    "standard": "gcp_billing_export_v1_",
    "standard_2022": "gcp_billing_export_v1_",
    "detailed": "gcp_billing_export_resource_v1_",
    "focus": "gcp_billing_export_focus_",
}
_MAKERS: Final[Mapping[Kind, Callable[[Account], pa.Table]]] = {
    "standard": standard,
    "standard_2022": partial(standard, old=True),
    "detailed": detailed,
    "focus": focus,
}


class Store(Protocol):
    """What tables can be put into: `ogfd_sandbox.bigquery.server.BigQueryServer`."""

    def set_table(self, table: Table, rows: pa.Table) -> None: ...


def exports(
    bill: Bill, kind: Kind = "standard", *, dataset: str = "billing", location: str = "US"
) -> list[tuple[Table, pa.Table]]:
    """
    Return the table of every account, with its rows.

    Args:
        bill: what is exported.
        kind: which export; ``standard_2022`` lacks the columns that came later.
        dataset: of the customer's; the FOCUS export has a dataset of Google's for each account.
        location: of the datasets.
    """
    found = []
    for account in bill.accounts:
        table = table_of(account.id, kind, dataset=dataset, location=location)
        found.append((table, _MAKERS[kind](account)))
    return found


def table_of(
    account: str, kind: Kind = "standard", *, dataset: str = "billing", location: str = "US"
) -> Table:
    """Return the table of one export of a billing account, see `exports`."""
    suffix = account.replace("-", "_")
    return Table(
        name=_PREFIXES[kind] + suffix,
        dataset=f"gcp_billing_immutable_{suffix}_{location}" if kind == "focus" else dataset,
        location=location,
        partitioning=Partitioning(),
    )


def put(
    store: Store,
    bill: Bill,
    kind: Kind = "standard",
    *,
    dataset: str = "billing",
    location: str = "US",
) -> list[Table]:
    """Put the tables of every account into *store*, in place of what they held; return them."""
    found = exports(bill, kind, dataset=dataset, location=location)
    for table, rows in found:
        store.set_table(table, rows)
    return [table for table, _ in found]
