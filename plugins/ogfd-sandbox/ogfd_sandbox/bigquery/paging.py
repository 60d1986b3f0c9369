"""Pages of rows, as results of queries and of listings of a table share them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from ogfd_sandbox.azure.wire import RefusedError, Reply
from ogfd_sandbox.bigquery import cells
from ogfd_sandbox.faults import Rule

_PAGE_ROWS: Final = 100_000  # where the client names no size; Google's pages end at 10 or 20 MB


def page(
    found: Mapping[str, Any], table: pa.Table, asked: Mapping[str, str], rule: Rule | None
) -> Reply:
    """
    Return a page of rows, with a token if more follow.

    Args:
        found: what else the answer says.
        table: all rows, in Arrow.
        asked: ``pageToken`` or ``startIndex``, ``maxResults``, the form of timestamps, and
            ``fields``, the only ones that are wanted.
        rule: ``pages`` makes it shorter, ``repeat`` leads to the same page again.

    Raises:
        RefusedError: if the token is none of ours.
    """
    start, size = start_of(asked), int(asked.get("maxResults", _PAGE_ROWS))
    answer = dict(found)
    if rule is not None and rule.action == "pages":
        size = min(size, rule.results)
    if size > 0:
        int64 = asked.get("formatOptions.useInt64Timestamp", "").lower() == "true"
        until = min(start + size, table.num_rows)
        following = start if rule is not None and rule.action == "repeat" else until
        if until < table.num_rows:
            answer["pageToken"] = _token(following)
        text = cells.rows(table.slice(start, max(0, until - start)), int64_timestamps=int64)
    wanted = asked.get("fields", "")
    if wanted and "(" not in wanted and "/" not in wanted:
        answer = {name: value for name, value in answer.items() if name in wanted.split(",")}
    body = json.dumps(answer)
    if size > 0 and start < table.num_rows:
        body = f'{body[:-1]}{"," if answer else ""}"rows":{text}}}'
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Reply(body=body.encode(), headers=headers)


def start_of(asked: Mapping[str, str]) -> int:
    """
    Return the first row of the page that is asked for, counted from 0.

    Raises:
        RefusedError: if the token, or the index, is none.
    """
    token, index = asked.get("pageToken"), asked.get("startIndex", "0")
    try:
        if token is not None:
            index = base64.urlsafe_b64decode(token).decode().removeprefix("row ")
        return int(index)
    except ValueError:
        message = f"Invalid value for pageToken or startIndex: {token or index}"
        raise RefusedError(400, "invalid", message) from None


def start_text(asked: Mapping[str, str]) -> str:
    """Return what `start_of` does as text, and ``-`` in place of its error."""
    try:
        return str(start_of(asked))
    except RefusedError:
        return "-"


def _token(row: int) -> str:
    return base64.urlsafe_b64encode(f"row {row}".encode()).decode()
