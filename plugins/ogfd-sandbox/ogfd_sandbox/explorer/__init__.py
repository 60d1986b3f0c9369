"""
Cost Explorer over generated bills: its totals are those of the cost exports, to the last digit.

    made = assemble(CurSettings(seed=7), Month(2026, 8))
    publish(store, [made])                          # the stand-in answers with it
    publish(store, [made], estimated=[made.month])  # AWS may still change it
    publish(store, [made], surplus=Decimal(1))      # it says a dollar more than the export
"""

from ogfd_sandbox.explorer.publish import Publisher, publish

__all__ = ["Publisher", "publish"]
