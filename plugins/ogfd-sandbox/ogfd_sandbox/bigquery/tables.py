"""What is told the stand-in before it is asked: its tables, and who may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

PROJECT: Final = "acme-finops"
LOADED: Final = "_PARTITIONTIME"
"""The column of `Table` rows that says into which partition a row was loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitioning:
    """
    How a table is cut into partitions.

    Attributes:
        unit: how much time a partition holds.
        field: the DATE or TIMESTAMP column that decides; None: the time of ingestion, which the
            rows say in a column `LOADED` that queries see only if they name it.
    """

    unit: Literal["HOUR", "DAY", "MONTH", "YEAR"] = "DAY"
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    A table without its rows. Its columns are those of the rows.

    Attributes:
        name: such as ``gcp_billing_export_v1_01A2B3_C4D5E6_F7A8B9``.
        dataset: that it lies in.
        project: that the dataset lies in.
        location: of the dataset: of all its tables, the one that was set last decides.
        partitioning: None: not partitioned.
        kind: a view has no partitions, counts no rows, and every query reads all of it.
        partition_metadata: whether ``INFORMATION_SCHEMA.PARTITIONS`` of the dataset may be read.
        labels: of the table.
    """

    name: str
    dataset: str = "billing"
    project: str = PROJECT
    location: str = "US"
    partitioning: Partitioning | None = None
    kind: Literal["TABLE", "VIEW"] = "TABLE"
    partition_metadata: Literal["readable", "denied"] = "readable"
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The table as SQL names it between backticks: ``project.dataset.name``."""
        return f"{self.project}.{self.dataset}.{self.name}"

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Table:
        """Read what `dataclasses.asdict` gave, once JSON has carried it."""
        cut = values["partitioning"]
        labels = tuple((key, value) for key, value in values["labels"])
        partitioning = None if cut is None else Partitioning(**cut)
        return cls(**{**values, "partitioning": partitioning, "labels": labels})
