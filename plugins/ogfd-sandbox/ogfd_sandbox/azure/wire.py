"""What a service of the stand-in is asked, and what it answers; and the errors of most of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ogfd_sandbox.faults import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    A request, its body read.

    Attributes:
        path: decoded.
        target: path and query as they were sent, not decoded.
        query: the first value of each parameter, decoded.
        headers: by lower-case name.
        base: URL of the server as the client names it, without a slash.
    """

    method: str
    path: str
    target: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. *body* is complete; of a HEAD it is what a GET would have."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Rule | None], Reply]
Error = Callable[[int, str, str], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    A request that a service has recognised.

    Attributes:
        operation: and *key*: what it is, for rules and the log.
        answer: of the service, under a rule of the kind ``pages`` or ``repeat``, or None.
        error: the service's own form of an error, of a status, a code and a message.
    """

    operation: str
    key: str
    answer: Answer
    error: Error


class RefusedError(Exception):
    """A request that the service would refuse with this status, code and message."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return *value* as JSON."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(
        status=status, body=json.dumps(value).encode(), headers={**kind, **(headers or {})}
    )


def arm_error(status: int, code: str, message: str) -> Reply:
    """Return an error as Resource Manager words it."""
    return json_reply({"error": {"code": code, "message": message}}, status)


def guarded(work: Answer, error: Error) -> Answer:
    """Return *work* with a `RefusedError` of it as the service's *error*."""

    def answer(rule: Rule | None) -> Reply:
        try:
            return work(rule)
        except RefusedError as exc:
            reply = error(exc.status, exc.code, exc.message)
            return Reply(
                status=reply.status, body=reply.body, headers={**reply.headers, **exc.headers}
            )

    return answer


def page(count: int, offset: int, size: int, rule: Rule | None) -> tuple[int, int | None]:
    """
    Return where a page ends, and where the next one begins if there is one.

    Args:
        count: how many results there are.
        offset: where the page begins.
        size: what was asked for.
        rule: ``pages`` gives fewer, ``repeat`` leads to the same page again.
    """
    if rule is not None and rule.action == "pages":
        size = min(size, rule.results)
    until = min(offset + size, count)
    if rule is not None and rule.action == "repeat":
        return until, offset or until
    return until, until if until < count else None
