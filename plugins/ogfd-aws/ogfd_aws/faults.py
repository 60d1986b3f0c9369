"""
What the errors of S3, STS and the SDK mean: provider code first, status second, type third.

Codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and the retry tables of
botocore 1.43 (``botocore/retries``, ``data/_retry.json``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import aiohttp
from botocore import exceptions as sdk

from ogfd.plugin import ErrorClass, Fault, OgfdError, SourceError, UnknownError, error_of

_HINTS: Final[Mapping[str, str]] = {
    "permission": "grant the operation to the credentials of this connector: s3:ListBucket on the "
    "bucket, s3:GetObject on the report, kms:Decrypt on the key of an encrypted bucket; without "
    "s3:ListBucket, S3 answers 403 for a missing object too",
    "key": "check access_key_id and secret_access_key, or the profile",
    "clock": "the clock of this machine is off; check NTP",
    "expired": "the credentials have expired; refresh them, or use role_arn or an instance role",
    "region": "the bucket lies in another region; set region to the region of the bucket",
    "bucket": "check bucket and endpoint_url",
    "missing": "nothing lies there; check bucket, prefix and report",
    "archived": "the object is archived; restore it to the standard storage class",
    "credentials": "give the machine a role, set profile, or set access_key_id and "
    "secret_access_key",
    "sso": "sign in again: aws sso login --profile PROFILE",
    "network": "check the network, proxy and endpoint_url",
}

_THROTTLED: Final = (
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
    "RequestThrottledException", "TooManyRequestsException", "LimitExceededException",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown", "EC2ThrottledException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException",
)  # fmt: skip

_CODES: Final[Mapping[ErrorClass, Mapping[str, tuple[str, ...]]]] = {
    ErrorClass.TRANSIENT: {
        "": (
            "InternalError", "InternalServerException", "InternalErrorException",
            "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException",
            "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete",
            "DataUnavailableException", "BillingViewHealthStatusException", "PreconditionFailed",
            "OperationAborted",
        ),
    },
    ErrorClass.AUTH: {
        "permission": (
            "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccountProblem",
            "AllAccessDisabled", "OptInRequired", "UnauthorizedAccess", "KMS.DisabledException",
            "KMS.NotFoundException", "KMS.KMSInvalidStateException", "KMS.AccessDeniedException",
            "403", "Forbidden",
        ),
        "key": (
            "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException",
            "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
            "MissingSecurityHeader", "InvalidSecurity", "InvalidToken", "401",
        ),
        "clock": ("RequestTimeTooSkewed",),
        "expired": ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
    },
    ErrorClass.BAD_REQUEST: {
        "": (
            "ValidationException", "ValidationError", "InvalidParameter", "InvalidParameterValue",
            "InvalidParameterCombination", "InvalidArgument", "InvalidRange", "InvalidRequest",
            "MalformedQueryString", "InvalidNextTokenException", "RequestChangedException",
            "BillExpirationException", "400",
        ),
        "region": ("AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        "bucket": ("InvalidBucketName", "InvalidURI"),
    },
    ErrorClass.NOT_FOUND: {
        "bucket": ("NoSuchBucket",),
        "missing": (
            "NoSuchKey", "NotFound", "404", "ResourceNotFoundException", "NoSuchUpload",
            "NoSuchVersion",
        ),
    },
    ErrorClass.FATAL: {
        "archived": ("InvalidObjectState",),
        "region": ("PermanentRedirect", "TemporaryRedirect", "301", "Redirect"),
        "": ("ServiceQuotaExceededException", "MethodNotAllowed", "NotImplemented"),
    },
}  # fmt: skip

_STATUSES: Final[Mapping[int, tuple[ErrorClass, str]]] = {
    301: (ErrorClass.FATAL, "region"),
    307: (ErrorClass.FATAL, "region"),
    400: (ErrorClass.BAD_REQUEST, ""),
    401: (ErrorClass.AUTH, "key"),
    403: (ErrorClass.AUTH, "permission"),
    404: (ErrorClass.NOT_FOUND, "missing"),
    412: (ErrorClass.TRANSIENT, ""),
    416: (ErrorClass.BAD_REQUEST, ""),
    429: (ErrorClass.TRANSIENT, ""),
    **dict.fromkeys((500, 502, 503, 504, 509), (ErrorClass.TRANSIENT, "")),
}

_TYPES: Final[tuple[tuple[type[BaseException], ErrorClass, str], ...]] = (
    (sdk.NoCredentialsError, ErrorClass.AUTH, "credentials"),
    (sdk.PartialCredentialsError, ErrorClass.AUTH, "credentials"),
    (sdk.UnauthorizedSSOTokenError, ErrorClass.AUTH, "sso"),
    (sdk.SSOTokenLoadError, ErrorClass.AUTH, "sso"),
    (sdk.SSOError, ErrorClass.AUTH, "sso"),
    (sdk.TokenRetrievalError, ErrorClass.AUTH, "sso"),
    (sdk.CredentialRetrievalError, ErrorClass.AUTH, "credentials"),
    (sdk.RefreshWithMFAUnsupportedError, ErrorClass.AUTH, "credentials"),
    (sdk.MetadataRetrievalError, ErrorClass.AUTH, "credentials"),
    (sdk.ProfileNotFound, ErrorClass.AUTH, "credentials"),
    (sdk.InfiniteLoopConfigError, ErrorClass.AUTH, "credentials"),
    (sdk.NoAuthTokenError, ErrorClass.AUTH, "credentials"),
    (sdk.LoginError, ErrorClass.AUTH, "sso"),
    # No address, no connection, a proxy or a certificate that does not answer as it should.
    (sdk.ConnectionError, ErrorClass.TRANSIENT, "network"),
    (sdk.HTTPClientError, ErrorClass.TRANSIENT, ""),
    (sdk.IncompleteReadError, ErrorClass.TRANSIENT, ""),
    (sdk.FlexibleChecksumError, ErrorClass.TRANSIENT, ""),
    (sdk.ParamValidationError, ErrorClass.BAD_REQUEST, ""),
    (sdk.ValidationError, ErrorClass.BAD_REQUEST, ""),
    (sdk.EndpointProviderError, ErrorClass.FATAL, "region"),
    (sdk.BotoCoreError, ErrorClass.FATAL, ""),
    (aiohttp.ClientPayloadError, ErrorClass.TRANSIENT, ""),
    (aiohttp.ClientError, ErrorClass.TRANSIENT, "network"),
    (asyncio.TimeoutError, ErrorClass.TRANSIENT, ""),
    # The SDK reads the file of AWS_WEB_IDENTITY_TOKEN_FILE without translating its errors.
    (FileNotFoundError, ErrorClass.AUTH, "credentials"),
)


def classify(exc: BaseException) -> Fault | None:
    """Say what *exc* means; None if it is no error of the SDK or of the network."""
    if isinstance(exc, OgfdError):
        return None
    if isinstance(exc, sdk.ClientError):
        return _answered(exc)
    for kind, error_class, hint in _TYPES:
        if isinstance(exc, kind):
            return Fault(error_class=error_class, message=_text(exc), hint=_HINTS.get(hint))
    return None


def translated(exc: sdk.BotoCoreError, what: str) -> SourceError:
    """Return the error of ogfd for an exception of the SDK outside of any request."""
    fault = classify(exc)
    if fault is None:
        return UnknownError(f"{what}: {_text(exc)}")
    return error_of(fault.error_class)(f"{what}: {fault.message}", hint=fault.hint)


def code_of(exc: sdk.ClientError) -> str:
    """Return the provider's code in *exc*, without the suffix that some services append."""
    return str(exc.response.get("Error", {}).get("Code", "")).partition(":")[0]


