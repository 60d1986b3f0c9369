"""The rows of one table of an export, and what they mean."""

from __future__ import annotations

import pyarrow as pa

from ogfd.plugin.tabular import Maps, Rows
from ogfd_aws.cur.columns import Columns


class ExportRows(Rows):
    """
    The rows of a table, by the names of `ogfd_aws.cur.fields`.

    Attributes:
        family: what the columns mean.
        unamortised: how many rows that count have no effective cost.
    """

    def __init__(self, table: pa.Table, columns: Columns, maps: Maps) -> None:
        super().__init__(table, columns, maps)
        self.family = columns.family
        self.unamortised = 0
