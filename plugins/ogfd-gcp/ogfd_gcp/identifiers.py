"""
Names of projects, datasets and tables, checked and quoted.

BigQuery has no parameters for names, so they stand in the text of a query. What may stand there is
narrower than what Google allows: names of exports need no more.

https://cloud.google.com/resource-manager/docs/creating-managing-projects
https://cloud.google.com/bigquery/docs/datasets#dataset-naming
https://cloud.google.com/bigquery/docs/tables#table_naming
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PROJECT: Final = r"([a-z0-9-]+(\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
_DATASET: Final = r"[A-Za-z0-9_]{1,1024}"
_TABLE: Final = r"[A-Za-z0-9_-]{1,1024}"
_NAME: Final = re.compile(rf"(?P<project>{PROJECT})\.(?P<dataset>{_DATASET})\.(?P<table>{_TABLE})")
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_WHOLE_DATASET: Final = re.compile(rf"(?P<project>{PROJECT})\.(?P<dataset>{_DATASET})")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetName:
    """A dataset of a project."""

    project: str
    dataset: str

    @classmethod
    def parse(cls, text: str) -> DatasetName:
        """
        Return the dataset that *text* names.

        Raises:
            ValueError: if it is not written ``project.dataset``.
        """
        found = _WHOLE_DATASET.fullmatch(text)
        if found is None:
            raise ValueError("is no dataset; write it as project.dataset")
        return cls(project=found["project"], dataset=found["dataset"])

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A table or view of a dataset."""

    project: str
    dataset: str
    table: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """
        Return the table that *text* names.

        Raises:
            ValueError: if it is not written ``project.dataset.table``, or has characters that no
                export has in its name, such as quotes, blanks, ``*`` or ``$``.
        """
        found = _NAME.fullmatch(text)
        if found is None:
            raise ValueError(
                "is no table; write it as project.dataset.table, of letters, digits, _ and -"
            )
        return cls(project=found["project"], dataset=found["dataset"], table=found["table"])

    @property
    def quoted(self) -> str:
        """The table as it stands in a query."""
        return f"`{self.project}`.`{self.dataset}`.`{self.table}`"

    @property
    def quoted_partitions(self) -> str:
        """The view of the dataset's partitions as it stands in a query."""
        return f"`{self.project}`.`{self.dataset}`.INFORMATION_SCHEMA.PARTITIONS"

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"


def column(name: str) -> str:
    """
    Return a column of a table's schema as it stands in a query.

    Raises:
        ValueError: if it is no plain name.
    """
    if _COLUMN.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no plain name of a column")
    return f"`{name}`"
