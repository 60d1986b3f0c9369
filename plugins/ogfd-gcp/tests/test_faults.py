"""Reasons of BigQuery, each with its class."""

import pytest
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    InternalServerError,
    NotFound,
)
from google.auth.exceptions import RefreshError, TransportError
from ogfd_gcp.credentials import LoginError
from ogfd_gcp.faults import HINTS, QUOTA_PAUSE, REASONS, JobFailedError, classify

from ogfd.plugin import ErrorClass

ALL = [
    (reason, error_class)
    for error_class, hints in REASONS.items()
    for reasons in hints.values()
    for reason in reasons
]


@pytest.mark.parametrize(("reason", "error_class"), ALL)
def test_a_reason_decides_whatever_the_status(reason, error_class):
    """Of a job's error the library makes 500 if it does not know the reason."""
    answered = InternalServerError("x", errors=[{"reason": reason}])

    assert error_class is classify(answered).error_class
    assert error_class is classify(JobFailedError("j", reason, "x")).error_class


def test_no_reason_comes_twice_and_every_hint_is_there():
    """Nor is one left over."""
    assert len({reason for reason, _ in ALL}) == len(ALL)
    used = {hint for hints in REASONS.values() for hint in hints if hint}
    assert used | {"login", "between", "endpoint", "page", "trust"} == HINTS.keys()


def test_a_reason_that_nobody_knows_is_unknown_of_a_job():
    """And left to the status of an answer."""
    assert ErrorClass.UNKNOWN is classify(JobFailedError("j", "new", "x")).error_class
    assert classify(InternalServerError("x", errors=[{"reason": "new"}])) is None
    assert classify(GoogleAPICallError("x")) is None


def test_messages_are_what_bigquery_says():
    """The library puts the address before it, and the job behind; a page of HTML says nothing."""
    told = [{"reason": "accessDenied", "message": "Access Denied: t"}]
    denied = classify(Forbidden("GET https://x/t: Access Denied: t Location: US", errors=told))
    page = classify(NotFound("GET https://x/t: <html>no such page</html>"))

    assert "Access Denied: t" == denied.message
    assert (ErrorClass.NOT_FOUND, 404) == (page.error_class, page.status)
    assert "html" not in page.message
    assert "endpoint" in page.hint


def test_a_quota_waits_for_longer_than_anybody_sleeps():
    """Which parks the slice; a rate does not."""
    quota = classify(JobFailedError("j", "quotaExceeded", "x"))
    rate = classify(JobFailedError("j", "rateLimitExceeded", "x"))

    assert (QUOTA_PAUSE, True) == (quota.retry_after, quota.throttled)
    assert (None, True) == (rate.retry_after, rate.throttled)


def test_only_refused_credentials_stop_others():
    """A missing role is of one operation."""
    assert classify(JobFailedError("j", "authError", "x")).unauthenticated
    assert not classify(JobFailedError("j", "accessDenied", "x")).unauthenticated


def test_logins():
    """One that passes waits as it was told; one that is refused says why."""
    busy = classify(LoginError(429, {"Retry-After": "9"}))
    refused = classify(RefreshError("x", {"error": "invalid_grant", "error_description": "gone"}))

    assert (ErrorClass.TRANSIENT, 9) == (busy.error_class, busy.retry_after.total_seconds())
    assert ErrorClass.AUTH is refused.error_class
    assert "invalid_grant: gone" in refused.message
    assert classify(RefreshError("x", retryable=True)) is None
    assert classify(TransportError("x")) is None
    assert classify(KeyError("x")) is None
