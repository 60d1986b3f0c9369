"""
A seeded generator of Azure cost exports in every dataset and format, with its own exact truth.

    first = assemble(AzureSettings(seed=7, rows=20_000), Month(2026, 8))
    put(azure, deliver(first, Place(export="acme")), "exports")
    second = restate(first)                         # rows vanish, arrive, are metered anew
    put(azure, deliver(second, Place(export="acme")), "exports")
    azure.set_cost(query_rows(second))
    second.truth.billed()                           # {"USD": Decimal("1234.567...")}

FOCUS, actual costs, amortized costs and queries of one bill agree with each other and its truth.
"""

from ogfd_sandbox.azure.bill.assembly import Bill, Changes, assemble, restate
from ogfd_sandbox.azure.bill.book import Kind
from ogfd_sandbox.azure.bill.datasets import Dataset, Files, Format
from ogfd_sandbox.azure.bill.delivery import (
    Delivery,
    Generation,
    Overwrite,
    Place,
    Store,
    deliver,
    put,
    write_month,
)
from ogfd_sandbox.azure.bill.query import query_rows
from ogfd_sandbox.azure.bill.settings import AzureSettings
from ogfd_sandbox.azure.bill.truth import Total, Truth
from ogfd_sandbox.cur.settings import Month

__all__ = [
    "AzureSettings",
    "Bill",
    "Changes",
    "Dataset",
    "Delivery",
    "Files",
    "Format",
    "Generation",
    "Kind",
    "Month",
    "Overwrite",
    "Place",
    "Store",
    "Total",
    "Truth",
    "assemble",
    "deliver",
    "put",
    "query_rows",
    "restate",
    "write_month",
]
