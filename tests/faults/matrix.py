"""
The fault matrix: what goes wrong at the provider, and what becomes of it.

The test goes through it on real sockets, and `make docs` makes docs/faults.md of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from faults import acts
from faults.server import OPERATIONS, Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """
    What a run comes to.

    Attributes:
        results: of the attempts at what is at fault.
        pauses: between them, in seconds, at their longest.
        state: of the slice in the end; of the stream if the listing is at fault.
    """

    results: tuple[str, ...]
    pauses: tuple[float, ...] = ()
    state: str = "committed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """
    What a fault comes to in one operation.

    Attributes:
        error: the class of the fault; None if it is none.
        once: if it happens once.
        lasting: if it happens each time.
        asked: the wait in seconds that the server asks for; 0 if it does not.
        note: for the page.
    """

    error: str | None
    once: Course
    lasting: Course
    asked: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    Something that goes wrong.

    Attributes:
        name: as the page says it.
        acts: what the server does, request by request; the last is what may last.
        way: what is wrong on the way to the server, instead of *acts*.
        link: what an answer says instead of the URL to go on with, instead of *acts*.
        cells: by operation; an operation to which it cannot happen is left out.
        own: acts where an operation has other ones.
    """

    name: str
    acts: tuple[Act, ...] = ()
    way: str | None = None
    link: str | None = None
    cells: Mapping[str, Cell]
    own: Mapping[str, tuple[Act, ...]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the name for the tests."""
        return "".join(each if each.isalnum() else "-" for each in self.name.lower())


def retried(attempts: int = 4, asked: float = 0.0, error: str = "transient") -> Cell:
    """Try again, up to that many attempts, after the wait that was *asked* for if it is longer."""
    pauses = tuple(max(asked, 2.0**number) for number in range(attempts - 1))
    return Cell(
        error=error,
        once=Course(results=(error, "ok"), pauses=pauses[:1]),
        lasting=Course(results=(error,) * attempts, pauses=pauses, state=f"failed: {error}"),
        asked=asked,
    )


def final(error: str) -> Cell:
    """Give up at once."""
    return always(error, Course(results=(error,), state=f"failed: {error}"))


def parked(seconds: float) -> Cell:
    """Leave the server alone for so long."""
    state = f"parked {seconds:g} s: transient"
    return replace(always("transient", Course(results=("transient",), state=state)), asked=seconds)


def always(error: str | None, course: Course, note: str = "") -> Cell:
    """Come to the same, whether it happens once or each time."""
    return Cell(error=error, once=course, lasting=course, note=note)


def everywhere(cell: Cell, **others: Cell) -> Mapping[str, Cell]:
    """Say *cell* for every operation that has no other."""
    return {each: others.get(each, cell) for each in OPERATIONS}


TRANSIENT = retried()
UNKNOWN = retried(2, error="unknown")
AUTH, BAD, ABSENT, FATAL = map(final, ("auth", "bad_request", "not_found", "fatal"))
HARMLESS = always(None, Course(results=("ok",)))
EMPTY = always(
    "transient",
    Course(results=("ok",), state="failed: transient"),
    "the answer may be empty; it is the connector that needs more",
)
RENEWED = Cell(
    error="auth",
    once=Course(results=("auth", "ok")),
    lasting=Course(results=("auth", "auth"), state="failed: auth"),
    note="one forced refresh, at once",
)
EXPIRED_IN_BODY = Cell(
    error="auth",
    once=Course(results=("transient", "auth", "ok"), pauses=(1.0,)),
    lasting=Course(results=("transient", "auth", "auth"), pauses=(1.0,), state="failed: auth"),
    note="after a cut: one forced refresh, at once, then on from that byte",
)
CHANGED = Cell(
    error="source_changed",
    once=Course(results=("source_changed", "ok")),
    lasting=Course(results=("source_changed",) * 3, state="parked 900 s: transient"),
    note="the slice starts again, three starts at most",
)
CHANGED_IN_BODY = Cell(
    error="source_changed",
    once=Course(results=("transient", "source_changed", "ok"), pauses=(1.0,)),
    lasting=Course(
        results=("transient", "source_changed") * 3,
        pauses=(1.0,) * 3,
        state="parked 900 s: transient",
    ),
    note=f"after a cut: {CHANGED.note}",
)
RANGELESS = always(
    None,
    Course(results=("transient", "transient", "ok"), pauses=(1.0, 2.0)),
    "after a cut: the file starts over",
)
MISPLACED = Cell(
    error="transient",
    once=RANGELESS.once,
    lasting=TRANSIENT.lasting,
    note=RANGELESS.note,
)
ASTRAY = always("fatal", Course(results=(), state="failed: fatal"), "nothing is sent there")

CLASSES: Mapping[int, Cell] = {
    **dict.fromkeys((301, 302, 303, 307, 308, 501, 505), FATAL),
    **dict.fromkeys((304, 412, 416, 418, 509, 599), UNKNOWN),
    **dict.fromkeys((400, 405, 409, 411, 413, 414, 415, 422), BAD),
    **dict.fromkeys((403, 407), AUTH),
    **dict.fromkeys((404, 410), ABSENT),
    **dict.fromkeys((408, 425, 429, 502, 503, 504), TRANSIENT),
    401: RENEWED,
    500: retried(3),
}
"""What an answer with this status comes to, in discover and page n."""

DOWNLOADS: Mapping[int, Cell] = {412: CHANGED}
"""The same in downloads, where it differs."""

HTTP_DATE = "Mon, 05 Oct 2026 12:00:09 GMT"
LONG_AGO = "Mon, 05 Oct 2026 11:00:00 GMT"
ENTITY = "x_ms_ratelimit_microsoft.costmanagement_entity_retry_after"
TENANT = "x_ms_ratelimit_microsoft.costmanagement_tenant_retry_after"

WAITS: Sequence[tuple[str, int, dict[str, str], Cell]] = (
    ("Retry-After: 7", 429, {"Retry_After": "7"}, retried(asked=7)),
    ("Retry-After: 2.5", 429, {"Retry_After": "2.5"}, retried(asked=2.5)),
    ("Retry-After: a date, 9 s after Date", 429, {"Retry_After": HTTP_DATE}, retried(asked=9)),
    ("Retry-After: a date gone by", 429, {"Retry_After": LONG_AGO}, TRANSIENT),
    ("Retry-After: soon", 429, {"Retry_After": "soon"}, TRANSIENT),
    ("Retry-After: 0", 429, {"Retry_After": "0"}, TRANSIENT),
    ("retry-after-ms: 1500", 429, {"retry_after_ms": "1500"}, retried(asked=1.5)),
    ("x-ms-retry-after-ms: 12000", 429, {"x_ms_retry_after_ms": "12000"}, retried(asked=12)),
    ("x-ms-ratelimit-…-entity-retry-after: 20", 429, {ENTITY: "20"}, retried(asked=20)),
    (
        "the longest of Retry-After: 3 and x-ms-ratelimit-…: 5, 8",
        429,
        {"Retry_After": "3", ENTITY: "5", TENANT: "8"},
        retried(asked=8),
    ),
    ("Retry-After: 60", 429, {"Retry_After": "60"}, retried(asked=60)),
    ("Retry-After: 120", 429, {"Retry_After": "120"}, parked(120)),
    ("x-ms-ratelimit-…-tenant-retry-after: 600", 429, {TENANT: "600"}, parked(600)),
    ("Retry-After: 7", 503, {"Retry_After": "7"}, retried(asked=7)),
    ("Retry-After: 120", 503, {"Retry_After": "120"}, parked(120)),
    ("Retry-After: 7", 400, {"Retry_After": "7"}, BAD),
)

HTML = b"<!doctype html><title>Sign in</title>"
ELSEWHERE = f"{acts.ELSEWHERE}/x"


def _status(code: int) -> Fault:
    redirect = {"Location": ELSEWHERE} if code in {301, 302, 303, 307, 308} else {}
    return Fault(
        name=f"{code}, a redirect to another host" if redirect else str(code),
        acts=(acts.status(code, **redirect),),
        cells=everywhere(CLASSES[code], download=DOWNLOADS.get(code, CLASSES[code])),
    )


STATUSES = [_status(code) for code in sorted(CLASSES)]

ASKED = [
    Fault(name=f"{code} with {what}", acts=(acts.status(code, **headers),), cells=everywhere(cell))
    for what, code, headers, cell in WAITS
]

WAYS = [
    Fault(name="The name has no address (DNS)", way="unresolvable", cells=everywhere(TRANSIENT)),
    Fault(name="The connection is refused", way="refused", cells=everywhere(TRANSIENT)),
    Fault(name="The TLS handshake is cut", way="cut_handshake", cells=everywhere(TRANSIENT)),
    Fault(name="The certificate is not trusted", way="untrusted", cells=everywhere(FATAL)),
]

CONNECTIONS = [
    Fault(name=name, acts=(act,), cells=cells)
    for name, act, cells in (
        ("No answer", acts.silence, everywhere(TRANSIENT)),
        ("Reset before the answer", acts.reset_at_once, everywhere(TRANSIENT)),
        ("Closed before the status", acts.close_at_once, everywhere(TRANSIENT)),
        ("Closed inside the headers", acts.close_in_headers, everywhere(TRANSIENT)),
        ("Closed inside the body", acts.close_in_body, everywhere(TRANSIENT)),
        ("Reset inside the body", acts.reset_in_body, everywhere(TRANSIENT)),
        ("Stalled inside the body", acts.stall_in_body, everywhere(TRANSIENT)),
        ("Closed inside a chunked body", acts.cut_chunked, everywhere(TRANSIENT)),
        ("A slow drip of bytes", acts.drip, everywhere(TRANSIENT)),
        ("Not HTTP", acts.garbage, everywhere(TRANSIENT)),
        ("A header of 64 KiB", acts.huge_header, everywhere(TRANSIENT)),
    )
]

BODIES = [
    Fault(name=name, acts=(act,), cells=cells)
    for name, act, cells in (
        ("Content-Length shorter than the body", acts.length_too_short, everywhere(TRANSIENT)),
        ("A body cut where its Content-Length says", acts.cut_to_length, everywhere(TRANSIENT)),
        (
            "gzip that was not asked for, whole",
            acts.whole_gzip,
            everywhere(HARMLESS, download=FATAL),
        ),
        (
            "gzip cut where its Content-Length says",
            acts.cut_gzip,
            everywhere(TRANSIENT, download=FATAL),
        ),
        ("A whole body without a length", acts.without_length, everywhere(HARMLESS)),
        ("A cut body without a length", acts.cut_without_length, everywhere(TRANSIENT)),
        ("HTML with 200", acts.body(HTML, "text/html"), everywhere(TRANSIENT)),
        ("An empty 200", acts.body(b"", "application/json"), everywhere(TRANSIENT)),
        ("204", acts.status(204), everywhere(EMPTY, download=FATAL)),
    )
]

MOVES = [
    Fault(
        name="A link that leads to another host",
        link=ELSEWHERE,
        cells=everywhere(ASTRAY),
    ),
    Fault(
        name="A link to a host that may be asked, but is in a private network",
        link=f"{acts.INSIDE}/x",
        cells=everywhere(FATAL),
    ),
    Fault(
        name="The token runs out in the middle",
        acts=(acts.expire,),
        own={"download": (acts.close_in_body, acts.expire)},
        cells=everywhere(RENEWED, download=EXPIRED_IN_BODY),
    ),
    Fault(
        name="The object is replaced while it is read",
        acts=(acts.replace_in_body,),
        cells={"download": CHANGED_IN_BODY},
    ),
    Fault(
        name="The object is replaced, and the server knows no If-Match",
        acts=(acts.replaced_for_range,),
        cells={"download": CHANGED},
    ),
    Fault(
        name="The server knows no ranges",
        acts=(acts.close_in_body, acts.whole_for_range),
        cells={"download": RANGELESS},
    ),
    Fault(
        name="Another range than was asked for",
        acts=(acts.close_in_body, acts.other_range),
        cells={"download": MISPLACED},
    ),
]

MATRIX: Sequence[Fault] = [*STATUSES, *ASKED, *WAYS, *CONNECTIONS, *BODIES, *MOVES]
