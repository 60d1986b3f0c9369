"""
What the Storage Read API says when it cannot or will not send rows, and what becomes of the slice.

`test_storage` goes through it with the real policy, and compares it with the table of
docs/connectors/gcp.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ogfd_sandbox.faults import Rule
from traffic.gcp.matrix import ALWAYS

from ogfd.plugin import ErrorClass

CREATE = "CreateReadSession"
READ = "ReadRows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    A line of the page: statuses that come to the same.

    Attributes:
        said: the statuses, as the page says it, if not by their names alone.
        statuses: of gRPC.
        retry_after: the seconds of the google.rpc.RetryInfo beside them, if there is one.
        error: the class.
        sessions: how often a session is asked for if that is answered by the status.
        reads: how often rows are, if they are.
        lasts: what becomes of the slice.
        then: what happens, or what to do.
        told: a word of what the operator reads.
    """

    said: str = ""
    statuses: tuple[str, ...]
    retry_after: str | None = None
    error: ErrorClass
    sessions: int
    reads: int
    lasts: str = "failed"
    then: str
    told: str = ""

    def row(self) -> str:
        """Return the line as it stands on the page."""
        names = self.said or ", ".join(f"`{status}`" for status in self.statuses)
        counts = (str(self.sessions), str(self.reads))
        return f"| {' | '.join((names, f'`{self.error}`', *counts, self.lasts, self.then))} |"

    def rules(self) -> Iterator[tuple[Rule, int]]:
        """Yield the faults, and how often what they spoil is asked for."""
        for status in self.statuses:
            yield self._rule(CREATE, status), self.sessions
        yield self._rule(READ, self.statuses[0]), self.reads

    def _rule(self, operation: str, status: str) -> Rule:
        return Rule(
            action="status",
            operation=operation,
            code=status,
            retry_after=self.retry_after,
            times=ALWAYS,
        )


_TRANSIENT, _AUTH, _BAD = ErrorClass.TRANSIENT, ErrorClass.AUTH, ErrorClass.BAD_REQUEST

LINES: tuple[Line, ...] = (
    Line(
        statuses=("UNAVAILABLE", "DEADLINE_EXCEEDED"), error=_TRANSIENT, sessions=4, reads=4,
        then="if nothing gets through, see **Network**", told="storage_endpoint",
    ),
    Line(
        statuses=("ABORTED", "UNKNOWN"), error=_TRANSIENT, sessions=4, reads=4,
        then="passes by itself",
    ),
    Line(
        statuses=("INTERNAL",), error=_TRANSIENT, sessions=3, reads=3, then="likewise",
    ),
    Line(
        statuses=("RESOURCE_EXHAUSTED",), error=_TRANSIENT, sessions=4, reads=4,
        then="slower", told="Quotas",
    ),
    Line(
        said="a wait of up to 60 s beside one of these", statuses=("RESOURCE_EXHAUSTED",),
        retry_after="9", error=_TRANSIENT, sessions=4, reads=4, then="nobody asks before",
    ),
    Line(
        said="a longer one, such as 120 s", statuses=("RESOURCE_EXHAUSTED", "UNAVAILABLE"),
        retry_after="120", error=_TRANSIENT, sessions=1, reads=1, lasts="parked 120 s",
        then="likewise",
    ),
    Line(
        statuses=("UNAUTHENTICATED",), error=_AUTH, sessions=2, reads=2,
        then="once more with a new token; check the key and the clock", told="clock",
    ),
    Line(
        statuses=("PERMISSION_DENIED",), error=_AUTH, sessions=1, reads=1,
        then="`ogfd check` prints the grant", told="roles/bigquery.readSessionUser",
    ),
    Line(
        statuses=("NOT_FOUND",), error=ErrorClass.NOT_FOUND, sessions=1, reads=2,
        then="rows are asked for once more in another session; the query is run anew if its job is an earlier run's",
    ),
    Line(
        statuses=("FAILED_PRECONDITION",), error=_BAD, sessions=1, reads=2,
        then="the session has expired: likewise in another one", told="expired",
    ),
    Line(
        statuses=("INVALID_ARGUMENT", "OUT_OF_RANGE"), error=_BAD, sessions=1, reads=2,
        then="see the message",
    ),
    Line(
        statuses=("UNIMPLEMENTED",), error=ErrorClass.FATAL, sessions=1, reads=1,
        then="`storage_endpoint` is no Storage Read API", told="storage_endpoint",
    ),
    Line(
        said="any other", statuses=("CANCELLED", "ALREADY_EXISTS", "DATA_LOSS"),
        error=ErrorClass.UNKNOWN, sessions=2, reads=2, then="please report it",
    ),
)  # fmt: skip
"""https://github.com/grpc/grpc/blob/master/doc/statuscodes.md"""
