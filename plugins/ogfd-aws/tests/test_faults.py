"""What each error of the SDK means."""

import inspect
from datetime import timedelta

import aiohttp
import pytest
from botocore import exceptions as sdk
from ogfd_aws.faults import classify

from ogfd.plugin import ErrorClass, SourceChanged

T, A, B, N, F, U = ErrorClass


def answered(code, status, message="", headers=None):
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "RequestId": "R1",
            "HTTPHeaders": headers or {},
        },
    }
    return sdk.ClientError(response, "GetObject")


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("SlowDown", 503, T),
        ("ThrottlingException", 400, T),
        ("LimitExceededException", 400, T),
        ("TooManyRequestsException", 429, T),
        ("InternalError", 500, T),
        ("RequestTimeout", 400, T),
        ("ServiceUnavailable", 503, T),
        ("PreconditionFailed", 412, T),
        ("DataUnavailableException", 400, T),
        ("ExpiredToken", 400, A),
        ("ExpiredTokenException", 403, A),
        ("RequestTimeTooSkewed", 403, A),
        ("AccessDenied", 403, A),
        ("InvalidAccessKeyId", 403, A),
        ("SignatureDoesNotMatch", 403, A),
        ("KMS.SomethingNew", 400, A),
        ("AuthorizationHeaderMalformed", 400, B),
        ("InvalidArgument", 400, B),
        ("NoSuchBucket", 404, N),
        ("NoSuchKey", 404, N),
        ("404", 404, N),
        ("InvalidObjectState", 403, F),
        ("PermanentRedirect", 301, F),
        ("NewCode", 400, B),
        ("NewCode", 403, A),
        ("NewCode", 404, N),
        ("NewCode", 429, T),
        ("NewCode", 502, T),
        ("", 403, A),
        ("NewCode", 418, U),
    ],
)
def test_the_code_decides_then_the_status(code, status, expected):
    """S3 answers expired tokens with 400 and throttles with 503."""
    fault = classify(answered(code, status))

    assert expected is fault.error_class
    assert status == fault.status


def test_a_throttle_lowers_the_rate_and_says_how_long_to_wait():
    """Retry-After in seconds."""
    fault = classify(answered("SlowDown", 503, headers={"retry-after": "7"}))

    assert (True, timedelta(seconds=7)) == (fault.throttled, fault.retry_after)
    assert not classify(answered("InternalError", 500)).throttled


def test_expired_credentials_ask_for_a_refresh():
    """A wrong key does not."""
    assert classify(answered("ExpiredToken", 400)).expired
    assert not classify(answered("InvalidAccessKeyId", 403)).expired


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("AccessDenied", 403, "s3:GetObject"),
        ("AuthorizationHeaderMalformed", 400, "set region"),
        ("PermanentRedirect", 301, "set region"),
        ("RequestTimeTooSkewed", 403, "NTP"),
        ("InvalidAccessKeyId", 403, "access_key_id"),
        ("NoSuchBucket", 404, "bucket"),
        ("InvalidObjectState", 403, "archived"),
    ],
)
def test_the_operator_is_told_what_to_do(code, status, words):
    """In a sentence."""
    assert words in classify(answered(code, status)).hint


def test_the_message_names_code_and_request():
    """What support of AWS asks for."""
    fault = classify(answered("AccessDenied", 403, "Access Denied."))

    assert "AccessDenied: Access Denied [request R1]" == fault.message


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (sdk.NoCredentialsError(), A),
        (sdk.ProfileNotFound(profile="x"), A),
        (sdk.CredentialRetrievalError(provider="p", error_msg="m"), A),
        (sdk.SSOTokenLoadError(error_msg="m"), A),
        (sdk.EndpointConnectionError(endpoint_url="u"), T),
        (sdk.ConnectTimeoutError(endpoint_url="u"), T),
        (sdk.ReadTimeoutError(endpoint_url="u"), T),
        (sdk.ConnectionClosedError(endpoint_url="u"), T),
        (sdk.ProxyConnectionError(proxy_url="u"), T),
        (sdk.ResponseStreamingError(error="e"), T),
        (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), T),
        (sdk.ParamValidationError(report="r"), B),
        (sdk.InvalidRegionError(region_name="r"), B),
        (sdk.NoRegionError(), F),
        (aiohttp.ClientPayloadError("cut"), T),
        (aiohttp.ServerDisconnectedError(), T),
        (TimeoutError(), T),
        (FileNotFoundError(2, "no such token"), A),
    ],
)
def test_without_an_answer_the_type_decides(exc, expected):
    """Errors of the network, of credentials, of our own parameters."""
    fault = classify(exc)

    assert expected is fault.error_class
    assert fault.message


def test_every_exception_of_the_sdk_is_known():
    """A new one of a later release gets the class of its base, never none."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(sdk, inspect.isclass)
        if issubclass(kind, sdk.BotoCoreError)
    ]

    unknown = [kind for kind in kinds if classify(kind.__new__(kind)) is None]
    assert [] == unknown
    assert len(kinds) > 50


def test_other_exceptions_are_left_to_the_engine():
    """Bugs are not classified, and ogfd's own errors have their class."""
    assert classify(KeyError("x")) is None
    assert classify(SourceChanged("x")) is None
