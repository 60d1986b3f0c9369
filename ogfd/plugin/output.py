"""What a stream writes into, and how finely the operator wants it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class Grain(StrEnum):
    """The finest period that activities are aggregated to; ``line`` keeps every source row."""

    LINE = "line"
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    How finely the operator wants a stream's rows; a connector may skip what nobody asked for.

    Attributes:
        grain: the engine aggregates to it in any case.
        tags: the tag keys to keep, as the provider spells them.
        resource_ids: whether ``resource_id`` is kept.
        by_account: whether rows of some accounts are left out, so that each must name its own.
    """

    grain: Grain = Grain.DAILY
    tags: tuple[str, ...] = ()
    resource_ids: bool = False
    by_account: bool = False


class Output(Protocol):
    """Where `Stream.read` puts what it found. One per slice; not to be used after the read."""

    wanted: Wanted

    async def write(self, batch: pa.RecordBatch, source_rows: int | None = None) -> None:
        """
        Hand over rows; waits while the pipeline is behind.

        May be called from several tasks at once. The order of batches does not matter.

        Args:
            batch: any subset of ``ACTIVITY_SCHEMA`` without the engine's own columns. A column
                may be dictionary-encoded, which is the fast way for repeated values. Measures may
                be decimals of any scale, integers or floats: they are rounded half-even to the
                schema. ``line_count`` defaults to 1.
            source_rows: how many source rows this call answers for, those that were rejected or
                filtered included. Give it in every call of a read or in none. Sealing fails if
                the sum differs from accepted + rejected + filtered.

        Raises:
            FatalError: if a column is not in the schema, a value cannot become the schema's type
                without loss, a row has no period, or money has no currency.
        """
        ...

    def reject(
        self, where: str, reason: str, raw: str = "", cost: Decimal | None = None, rows: int = 1
    ) -> None:
        """
        Put a bad row on record.

        On a cost stream a rejected row holds the slice unless its *cost* is known to be zero.

        Args:
            where: file and row, or page and index.
            reason: one clause, naming the column.
            raw: the row or cell as it came; the first 4 KiB are kept.
            cost: the money in the row; None if unknown.
            rows: how many source rows this stands for.
        """
        ...

    def filtered(self, reason: str, rows: int) -> None:
        """Put on record that *rows* source rows were left out on purpose."""
        ...

    def unknown(self, field: str, value: str, rows: int = 1) -> None:
        """
        Put on record that the connector's tables do not know a value; its rows are kept.

        ``ogfd check`` and ``ogfd status`` name such values, ``ogfd_unknown_values`` counts them.

        Args:
            field: what the value is, as its column in ``ACTIVITY_SCHEMA`` is called: ``region``,
                ``service``, ``unit``, ``charge_category``, or ``column`` for a header.
            value: as the provider spells it.
            rows: how many more source rows have it; may be called again for the same value.
        """
        ...

    def rounded(self, values: int) -> None:
        """
        Put on record that the connector itself rounded *values* half-even to the schema.

        The pipeline counts the values that it rounds.
        """
        ...

    def doubt(self, reason: str) -> None:
        """
        Have the slice held, with its rows, until an operator approves or rejects them.

        For what can be read to the end and yet should replace nothing unseen, such as an export
        of some days where there is one of the whole month.

        Args:
            reason: one clause that names what was found and where.
        """
        ...
