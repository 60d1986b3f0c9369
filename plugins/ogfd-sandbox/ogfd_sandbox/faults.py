"""
Faults of the stand-ins of the clouds, on demand: what to spoil, when, and how often.

`Rule` travels as JSON from the test to the process of the stand-in; `Rules` counts hits there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

Action = Literal[
    "status",
    "reset",
    "lost",
    "unsure",
    "truncate",
    "stall",
    "hang",
    "replace",
    "html",
    "pages",
    "repeat",
    "fail",
    "run",
    "expire",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    One fault.

    Attributes:
        action: ``status`` answers an error of the service instead; ``reset`` cuts the
            connection before a byte is sent; ``truncate`` sends only the first bytes of the body;
            ``stall`` sends them, waits, then sends the rest; ``hang`` waits, then answers as if
            nothing was; ``replace`` does so too, once it has put *objects*; ``html`` answers a
            page of HTML with status 200, as a proxy does. Of what has pages, save a store's
            listings: ``pages`` gives *results* a page, whatever is asked for; ``repeat`` gives
            the token again that was asked with. Of Azure and BigQuery alone:
            ``lost`` and ``unsure`` do what is asked, and only then act as ``reset`` and ``status``.
            Of BigQuery alone: ``fail`` has the job that is inserted end with the error *code*;
            ``run`` has it run for *polls* looks; ``expire`` has the read session of a stream of
            rows be expired from then on. Of such a stream, all but ``lost`` and ``unsure`` act
            once *messages* were sent; ``truncate`` then cuts the connection, and ``pages`` gives
            *results* rows a message.
        operation: operation that is spoiled, ``*`` for all.
        key: pattern of the key, as `fnmatch` reads it; case counts. That of carbon is
            ``2026-08-01/2026-09-01 USAGE_ACCOUNT_ID,REGION,SERVICE 1``: months, groups, page. That
            of Cost Explorer is ``2026-08-01/2026-09-01 DAILY SERVICE,LINKED_ACCOUNT 1``.
        first: the fault begins with this hit, counted from 1.
        times: for how many hits it lasts.
        status: HTTP status of ``status``.
        code: error code of ``status``; over gRPC, the name of its status, or *status* decides.
        message: of ``status``: what the service says beside the code.
        reason: of ``status`` over gRPC: that of the ``google.rpc.ErrorInfo`` in its details.
        retry_after: value of its ``Retry-After`` header, if any; over gRPC, the seconds of the
            ``google.rpc.RetryInfo`` in its details.
        headers: of ``status``, of Azure and BigQuery alone: further names and values.
        body: of ``status``, of Azure and BigQuery alone: instead of the service's own error.
        keep_bytes: bytes sent before ``truncate`` and ``stall`` act; half the body if None.
        messages: of a stream of rows, that are sent before the rule acts; if it has no more than
            that, it acts when all are sent.
        hide_length: whether ``truncate`` also takes the ``Content-Length`` away, so that the
            short body looks complete; of a stream of rows, whether it ends as if that was all.
        seconds: how long ``stall`` and ``hang`` wait.
        results: for ``pages``.
        polls: for ``run``: so many requests for the job or its results find it running.
        objects: (bucket, key, path of a local file) for ``replace``. Of Azure, the bucket is
            ``account/container``, and an empty path deletes.
    """

    action: Action
    operation: str = "GetObject"
    key: str = "*"
    first: int = 1
    times: int = 1
    status: int = 503
    code: str = "SlowDown"
    message: str = "a rule of the sandbox"
    reason: str | None = None
    retry_after: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    keep_bytes: int | None = None
    messages: int = 0
    hide_length: bool = False
    seconds: float = 0.0
    results: int = 1
    polls: int = 0
    objects: tuple[tuple[str, str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Rule:
        """Read what `to_json` wrote."""
        objects = tuple((bucket, key, path) for bucket, key, path in values["objects"])
        headers = tuple((name, value) for name, value in values["headers"])
        return cls(**{**values, "objects": objects, "headers": headers})

    def matches(self, operation: str, key: str) -> bool:
        """Tell whether a request is one that the rule counts."""
        return self.operation in {"*", operation} and fnmatchcase(key, self.key)


class Rules:
    """The rules in force and how often each was hit. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hits: list[tuple[Rule, int]] = []

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put *rules* in force instead of all earlier ones; counting starts anew."""
        with self._lock:
            self._hits = [(rule, 0) for rule in rules]

    def hit(self, operation: str, key: str) -> Rule | None:
        """Count a request with every rule that matches; return the first that must act."""
        acting: Rule | None = None
        with self._lock:
            for place, (rule, hits) in enumerate(self._hits):
                if not rule.matches(operation, key):
                    continue
                self._hits[place] = (rule, hits + 1)
                if acting is None and rule.first <= hits + 1 < rule.first + rule.times:
                    acting = rule
        return acting
