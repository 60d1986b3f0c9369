"""Text for people: aligned columns, sizes, safe characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from unicodedata import east_asian_width

import click

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STYLES: Final = {
    "committed": "green",
    "ok": "green",
    "connected": "green",
    "match": "green",
    "failed": "red",
    "drift": "red",
    "missing": "red",
    "error": "red",
    "held": "yellow",
    "warning": "yellow",
    "parked": "yellow",
    "superseded": "yellow",
}


def table(
    head: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()
) -> list[str]:
    """
    Lay *rows* out in columns; nothing is cut or wrapped, columns that are all empty are left out.

    Args:
        head: names of the columns.
        rows: a value per column; None shows as ``-``.
        right: columns to align to the right.
    """
    cells = [[clean(value) for value in row] for row in rows]
    shown = [i for i in range(len(head)) if not cells or any(row[i] != "-" for row in cells)]
    lines = [[name.upper() for name in head], *cells]
    widths = {i: max(_width(line[i]) for line in lines) for i in shown}
    laid = []
    for number, line in enumerate(lines):
        parts = []
        for i in shown:
            gap = " " * (widths[i] - _width(line[i]))
            text = line[i] if number == 0 else _styled(line[i])
            parts.append(f"{gap}{text}" if head[i] in right else f"{text}{gap}")
        laid.append("  ".join(parts).rstrip())
    return laid


def show_table(
    head: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()
) -> None:
    """Print a table; nothing if it has no rows."""
    if rows:
        for line in table(head, rows, right=right):
            click.echo(line)


def show_fields(fields: Mapping[str, Any]) -> None:
    """Print a name and a value per line; fields of fields are joined by dots, lists numbered."""
    flat = dict(_flat(fields))
    width = max(map(len, flat), default=0)
    for name, value in flat.items():
        click.echo(f"{name:<{width}}  {clean(value)}")


def clean(value: Any) -> str:
    """Return *value* in one line without control characters."""
    from ogfd.telemetry.logs import escape  # noqa: PLC0415 - see ogfd.cli

    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(clean(item) for item in value) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(name)}={clean(item)}" for name, item in value.items()) or "-"
    return escape(str(value))


def size(count: int | None) -> str | None:
    """Return a number of bytes with its unit, such as ``1.5 MiB``."""
    if count is None:
        return None
    power = min((abs(count).bit_length() - 1) // 10 if count else 0, len(_UNITS) - 1)
    return f"{count} B" if power == 0 else f"{count / 1024**power:.1f} {_UNITS[power]}"


def amount(value: float | str | None) -> str | None:
    """Return money or an amount with two decimals, or more if it is small."""
    if value is None:
        return None
    number = float(value)
    return f"{number:,.2f}" if abs(number) >= 0.01 or number == 0 else f"{number:.2g}"


def percent(share: float | None) -> str | None:
    """Return a share in percent, such as ``-0.12 %``."""
    return None if share is None else f"{amount(share * 100)} %"


def counted(count: int, noun: str) -> str:
    """Return a number of things, such as ``no slices`` or ``1 slice``."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def when(text: str | None) -> str | None:
    """Return an ISO 8601 time in UTC to the second; what is no time stays as it is."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return text
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def until(reason: str | None, item: Mapping[str, Any]) -> str | None:
    """Return *reason*, with the time at which *item* is tried again if it says so."""
    if item.get("next_due"):
        return f"{reason or 'waiting'}; again at {when(item['next_due'])}"
    return reason


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield from _flat({str(i): v for i, v in enumerate(value, 1)}, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in {"W", "F"} else 1 for character in text)


def _styled(text: str) -> str:
    style = _STYLES.get(text)
    return click.style(text, fg=style) if style else text
