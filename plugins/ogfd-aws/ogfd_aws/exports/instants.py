"""Times as exports write them."""

from __future__ import annotations

from datetime import UTC, datetime


def instant(text: str) -> datetime | None:
    """Return the time that *text* stands for, in UTC; None if it is none. Without zone it is UTC."""
    try:
        time = datetime.fromisoformat(text.replace(" +", "+"))
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
