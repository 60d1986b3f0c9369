"""Values of options: months, pairs, lists."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

_MONTH = re.compile(r"(?!0000)\d{4}-(0[1-9]|1[0-2])")


class Month(click.ParamType[str]):
    """A month, ``YYYY-MM``."""

    name = "YYYY-MM"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _MONTH.fullmatch(value):
            self.fail(f"{value!r} is not a month; write it as YYYY-MM, e.g. 2026-10", param, ctx)
        return value


class Year(click.ParamType[str]):
    """A year, ``YYYY``."""

    name = "YYYY"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"(?!0000)\d{4}", value):
            self.fail(f"{value!r} is not a year; write it as YYYY, e.g. 2026", param, ctx)
        return value


class Pair(click.ParamType[tuple[str, str]]):
    """``name=value``."""

    name = "NAME=VALUE"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, wanted = value.partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE, e.g. service=AmazonEC2", param, ctx)
        return name.strip(), wanted


def listed(values: Iterable[str]) -> list[str]:
    """Split values at commas, so that ``--by a,b`` equals ``--by a --by b``."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Gather the values of each name."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
