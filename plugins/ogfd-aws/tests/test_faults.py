"""What each error of the SDK means."""

import inspect
import ssl
from datetime import timedelta
from types import SimpleNamespace

import aiohttp
import pytest
from botocore import exceptions as sdk
from ogfd_aws.faults import classify, lacks_permission, translated, with_profile

from ogfd.plugin import ErrorClass, SourceChanged, SourceError, error_of
from ogfd.testing import FakeContext

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
        ("InvalidSignatureException", 403, A),
        ("InvalidIdentityToken", 400, A),
        ("IDPCommunicationError", 400, T),
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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        (
            {
                "retry-after": "Thu, 01 Oct 2026 12:00:45 GMT",
                "date": "Thu, 01 Oct 2026 12:00:00 GMT",
            },
            45,
        ),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"retry-after": "7", "x-amz-retry-after": "9000"}, 9),
    ],
)
def test_a_throttle_lowers_the_rate_and_says_how_long_to_wait(headers, seconds):
    """Whatever the form."""
    fault = classify(answered("SlowDown", 503, headers=headers))

    assert (True, timedelta(seconds=seconds)) == (fault.throttled, fault.retry_after)
    assert not classify(answered("InternalError", 500)).throttled


def test_expired_credentials_ask_for_a_refresh():
    """A wrong key does not."""
    assert classify(answered("ExpiredToken", 400)).expired
    assert not classify(answered("InvalidAccessKeyId", 403)).expired


@pytest.mark.parametrize(
    ("refused", "code", "status"),
    [
        (True, "ExpiredToken", 400),
        (True, "InvalidAccessKeyId", 403),
        (True, "InvalidClientTokenId", 403),
        (True, "SignatureDoesNotMatch", 403),
        (True, "UnrecognizedClientException", 400),
        (True, "RequestTimeTooSkewed", 403),
        (True, "NewCode", 401),
        (False, "AccessDenied", 403),
        (False, "AllAccessDisabled", 403),
        (False, "KMS.AccessDeniedException", 400),
        (False, "KMS.DisabledException", 400),
        (True, "InvalidSignatureException", 403),
        (True, "InvalidIdentityToken", 400),
        (False, "403", 403),
        (False, "NoSuchBucket", 404),
        (False, "SlowDown", 503),
    ],
)
def test_refused_credentials_are_told_from_a_missing_permission(refused, code, status):
    """The engine stops all calls of refused credentials, but other calls may well be permitted."""
    assert refused is classify(answered(code, status)).unauthenticated


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("AccessDenied", 403, "s3:GetObject"),
        ("KMS.DisabledException", 400, "enable it"),
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


@pytest.mark.parametrize(
    ("operation", "refused", "words"),
    [
        ("AssumeRole", True, "trust policy"),
        ("AssumeRoleWithWebIdentity", True, "trust policy"),
        ("GetObject", False, "grant the operation"),
    ],
)
def test_a_role_that_is_not_given_is_no_missing_permission_of_the_call(operation, refused, words):
    """The SDK asks for it in the middle of whatever was called; every other call fails as well."""
    error = {"Code": "AccessDenied", "Message": "no"}
    response = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}
    fault = classify(sdk.ClientError(response, operation))
    raised = error_of(fault.error_class)(fault.message, hint=fault.hint)

    assert refused is fault.unauthenticated
    assert refused is not lacks_permission(raised)
    assert words in fault.hint
    assert fault.message.startswith(f"{operation}: AccessDenied" if refused else "AccessDenied")


@pytest.mark.parametrize(
    "said", ["Signature expired: x is now earlier", "Signature not yet current"]
)
@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
def test_a_clock_that_is_off_is_known_by_the_words(code, said):
    """Only S3 has a code for it."""
    assert "NTP" in classify(answered(code, 403, said)).hint
    assert "NTP" not in classify(answered(code, 403, "it does not match")).hint


def test_the_hint_names_the_profile_to_sign_in_with():
    """So that it can be pasted."""
    exc = sdk.UnauthorizedSSOTokenError()
    with_profile(exc, "billing")

    assert "sign in again: aws sso login --profile billing" == classify(exc).hint
    login = sdk.LoginRefreshRequired()
    with_profile(login, "ops")
    assert "sign in again: aws login --profile ops" == classify(login).hint


def test_the_message_names_code_and_request():
    """What support of AWS asks for."""
    fault = classify(answered("AccessDenied", 403, "Access Denied."))

    assert "AccessDenied: Access Denied [request R1]" == fault.message


