"""
The one transaction that makes the file hold exactly a package for its slice.

    BEGIN IMMEDIATE -> ledger compare-and-swap -> claims -> delete, insert -> verify -> history
    -> COMMIT; whatever fails on the way rolls all of it back.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Final

import adbc_driver_manager

from ogfd.plugin import (
    MEASURES,
    Claim,
    Committed,
    ErrorClass,
    OverlapError,
    Package,
    PackageInfo,
    SinkError,
    Superseded,
)
from ogfd.sinks.sqlite.columns import instant_text
from ogfd.sinks.sqlite.connection import DRIVER_ERRORS, Connection
from ogfd.sinks.sqlite.feed import Feed, OrderDigest, sum_reader

_REAL_TOLERANCE: Final = 1e-9  # of the sum of absolute values: REAL columns are binary floats
_SUMMED: Final = tuple(name for name in MEASURES if name != "line_count")
_LEDGER_COLUMNS: Final = (
    "connector",
    "stream",
    "partition",
    "period_start",
    "period_end",
    "closed",
    "generation",
    "target",
    "version",
    "recipe",
    "source",
    "rows",
    "sums",
    "digest",
    "attempt",
    "committed_at",
)


def replace_slice(
    connection: Connection, package: Package, base_generation: int, attempt: str, now: datetime
) -> Committed | Superseded:
    """
    Commit *package* if the ledger still is at *base_generation*. Blocks for the whole commit.

    Raises:
        SinkError: if what was written does not read back as what the package says.
        OverlapError: if another slice holds one of the claims.
        Exception: the driver's errors, and whatever ``package.batches()`` raised, as they are.
            Nothing was changed then.
    """
    connection.query("BEGIN IMMEDIATE")
    try:
        settled = _swap(connection, package.info, base_generation, attempt, now)
        if settled is not None:
            connection.query("ROLLBACK")
            return settled
        generation = base_generation + 1
        _claim(connection, package.info)
        _replace_rows(connection, package, generation)
        _record(connection, package.info, generation, attempt, now)
    except BaseException:
        connection.abandon()
        raise
    return _end(connection, package.info.slice, generation, attempt)


def _swap(
    connection: Connection, info: PackageInfo, base: int, attempt: str, now: datetime
) -> Committed | Superseded | None:
    """Move the ledger on to the next generation; say how it stands if that is not to be done."""
    generation, holder = _held(connection, info.slice)
    if holder == attempt:
        return Committed(generation=generation)
    values = (
        info.connector,
        info.stream,
        info.partition,
        instant_text(info.period.start, "auto"),
        instant_text(info.period.end, "auto"),
        int(info.closed),
        base + 1,
        info.target,
        info.version,
        info.recipe,
        info.source,
        info.rows,
        _json(dict(info.sums)),
        info.digest,
        attempt,
        instant_text(now, "microseconds"),
    )
    if base == 0:
        marks = ", ".join("?" * (len(_LEDGER_COLUMNS) + 1))
        changed = connection.change(
            f"INSERT INTO ogfd_ledger (slice, {', '.join(_LEDGER_COLUMNS)}) VALUES ({marks}) "
            "ON CONFLICT DO NOTHING",
            (info.slice, *values),
        )
    else:
        sets = ", ".join(f"{name} = ?" for name in _LEDGER_COLUMNS)
        changed = connection.change(
            f"UPDATE ogfd_ledger SET {sets} WHERE slice = ? AND generation = ?",
            (*values, info.slice, base),
        )
    return None if changed else Superseded(generation=generation)


def _held(connection: Connection, slice: str) -> tuple[int, str | None]:
    found = connection.query(
        "SELECT generation, attempt FROM ogfd_ledger WHERE slice = ?", (slice,)
    )
    return (int(found[0][0]), str(found[0][1])) if found else (0, None)


def _claim(connection: Connection, info: PackageInfo) -> None:
    for claim in info.claims:
        taken = connection.query(
            "SELECT slice, stream FROM ogfd_claims WHERE provider = ? AND billing_account_id = ? "
            "AND billing_period = ? AND kind = ? AND stream <> ? ORDER BY slice LIMIT 1",
            (*_claim_key(claim), _stream(info)),
        )
        if taken:
            other, stream = map(str, taken[0])
            raise OverlapError(
                f"{info.slice} overlaps {other}: both count {claim.kind.value} of "
                f"{claim.provider} {claim.billing_account_id} in {claim.billing_period}",
                other=other,
                hint=f"if {other} is to count no more: ogfd slices drop {other} --reason ...; "
                f"with {stream} in place of the slice all of it is dropped",
            )
    connection.query("DELETE FROM ogfd_claims WHERE slice = ?", (info.slice,))
    for claim in info.claims:
        connection.query(
            "INSERT INTO ogfd_claims "
            "(provider, billing_account_id, billing_period, kind, slice, stream) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*_claim_key(claim), info.slice, _stream(info)),
        )


def _stream(info: PackageInfo) -> str:
    """Return who holds a claim: slices of one stream may share a month, as daily slices do."""
    return f"{info.connector}/{info.stream}"


def _claim_key(claim: Claim) -> tuple[str, str, str, str]:
    return claim.provider, claim.billing_account_id, claim.billing_period, claim.kind.value


def _replace_rows(connection: Connection, package: Package, generation: int) -> None:
    info = package.info
    connection.query("DELETE FROM activities WHERE slice = ?", (info.slice,))
    feed = Feed(package, generation)
    try:
        connection.append("activities", feed.reader())
    except DRIVER_ERRORS:
        if feed.error is None:
            raise
        # The driver only knows the error's text.
        raise _unreadable(info, feed.error) from feed.error
    if _read_ids(connection, info.slice) != feed.ids:
        raise _damaged(info, "the ids read back are not those written")
    _check_totals(connection, info)


def _read_ids(connection: Connection, slice: str) -> OrderDigest:
    ids = OrderDigest()
    sql = "SELECT activity_id FROM activities WHERE slice = ? ORDER BY activity_id"
    with connection.rows(sql, (slice,)) as rows:
        while (batch := rows.next()) is not None:
            if batch.num_rows:
                ids.add(batch.column(0))
    return ids


def _check_totals(connection: Connection, info: PackageInfo) -> None:
    totals = ", ".join(f"total({name}), total(abs({name}))" for name in _SUMMED)
    [(rows, lines, *stored)] = connection.query(
        f"SELECT count(*), coalesce(sum(line_count), 0), {totals} FROM activities WHERE slice = ?",
        (info.slice,),
    )
    if rows != info.rows:
        raise _damaged(info, f"{rows} rows were written, the package has {info.rows}")
    if lines != info.line_count:
        raise _damaged(info, f"line_count sums to {lines}, the package has {info.line_count}")
    for index, name in enumerate(_SUMMED):
        expected = [text for key, text in info.sums.items() if key.partition(":")[0] == name]
        total, size = stored[2 * index], stored[2 * index + 1]
        off = abs(total - float(sum(map(Decimal, expected), Decimal())))
        if expected and off > _REAL_TOLERANCE * size:
            raise _damaged(info, f"{name} sums to {total}, off the package's sum by {off}")


def _unreadable(info: PackageInfo, error: BaseException) -> BaseException:
    if isinstance(error, DRIVER_ERRORS):
        return SinkError(f"{info.slice}: the package cannot be read: {error}")
    return error


def _damaged(info: PackageInfo, what: str) -> SinkError:
    return SinkError(f"{info.slice}: {what}", error_class=ErrorClass.FATAL)


def _record(
    connection: Connection, info: PackageInfo, generation: int, attempt: str, now: datetime
) -> None:
    at = instant_text(now, "microseconds")
    connection.query(
        "INSERT INTO ogfd_history (slice, generation, target, version, recipe, source, rows, sums, "
        "digest, attempt, committed_at, actor, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            info.slice,
            generation,
            info.target,
            info.version,
            info.recipe,
            info.source,
            info.rows,
            _json(dict(info.sums)),
            info.digest,
            attempt,
            at,
            info.actor,
            info.reason,
        ),
    )
    if info.breakdown:
        connection.append("ogfd_history_sums", sum_reader(info.breakdown, info.slice, generation))
    connection.query(
        "INSERT INTO ogfd_recipes (recipe, body, first_committed_at) VALUES (?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (info.recipe, _json(dict(info.recipe_body)), at),
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _end(connection: Connection, slice: str, generation: int, attempt: str) -> Committed:
    try:
        connection.query("COMMIT")
    except adbc_driver_manager.Error:
        # The commit may have reached the disk or not: the ledger knows.
        connection.abandon()
        if _held(connection, slice) != (generation, attempt):
            raise
    return Committed(generation=generation)
