"""A query as it is sent: its text, and its values as parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Final, Literal

from google.cloud import bigquery

Kind = Literal["STRING", "DATE", "TIMESTAMP", "INT64"]
Value = str | int | date | datetime

SQL_VERSION: Final = 2
"""Raise it when a statement changes: a job of another version must not be taken for one of this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value: one of *kind*, or an array of such if it is a tuple."""

    name: str
    kind: Kind
    value: Value | tuple[Value, ...]

    def sent(self) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
        """Return it as Google's client wants it."""
        if isinstance(self.value, tuple):
            return bigquery.ArrayQueryParameter(self.name, self.kind, list(self.value))
        return bigquery.ScalarQueryParameter(self.name, self.kind, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    A statement.

    Attributes:
        purpose: what it is for, in a word; a label of its jobs.
        sql: names are quoted in it, values are not in it.
        parameters: the values.
    """

    purpose: str
    sql: str
    parameters: Sequence[Parameter] = ()

    def digest(self, *identity: str) -> str:
        """Return 40 hex digits of the query and of what else it is told apart by."""
        values = [f"{each.name}:{each.kind}={each.value!r}" for each in self.parameters]
        text = "\x1f".join([str(SQL_VERSION), self.purpose, self.sql, *values, *identity])
        return sha256(text.encode()).hexdigest()[:40]