@pytest.mark.parametrize(
    ("exc", "expected", "words"),
    [
        (sdk.NoCredentialsError(), A, "role"),
        (sdk.ProfileNotFound(profile="x"), A, "AWS_PROFILE"),
        (sdk.CredentialRetrievalError(provider="p", error_msg="m"), A, "role"),
        (sdk.SSOTokenLoadError(error_msg="m"), A, "aws sso login"),
        (FileNotFoundError(2, "no such token"), A, "role"),
        (IsADirectoryError(21, "the token"), A, "role"),
        (PermissionError(13, "the token"), A, "role"),
        (sdk.EndpointConnectionError(endpoint_url="u"), T, "proxy"),
        (sdk.ConnectTimeoutError(endpoint_url="u"), T, "proxy"),
        (sdk.ReadTimeoutError(endpoint_url="u"), T, "proxy"),
        (sdk.ConnectionClosedError(endpoint_url="u"), T, "proxy"),
        (sdk.ProxyConnectionError(proxy_url="u"), T, "proxy"),
        (sdk.SSLError(endpoint_url="u", error="cut"), T, "proxy"),
        (sdk.ResponseStreamingError(error="e"), T, "proxy"),
        (aiohttp.ServerDisconnectedError(), T, "proxy"),
        (sdk.NoRegionError(), F, "set region"),
        (sdk.EndpointProviderError(msg="m"), F, "set region"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_without_an_answer_the_type_decides(exc, expected, words):
    """Errors of the network, of credentials, of the configuration."""
    fault = classify(exc)

    assert (expected, expected is A) == (fault.error_class, fault.unauthenticated)
    assert words in fault.hint
    assert fault.message


def caught(exc, *, within):
    """Return *exc* as it is when the SDK raises it in the handling of another."""
    exc.__context__ = within
    return exc


def test_a_server_of_credentials_that_does_not_answer_is_no_refusal():
    """The container's or the instance's: the SDK calls each of its failures the same."""
    down = sdk.MetadataRetrievalError(error_msg="m")
    wrapped = sdk.CredentialRetrievalError(provider="container-role", error_msg="m")
    fault = classify(
        caught(wrapped, within=caught(down, within=sdk.ReadTimeoutError(endpoint_url="u")))
    )

    refused = caught(wrapped, within=sdk.MetadataRetrievalError(error_msg="404"))

    assert (T, False) == (fault.error_class, fault.unauthenticated)
    assert "network" in fault.hint
    assert A is classify(refused).error_class


def test_a_certificate_that_is_not_trusted_will_not_be_trusted_later():
    """The SDK calls it a connection error."""
    key = SimpleNamespace(host="h", port=443, ssl=True, is_ssl=True)
    refused = aiohttp.ClientConnectorCertificateError(
        key, ssl.SSLCertVerificationError("self-signed")
    )
    fault = classify(caught(sdk.SSLError(endpoint_url="u", error=refused), within=refused))

    assert F is fault.error_class
    assert "ca_file" in fault.hint


def test_an_error_outside_of_any_request_has_a_class_too():
    """A client is made before there is a call to be judged."""
    missing = translated(sdk.NoCredentialsError(), "no client")
    wrong = translated(sdk.InvalidConfigError(error_msg="m"), "no client")

    assert (A, F) == (missing.error_class, wrong.error_class)
    assert "no client: Unable to locate credentials" in str(missing)


ANSWERED_OR_ROOT = {"BotoCoreError", "ClientError", "EventStreamError"}


async def test_every_exception_of_the_sdk_has_a_class():
    """From this table or the engine's own: none of the SDK is unknown, or taken for a bug."""
    kinds = [
        kind
        for name, kind in inspect.getmembers(sdk, inspect.isclass)
        if issubclass(kind, (sdk.BotoCoreError, sdk.ClientError)) and name not in ANSWERED_OR_ROOT
    ]
    unknown = []
    for kind in kinds:

        async def fail(kind=kind):
            raise kind.__new__(kind)

        with pytest.raises(SourceError) as failed:
            await FakeContext(classify=classify).call("s3:Get", fail)
        if failed.value.error_class is U:
            unknown.append(kind)

    assert [] == unknown
    assert len(kinds) > 50


def test_other_exceptions_are_left_to_the_engine():
    """Bugs are not classified, and ogfd's own errors have their class."""
    assert classify(KeyError("x")) is None
    assert classify(SourceChanged("x")) is None
