"""
What BigQuery says when it cannot or will not answer, and what becomes of the slice.

`test_errors` goes through it with the real policy, and compares it with the table of
docs/connectors/gcp.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass

COST = "*ogfd_cost_*"
ALWAYS = 9_999
ANSWERED_AT = "Tue, 20 Oct 2026 00:00:00 GMT"
NINE_SECONDS_LATER = "Tue, 20 Oct 2026 00:00:09 GMT"

STATUS: Mapping[str, int] = {
    "backendError": 503, "badGateway": 502, "internalError": 500, "tableUnavailable": 400,
    "authError": 401, "required": 401, "notFound": 404, "notImplemented": 501,
    "rateLimitExceeded": 403, "quotaExceeded": 403, "accessDenied": 403, "forbidden": 403,
    "responseTooLarge": 403, "billingNotEnabled": 403, "blocked": 403, "policyViolation": 403,
}  # fmt: skip
"""Of an answer with that reason; 400 if it is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    A line of the page: faults that come to the same.

    Attributes:
        said: what else is at fault, as the page says it.
        reasons: of the table of errors of BigQuery.
        error: the class.
        requests: how often it is asked if the answer is the fault; None if no answer is.
        jobs: how many are run if they end with the reason; None if none does.
        lasts: what becomes of the slice.
        then: what happens, or what to do.
        told: a word of what the operator reads.
        rules: the faults of *said*.
        pauses: between the requests, in seconds, if no usual ones.
    """

    error: ErrorClass
    said: str = ""
    reasons: tuple[str, ...] = ()
    requests: int | None = None
    jobs: int | None = None
    lasts: str = "failed"
    then: str
    told: str = ""
    rules: tuple[Rule, ...] = ()
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0)

    def row(self) -> str:
        """Return the line as it stands on the page."""
        names = ", ".join([*(f"`{reason}`" for reason in self.reasons), *filter(None, [self.said])])
        counts = [str(count or "") for count in (self.requests, self.jobs)]
        cells = [names, f"`{self.error}`", *counts, self.lasts, self.then]
        return f"| {' | '.join(cells)} |"

    def answers(self) -> list[Rule]:
        """Return the faults of an answer to the request for a job."""
        if self.requests is None:
            return []
        of_reasons = [_status(STATUS.get(reason, 400), reason) for reason in self.reasons]
        return [replace(rule, key=COST) for rule in (*of_reasons, *self.rules)]

    def endings(self) -> list[Rule]:
        """Return the ways in which a job fails."""
        if self.jobs is None:
            return []
        reasons = self.reasons or ("tomorrowsReason",)
        return [
            Rule(action="fail", operation="InsertJob", key=COST, code=reason) for reason in reasons
        ]


def _status(status: int, code: str = "", **options: Any) -> Rule:
    return Rule(action="status", operation="InsertJob", status=status, code=code, **options)


def _throttled(retry_after: str, status: int = 429, **options: Any) -> Rule:
    code = "rateLimitExceeded" if status == 429 else "backendError"
    return _status(status, code, retry_after=retry_after, **options)


_TRANSIENT, _AUTH, _BAD = ErrorClass.TRANSIENT, ErrorClass.AUTH, ErrorClass.BAD_REQUEST
_FATAL = ErrorClass.FATAL

LINES: tuple[Line, ...] = (
    Line(
        reasons=("backendError", "badGateway", "rateLimitExceeded", "tableUnavailable"),
        error=_TRANSIENT, requests=4, jobs=4, then="passes by itself",
        rules=(
            _status(429, "rateLimitExceeded"), _status(502, "backendError"),
            _status(504, "backendError"),
        ),
    ),
    Line(
        reasons=("internalError",), said="`backendError` with 500", error=_TRANSIENT, requests=3, jobs=4, then="likewise",
        rules=(_status(500, "backendError"),),
    ),
    Line(
        reasons=("jobBackendError", "jobInternalError", "jobRateLimitExceeded", "stopped"),
        error=_TRANSIENT, jobs=4, then="the job is run again under another id",
    ),
    Line(
        said="a page that is no JSON, an answer that is cut, a connection that breaks",
        error=_TRANSIENT, requests=4, then="if the job is there already, it is taken",
        rules=(
            _status(502, body="<html>Bad Gateway</html>"), _status(503, body=""),
            Rule(action="html", operation="InsertJob"), Rule(action="reset", operation="InsertJob"),
            Rule(action="lost", operation="InsertJob"),
            Rule(action="unsure", operation="InsertJob", code="backendError"),
            Rule(action="truncate", operation="InsertJob"),
        ),
    ),
    Line(
        said="`Retry-After` of up to 60 s", error=_TRANSIENT, requests=4,
        then="nobody asks before", pauses=(9.0, 9.0, 9.0),
        rules=(
            _throttled("9"), _throttled("9", 503),
            _throttled(NINE_SECONDS_LATER, headers=(("Date", ANSWERED_AT),)),
            _throttled(NINE_SECONDS_LATER, 503, headers=(("Date", ANSWERED_AT),)),
        ),
    ),
    Line(
        said="a longer one, such as 120 s", error=_TRANSIENT, requests=1, lasts="parked 120 s",
        then="likewise", rules=(_throttled("120"), _throttled("120", 503)),
    ),
    Line(
        reasons=("quotaExceeded",), error=_TRANSIENT, requests=1, jobs=1, lasts="parked 3600 s",
        then="all slices of the project wait; see IAM & Admin > Quotas", told="a quota of the project",
    ),
    Line(
        reasons=("authError", "required"), error=_AUTH, requests=2, jobs=1,
        then="once more with a new token; check the key and the clock", told="clock",
        pauses=(),
    ),
    Line(
        reasons=("accessDenied", "forbidden"), error=_AUTH, requests=1, jobs=1,
        then="`ogfd check` prints the grant", told="roles/bigquery.jobUser",
    ),
    Line(
        said="403 or 407 without a reason", error=_AUTH, requests=1,
        then="see `proxy` of `[daemon]`", told="proxy of [daemon]",
        rules=(
            _status(403, body=""), _status(403, body="<html>Forbidden</html>"),
            _status(407, body=""),
        ),
    ),
    Line(
        said="404 without a reason", error=ErrorClass.NOT_FOUND, requests=1,
        then="what is asked is not BigQuery: see `endpoint`", told="check endpoint",
        rules=(_status(404, body="<html>no such page</html>"),),
    ),
    Line(
        said="501 without a reason", error=_FATAL, requests=1,
        then="likewise", told="check endpoint",
        rules=(_status(501, body=""),),
    ),
    Line(
        reasons=("notFound",), error=ErrorClass.NOT_FOUND, requests=1, jobs=1,
        then="the table is not there, or its dataset in another location", told="another location",
    ),
    Line(
        reasons=("bytesBilledLimitExceeded",), error=_BAD, requests=1, jobs=1,
        then="raise `maximum_bytes_billed`, or read less", told="maximum_bytes_billed",
    ),
    Line(
        reasons=("resourcesExceeded", "responseTooLarge", "billingTierLimitExceeded"), error=_BAD,
        requests=1, jobs=1, then="set a coarser grain", told="coarser grain",
    ),
    Line(
        reasons=("timeout",), error=_BAD, requests=1, jobs=1, told="job_project",
        then="set a coarser grain, or see what else runs in `job_project`",
    ),
    Line(
        reasons=("invalidQuery", "invalid", "badRequest"), error=_BAD, requests=1, jobs=1,
        then="if the columns have changed meanwhile, the next run reads them", told="run again",
    ),
    Line(
        reasons=("billingNotEnabled",), error=_FATAL, requests=1, jobs=1,
        then="enable billing in `job_project`", told="enable billing",
    ),
    Line(
        reasons=("blocked", "policyViolation"), error=_FATAL, requests=1, jobs=1,
        then="ask who administers the organisation", told="organisation policy",
    ),
    Line(
        reasons=("notImplemented",), error=_FATAL, requests=1, jobs=1,
        then="what is asked is not BigQuery", told="a rule of the sandbox",
    ),
    Line(
        said="another reason, with 500", error=_TRANSIENT, requests=3,
        then="its status decides", rules=(_status(500, "tomorrowsReason"),),
    ),
    Line(
        said="another reason, with 502, 503 or 504", error=_TRANSIENT, requests=4, then="likewise",
        rules=tuple(_status(code, "tomorrowsReason") for code in (502, 503, 504)),
    ),
    Line(
        said="another reason, with 400", error=_BAD, requests=1, then="likewise",
        rules=(_status(400, "tomorrowsReason"),),
    ),
    Line(
        said="another reason, with 403", error=_AUTH, requests=1, then="likewise",
        rules=(_status(403, "tomorrowsReason"),),
    ),
    Line(
        said="another reason, with a status that says nothing, or of a job", error=ErrorClass.UNKNOWN, requests=2,
        jobs=1, then="please report it", told="a rule of the sandbox",
        rules=(_status(418, "tomorrowsReason"),),
    ),
)  # fmt: skip
"""Reasons first; https://cloud.google.com/bigquery/docs/error-messages"""
