"""
A seeded generator of the billing exports, with its own exact truth.

    first = assemble(BillSettings(seed=7, rows=20_000, currencies=("USD", "EUR")))
    put(bigquery, first)                            # or "detailed", "focus"
    second = add_late(first)                        # a row of the first day, 19 days after it
    third = correct(second)                         # rows taken back under the next invoice month
    fourth = vanish(third, third.partitions[5])     # rows that are no more
    put(bigquery, fourth)                           # only the partitions concerned have changed
    fourth.truth.by("net", "invoice_month", "currency")

All exports of one bill agree with each other and with its truth.
"""

from ogfd_sandbox.bigquery.bill.assembly import (
    Account,
    Bill,
    add_late,
    assemble,
    correct,
    turned_on,
    vanish,
)
from ogfd_sandbox.bigquery.bill.exports import Kind, Store, exports, put, table_of
from ogfd_sandbox.bigquery.bill.settings import BillSettings
from ogfd_sandbox.bigquery.bill.truth import Total, Truth
from ogfd_sandbox.cur.settings import Month

__all__ = [
    "Account",
    "Bill",
    "BillSettings",
    "Kind",
    "Month",
    "Store",
    "Total",
    "Truth",
    "add_late",
    "assemble",
    "correct",
    "exports",
    "put",
    "table_of",
    "turned_on",
    "vanish",
]
