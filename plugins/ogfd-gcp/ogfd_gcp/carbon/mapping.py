"""
Rows of the carbon footprint, as `ogfd_gcp.sql.carbon` asks for them, to activities.

    account_id        project.id; the number of a project that was deleted; null of what has none
    service           service.description, category by `ogfd_gcp.tables.services`
    region            location.region, else location.location, by `ogfd_gcp.tables.regions`
    model_version     carbon_model_version
    *_kg              carbon_footprint_kgCO2e and carbon_footprint_total_kgCO2e

Google gives its customers a share of its own emissions, estimated and not verified by others: all
of it is the customer's scope 3, and Google's scopes are a breakdown.
https://cloud.google.com/carbon-footprint/docs/methodology
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.plugin import AMOUNT, INSTANT, Period
from ogfd.plugin.tabular import Mapped, Rows
from ogfd_gcp.answers import rows_of
from ogfd_gcp.places import places, services
from ogfd_gcp.sql.carbon import MEASURES

SOURCE: Final = "gcp_carbon"
COPIED: Final = "copy of another row, made by the export of autumn 2022"

_NUMBERS: Final = (*MEASURES, "lines", "copies")


def mapped(table: pa.Table, account: str, month: Period, place: str, before: int) -> Mapped:
    """
    Map a page of rows.

    Args:
        table: the page.
        account: the billing account.
        month: of the rows.
        place: where they are from, for messages.
        before: how many rows came before it.
    """
    rows = rows_of(table, _NUMBERS)
    out = _constants(rows.count, account, month) | _labelled(rows)
    out |= {name: rows.number(name, AMOUNT).values for name in MEASURES}
    lines = rows.cells["lines"].cast(pa.string()).cast(pa.int64())
    copies = rows.cells["copies"].cast(pa.string()).cast(pa.int64())
    out["line_count"] = lines
    counted = int(pc.sum(copies).as_py() or 0)
    extra = counted - int(pc.sum(lines).as_py() or 0)
    batch = pa.RecordBatch.from_pydict(out)
    if rows.problems.bad.any():
        batch = batch.filter(pa.array(~rows.problems.bad))
    rejected = rows.problems.rejected(
        place, before + 1, pa.nulls(rows.count), np.ones(rows.count, dtype=np.bool_)
    )
    accepted = int(pc.sum(batch.column("line_count")).as_py() or 0)
    return Mapped(
        batch=batch,
        source_rows=accepted + sum(each.rows for each in rejected) + extra,
        rejected=rejected,
        filtered={COPIED: extra} if extra else {},
        unknown=rows.unknown,
        rounded=rows.rounded,
    )


def _constants(count: int, account: str, month: Period) -> dict[str, pa.Array]:
    said: Mapping[str, tuple[Any, pa.DataType]] = {
        "source": (SOURCE, pa.string()),
        "billing_account_id": (account, pa.string()),
        "billing_period": (str(month), pa.string()),
        "charge_category": ("emission", pa.string()),
        "period_start": (month.start, INSTANT),
        "period_end": (month.end, INSTANT),
        "ghg_scope": (3, pa.int8()),
        "ghg_category": (1, pa.int8()),
        "method": ("supplier_specific", pa.string()),
        "data_quality": ("reported", pa.string()),
    }
    return {
        name: pa.DictionaryArray.from_arrays(
            np.zeros(count, dtype=np.int32), pa.array([value], kind)
        )
        for name, (value, kind) in said.items()
    }


def _labelled(rows: Rows) -> dict[str, pa.Array]:
    projects = rows.combined("project", "project_number")
    return {
        "account_id": projects.map(lambda name, number: name or number),
        "model_version": rows.text("model").array(),
        **services(rows),
        **places(rows),
    }
