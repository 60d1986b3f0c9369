"""Give rows the shape that the operator wants: grain, tags, resource ids, accounts, defaults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ogfd.packages.rows import Coded, Mask, Rows, constant, dumps
from ogfd.plugin import INSTANT, Grain, Kind, Wanted

Instants = npt.NDArray[np.int64]
"""Microseconds since 1970-01-01T00:00Z."""

_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """
    How the rows of a slice are shaped; part of the recipe.

    Attributes:
        kind: decides the defaults of ``charge_category``.
        wanted: grain, tags and resource ids.
        account_kept: tells whether the rows of an account id are kept.
    """

    kind: Kind
    wanted: Wanted
    account_kept: Callable[[str], bool] = lambda _account: True


def shaped(rows: Rows, shape: Shape) -> tuple[Rows, dict[str, int]]:
    """
    Return the rows in *shape*, and how many source rows were filtered, by reason.

    Raises:
        ValueError: if a row has no period or an empty one, or money without a currency.
    """
    rows, filtered = _accounts(rows, shape)
    keys = dict(rows.keys)
    _check_currency(rows)
    if not shape.wanted.resource_ids:
        keys.pop("resource_id", None)
    if "tags" in keys:
        keys["tags"] = _only(keys["tags"], frozenset(shape.wanted.tags))
    start, end = _periods(keys, shape.wanted.grain)
    keys["period_start"], keys["period_end"] = _instants(start), _instants(end)
    defaults: Mapping[str, object] = {
        "charge_category": "emission" if shape.kind is Kind.CARBON else "usage",
        "data_quality": "reported",
        "ghg_scope": 3,
        "ghg_category": 1,
    }
    for name, value in defaults.items():
        if name not in keys:
            keys[name] = constant(name, value, rows.count)
    if "billing_period" not in keys:
        keys["billing_period"] = _months(start)
    return replace(rows, keys=keys), filtered


def _accounts(rows: Rows, shape: Shape) -> tuple[Rows, dict[str, int]]:
    accounts = rows.keys.get("account_id")
    if accounts is None:
        return rows, {}
    kept = [
        account is None or shape.account_kept(account) for account in accounts.values.to_pylist()
    ]
    if all(kept):
        return rows, {}
    mask: Mask = np.array(kept, dtype=np.bool_)[accounts.codes]
    dropped = pc.sum(rows.measures["line_count"].filter(pa.array(~mask))).as_py() or 0
    return rows.where(mask), {"account not selected": dropped}


def _check_currency(rows: Rows) -> None:
    for name in ("billed_cost", "effective_cost"):
        cost = rows.measures.get(name)
        if cost is None or cost.null_count == len(cost):
            continue
        currency = rows.keys.get("currency")
        if currency is None or pc.any(pc.and_(cost.is_valid(), currency.array().is_null())).as_py():
            raise ValueError(f"{name} comes without a currency")


def _only(tags: Coded, wanted: frozenset[str]) -> Coded:
    """Keep the wanted keys; a row without any has null, as if the column were absent."""
    texts: list[str | None] = []
    for text in tags.values.to_pylist():
        pairs = {key: value for key, value in json.loads(text).items() if key in wanted}
        texts.append(dumps(pairs) if pairs else None)
    merged = pa.array(texts, pa.string()).dictionary_encode(null_encoding="encode")
    codes = merged.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return Coded(codes[tags.codes], merged.dictionary)


def _periods(keys: Mapping[str, Coded], grain: Grain) -> tuple[Instants, Instants]:
    """Widen each row's period to the grain; a period that does not fit in stays as it is."""
    start, end = (_micros(keys, name) for name in ("period_start", "period_end"))
    if bool((end <= start).any()):
        raise ValueError("a row's period_end is not after its period_start")
    match grain:
        case Grain.LINE:
            return start, end
        case Grain.HOURLY:
            floor = start - start % _HOUR
            ceiling = floor + _HOUR
        case Grain.DAILY:
            floor = start - start % _DAY
            ceiling = floor + _DAY
        case Grain.MONTHLY:
            months = start.view("datetime64[us]").astype("datetime64[M]")
            floor = months.astype("datetime64[us]").astype(np.int64)
            ceiling = (months + 1).astype("datetime64[us]").astype(np.int64)
    fits = end <= ceiling
    return np.where(fits, floor, start), np.where(fits, ceiling, end)


def _micros(keys: Mapping[str, Coded], name: str) -> Instants:
    column = keys.get(name)
    if column is None or (column.values.null_count and column.array().null_count):
        raise ValueError(f"{name} is missing; every row has a period")
    values = column.values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    instants: Instants = values[column.codes]
    return instants


def _instants(micros: Instants) -> Coded:
    values, codes = np.unique(micros, return_inverse=True)
    return Coded(codes.astype(np.int32), pa.array(values).cast(INSTANT))


def _months(start: Instants) -> Coded:
    months, codes = np.unique(
        start.view("datetime64[us]").astype("datetime64[M]"), return_inverse=True
    )
    return Coded(codes.astype(np.int32), pa.array(months.astype(str)))