def _answered(exc: sdk.ClientError) -> Fault:
    code = code_of(exc)
    meta: Mapping[str, Any] = exc.response.get("ResponseMetadata", {})
    status = meta.get("HTTPStatusCode")
    throttled = code in _THROTTLED or status == 429
    error_class, hint = (ErrorClass.TRANSIENT, "") if throttled else _meaning(code, status)
    return Fault(
        error_class=error_class,
        code=code or None,
        status=status,
        message=_sentence(exc, code, meta),
        hint=_HINTS.get(hint),
        throttled=throttled,
        expired=hint == "expired",
        retry_after=_retry_after(meta.get("HTTPHeaders", {})),
    )


def _meaning(code: str, status: int | None) -> tuple[ErrorClass, str]:
    for error_class, hints in _CODES.items():
        for hint, codes in hints.items():
            if code in codes:
                return error_class, hint
    if code.startswith("KMS."):
        return ErrorClass.AUTH, "permission"
    if status is not None and status in _STATUSES:
        return _STATUSES[status]
    return ErrorClass.UNKNOWN, ""


def _sentence(exc: sdk.ClientError, code: str, meta: Mapping[str, Any]) -> str:
    said = str(exc.response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    request = meta.get("RequestId")
    text = code or f"{exc.operation_name} failed"
    if said and said != code:
        text += f": {said}"
    return f"{text} [request {request}]" if request else text


def _text(exc: BaseException) -> str:
    return str(exc) or type(exc).__name__


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    value = headers.get("retry-after", "")
    return timedelta(seconds=int(value)) if value.isascii() and value.isdigit() else None
