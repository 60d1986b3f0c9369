"""Bodies that must be one JSON document, parsed while the request can still be made again."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from anyio import to_thread

from ogfd.plugin import Response, TransientError
from ogfd.plugin.documents import document_of
from ogfd.traffic.faults.wording import clean

_SHORT_BYTES: Final = 256 << 10  # takes 4 ms; what is longer would hold the loop


async def parsed(response: Response, subject: str) -> Response:
    """
    Return *response* with its body parsed, or as it is if it need not have one.

    May be cancelled, but a body that is being parsed in a thread is waited for.

    Args:
        response: an answer whose status is below 300.
        subject: names it in the error.

    Raises:
        TransientError: if the body is not one JSON document, as when a proxy answers with HTML or
            the body was cut where its length says.
    """
    if _may_lack(response):
        return response
    try:
        if len(response.body) <= _SHORT_BYTES:
            document = document_of(response.body)
        else:
            document = await to_thread.run_sync(_yielding, response.body)
    except ValueError:
        kind = clean(response.headers.get("Content-Type", "no content type"))
        raise TransientError(
            f"{subject}, {len(response.body)} bytes ({kind}), is not one JSON document",
            status=response.status,
        ) from None
    return replace(response, parsed=(document,))


def _may_lack(response: Response) -> bool:
    if response.status in {HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT}:
        return True
    return response.status == HTTPStatus.ACCEPTED and not response.body


def _yielding(body: bytes) -> Any:
    # The parser is written in C and keeps the interpreter to itself to its end, thread or not.
    # What it calls of Python lets go of it now and then: 10 MB then stall the loop for 20 ms
    # rather than for 150, and take no longer.
    return document_of(body, object_hook=_as_it_is)


def _as_it_is(found: dict[str, Any]) -> dict[str, Any]:
    return found
