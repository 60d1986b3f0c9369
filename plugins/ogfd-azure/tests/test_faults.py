"""What Azure's errors mean, and what to do about them."""

import json
from datetime import timedelta

import pytest
from ogfd_azure.credentials import Heard, LoginError
from ogfd_azure.faults import CODES, HINTS, LOGIN_CODES, challenge_in, classify

from ogfd.plugin import ErrorClass, HttpError, Response, retry_after
from ogfd.testing import FakeContext

URL = "https://management.azure.com/x"


def answer(status, body=b"", headers=None):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=headers or {}, body=text, url=URL)


def error(status, body=b"", headers=None):
    return HttpError("GET x answered", response=answer(status, body, headers), retry_after=None)


def arm(status, code, message="Said so."):
    return error(status, {"error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    ("fault", "error_class", "hint"),
    [
        (arm(403, "AuthorizationFailed"), ErrorClass.AUTH, "role"),
        (arm(403, "RBACAccessDenied"), ErrorClass.AUTH, "role"),
        (arm(401, "InvalidAuthenticationTokenTenant"), ErrorClass.AUTH, "tenant"),
        (arm(401, "ExpiredAuthenticationToken"), ErrorClass.AUTH, "token"),
        (arm(400, "IndirectCostDisabled"), ErrorClass.AUTH, "access"),
        (arm(400, "BadRequest"), ErrorClass.BAD_REQUEST, None),
        (arm(400, "SubscriptionTypeNotSupported"), ErrorClass.BAD_REQUEST, "offer"),
        (arm(404, "SubscriptionNotFound"), ErrorClass.NOT_FOUND, "missing"),
        (arm(400, "ResourceRequestsThrottled"), ErrorClass.TRANSIENT, None),
        (arm(424, "FailedDependency"), ErrorClass.UNKNOWN, None),
        (arm(429, "429"), ErrorClass.TRANSIENT, None),
        (arm(503, "SomethingNew"), ErrorClass.TRANSIENT, None),
        (arm(422, "SomethingNew"), ErrorClass.BAD_REQUEST, None),
        (arm(403, "SomethingNew"), ErrorClass.AUTH, "role"),
        (arm(410, "SomethingNew"), ErrorClass.NOT_FOUND, None),
        (arm(307, "SomethingNew"), ErrorClass.FATAL, None),
        (error(404, b"", {"x-ms-error-code": "BlobNotFound"}), ErrorClass.NOT_FOUND, "storage"),
        (error(412, b"", {"x-ms-error-code": "ConditionNotMet"}), ErrorClass.BAD_REQUEST, None),
        (error(400, {"code": 400, "message": "no"}), ErrorClass.BAD_REQUEST, None),
        (error(401, {"code": 401, "message": "no"}), ErrorClass.AUTH, "key"),
    ],
)
def test_the_code_of_the_service_counts_first(fault, error_class, hint):
    """Then the status; what is said about it comes along."""
    found = classify(fault)

    assert error_class is found.error_class
    assert HINTS.get(hint) == found.hint


def test_an_answer_without_a_code_is_left_to_the_engine():
    """It knows statuses."""
    assert classify(error(503, b"<html>")) is None
    assert classify(ValueError("bug")) is None


def test_messages_name_code_and_request():
    """So that the operator can ask Azure about it."""
    body = {"error": {"code": "AuthorizationFailed", "message": "The client has no role."}}
    found = classify(error(403, body, {"x-ms-request-id": "abc"}))

    assert "AuthorizationFailed: The client has no role [request abc]" == found.message
    assert not found.unauthenticated


def login(status=None, error=None, *codes, unavailable=False, description=None, **extra):
    heard = Heard(status=status, error=error, codes=codes, description=description, **extra)
    return LoginError("it failed", heard=heard, unavailable=unavailable)


@pytest.mark.parametrize(
    ("exc", "error_class", "hint"),
    [
        (login(401, "invalid_client", 7000215), ErrorClass.AUTH, "secret"),
        (login(401, "invalid_client", 7000222), ErrorClass.AUTH, "expired"),
        (login(400, "unauthorized_client", 700016), ErrorClass.AUTH, "app"),
        (login(400, "invalid_request", 90002), ErrorClass.AUTH, "directory"),
        (login(401, "invalid_client", 700024), ErrorClass.AUTH, "clock"),
        (login(400, "invalid_grant", 53003), ErrorClass.AUTH, "policy"),
        (login(400, "invalid_client", 700213), ErrorClass.AUTH, "federation"),
        (login(400, "invalid_resource", 500011), ErrorClass.BAD_REQUEST, "scope"),
        (login(400, "invalid_scope", 70011), ErrorClass.BAD_REQUEST, "login"),
        (login(400, "invalid_request", 90033), ErrorClass.TRANSIENT, None),
        (login(400, "temporarily_unavailable", 1), ErrorClass.TRANSIENT, None),
        (login(400, "invalid_request", 90038), ErrorClass.FATAL, "cloud"),
        (login(503), ErrorClass.TRANSIENT, None),
        (login(429, "invalid_client", 7000215), ErrorClass.TRANSIENT, None),
        (login(400, "never_heard_of"), ErrorClass.AUTH, "login"),
        (login(foreign=True), ErrorClass.TRANSIENT, "network"),
        (login(unavailable=True), ErrorClass.AUTH, "identity"),
        (login(400, "invalid_request", unavailable=True), ErrorClass.AUTH, "identity"),
    ],
)
def test_a_failed_sign_in_is_judged_by_what_was_heard(exc, error_class, hint):
    """The exception of azure-identity is the same for all of them."""
    found = classify(exc)

    assert error_class is found.error_class
    assert HINTS.get(hint) == found.hint
    assert (error_class is ErrorClass.AUTH) == found.unauthenticated


def test_what_a_sign_in_says_is_short_and_the_same_each_time():
    """Ids of the request come after it."""
    text = "AADSTS7000215: Invalid client secret provided. Trace ID: 1 Correlation ID: 2"
    found = classify(login(401, "invalid_client", 7000215, description=text))

    assert "sign-in failed: AADSTS7000215: Invalid client secret provided." == found.message
    assert ("AADSTS7000215", 401) == (found.code, found.status)
    assert "sign-in failed: the login service answered 503" == classify(login(503)).message


def test_a_loop_gets_a_pause_and_throttling_counts_as_such():
    """Asking again at once makes both worse."""
    assert timedelta(minutes=5) == classify(login(400, "invalid_grant", 50196)).retry_after
    assert classify(login(400, "invalid_request", 90055)).throttled
    assert (
        timedelta(seconds=7)
        == classify(login(429, None, retry_after=retry_after({"Retry-After": "7"}))).retry_after
    )


def test_every_hint_that_is_named_is_there():
    """And none is there for nothing."""
    named = {hint for hints in CODES.values() for hint in hints}
    named |= {hint for _, hint in LOGIN_CODES.values()} | {
        "login",
        "identity",
        "claims",
        "key",
        "network",
    }
    assert set(HINTS) | {""} == named | {""}


async def test_a_claims_challenge_is_no_reason_to_try_the_same_again():
    """`Arm` answers it; its class keeps the policy from dropping a good token."""
    header = 'Bearer error="insufficient_claims", claims="e30="'
    ctx = FakeContext(
        respond=lambda _: answer(401, b"", {"WWW-Authenticate": header}), classify=classify
    )
    with pytest.raises(Exception, match="Conditional Access") as caught:
        await ctx.request("GET", URL, operation="x:Y")

    assert ErrorClass.BAD_REQUEST is caught.value.error_class
    assert header == challenge_in(caught.value.__cause__)
    assert 0 == ctx.refreshes
