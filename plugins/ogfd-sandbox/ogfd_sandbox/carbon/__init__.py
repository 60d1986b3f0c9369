"""
A seeded generator of the footprint that AWS would report for the customer of the bills.

    made = footprint(CurSettings(seed=7), Month(2026, 8))
    publish(store, [made])                          # the stand-in answers with it
    publish(store, [recompute(made, "v3.1.0")])     # AWS has a new model, and restates the month
    made.kg()["TOTAL_LBM_CARBON_EMISSIONS"]         # Decimal("1234.567")
    put_export(store, made, ExportPlace(bucket="billing"))      # the same as a data export
"""

from ogfd_sandbox.carbon.export import ExportPlace, put_export
from ogfd_sandbox.carbon.footprint import Footprint, Part, footprint, recompute
from ogfd_sandbox.carbon.publish import Publisher, publish

__all__ = [
    "ExportPlace",
    "Footprint",
    "Part",
    "Publisher",
    "footprint",
    "publish",
    "put_export",
    "recompute",
]
