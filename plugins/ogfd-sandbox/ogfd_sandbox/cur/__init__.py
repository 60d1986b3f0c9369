"""
A seeded generator of AWS cost exports in every format, with its own exact truth.

    first = assemble(CurSettings(seed=7, rows=20_000), Month(2026, 8))
    put_report(store, first, Place(bucket="billing", report="acme"))
    second = restate(first)                 # fewer files, other lines, a new tag, a credit
    put_report(store, second, Place(bucket="billing", report="acme"))
    second.truth.billed()                   # {"USD": Decimal("1234.567...")}
"""

from ogfd_sandbox.cur.assembly import Assembly, Changes, assemble, restate
from ogfd_sandbox.cur.formats import Format
from ogfd_sandbox.cur.report import Place, Store, manifest, put_report, write_month
from ogfd_sandbox.cur.settings import CurSettings, Month
from ogfd_sandbox.cur.truth import Total, Truth

__all__ = [
    "Assembly",
    "Changes",
    "CurSettings",
    "Format",
    "Month",
    "Place",
    "Store",
    "Total",
    "Truth",
    "assemble",
    "manifest",
    "put_report",
    "restate",
    "write_month",
]
