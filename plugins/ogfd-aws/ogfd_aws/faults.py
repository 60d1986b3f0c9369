"""
What the errors of AWS and of its SDK mean: provider code first, status second, type third.

A refusal says that the operation is not allowed (a permission is missing), or that whoever asks is
not let in at all (keys, tokens, clock, a role that cannot be assumed), which no permission mends.

Of the types, only those stand here for which there is a hint: the engine knows the others.

Codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and the retry tables of
botocore 1.43 (``botocore/retries``, ``data/_retry.json``).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

import aiohttp
from botocore import exceptions as sdk

from ogfd.plugin import (
    ErrorClass,
    FatalError,
    Fault,
    OgfdError,
    Parked,
    SourceError,
    error_of,
    retry_after,
)

HINTS: Final[Mapping[str, str]] = {
    "permission": "grant the operation to the credentials of this connector: s3:ListBucket on the "
    "bucket, s3:GetObject on the report, kms:Decrypt on the key of an encrypted bucket (without "
    "s3:ListBucket, S3 answers 403 for a missing object too; a bucket whose reader pays wants "
    "requester_pays), sustainability:GetEstimatedCarbonEmissions for carbon, "
    "ce:GetCostAndUsage for Cost Explorer; ogfd check prints the policy",
    "key": "check access_key_id and secret_access_key, or the profile",
    "clock": "the clock of this machine is off; check NTP",
    "role": "the role cannot be assumed: check role_arn, external_id and who its trust policy "
    "names; ogfd check prints what is needed",
    "expired": "the credentials have expired; refresh them, or use role_arn or an instance role",
    "region": "the bucket lies in another region; set region to the region of the bucket",
    "bucket": "check bucket and endpoint_url",
    "missing": "nothing lies there; check bucket, prefix and report",
    "encryption": "the KMS key of the bucket is disabled or gone; have its owner enable it, or "
    "cancel its deletion",
    "archived": "the object is archived; restore it to the standard storage class",
    "credentials": "give the machine a role, set profile, or set access_key_id and "
    "secret_access_key",
    "profile": "check profile, or AWS_PROFILE in the environment of the daemon; profiles are in "
    "~/.aws/config of its user, or where AWS_CONFIG_FILE says",
    "sso": "sign in again: aws sso login --profile PROFILE",
    "login": "sign in again: aws login --profile PROFILE",
    "explorer": "open Cost Explorer once in the Billing console to enable it, AWS needs up to 24 "
    "hours then; for a member account the management account must do so, and allow its members in",
    "network": "check the network, proxy and endpoint_url",
    "authorities": "the file of certificate authorities cannot be read; check AWS_CA_BUNDLE in the "
    "environment of the daemon, and ca_file in [daemon]",
    "certificate": "the certificate is not trusted; check endpoint_url, or name a file with its "
    "authority as ca_file in [daemon]",
}

# Hints of what every other call with these credentials would run into as well.
_REFUSED: Final = frozenset({"clock", "credentials", "expired", "key", "login", "role", "sso"})

# Operations that the SDK asks to get credentials; they fail before the one that was wanted.
_LOGINS: Final = frozenset({
    "AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetRoleCredentials",
    "CreateToken", "CreateOAuth2Token",
})  # fmt: skip

# Services with JSON have one code for a wrong key and a wrong clock; the message tells them apart.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
_SKEWED: Final = re.compile(r"Signature (expired|not yet current)", re.IGNORECASE)

# Cost Explorer has one code for a missing permission and for not being enabled at all.
_DISABLED: Final = re.compile(r"not enabled for cost explorer", re.IGNORECASE)

THROTTLED: Final = (
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
    "RequestThrottledException", "TooManyRequestsException", "LimitExceededException",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown", "EC2ThrottledException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException",
)  # fmt: skip

CODES: Final[Mapping[ErrorClass, Mapping[str, tuple[str, ...]]]] = {
    ErrorClass.TRANSIENT: {
        "": (
            "InternalError", "InternalServerException", "InternalErrorException",
            "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException",
            "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete",
            "DataUnavailableException", "BillingViewHealthStatusException", "PreconditionFailed",
            "OperationAborted", "IDPCommunicationError",
        ),
    },
    ErrorClass.AUTH: {
        "permission": (
            "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccountProblem",
            "AllAccessDisabled", "OptInRequired", "UnauthorizedAccess", "KMS.AccessDeniedException",
            "403", "Forbidden",
        ),
        "encryption": (
            "KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException",
        ),
        "key": (
            "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException",
            "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
            "MissingSecurityHeader", "InvalidSecurity", "InvalidToken", "401",
            "InvalidSignatureException", "InvalidSignature", "MissingAuthenticationTokenException",
            "IncompleteSignatureException",
        ),
        "role": ("InvalidIdentityToken", "IDPRejectedClaim", "RegionDisabledException"),
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

STATUSES: Final[Mapping[int, tuple[ErrorClass, str]]] = {
    301: (ErrorClass.FATAL, "region"),
    302: (ErrorClass.FATAL, "bucket"),
    307: (ErrorClass.FATAL, "region"),
    308: (ErrorClass.FATAL, "bucket"),
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
    (sdk.ProfileNotFound, ErrorClass.AUTH, "profile"),
    (sdk.InfiniteLoopConfigError, ErrorClass.AUTH, "credentials"),
    (sdk.NoAuthTokenError, ErrorClass.AUTH, "credentials"),
    (sdk.LoginError, ErrorClass.AUTH, "login"),
    # No address, no connection, a proxy that does not answer as it should.
    (sdk.ConnectionError, ErrorClass.TRANSIENT, "network"),
    (sdk.HTTPClientError, ErrorClass.TRANSIENT, "network"),
    (aiohttp.ClientConnectionError, ErrorClass.TRANSIENT, "network"),
    (sdk.EndpointProviderError, ErrorClass.FATAL, "region"),
    (sdk.NoRegionError, ErrorClass.FATAL, "region"),
    # The SDK reads the file of AWS_WEB_IDENTITY_TOKEN_FILE without translating its errors.
    (FileNotFoundError, ErrorClass.AUTH, "credentials"),
    (IsADirectoryError, ErrorClass.AUTH, "credentials"),
    (PermissionError, ErrorClass.AUTH, "credentials"),
)

_PROFILE: Final = "profile: "
_TO_NAME: Final = "--profile PROFILE"
_UNREACHED: Final = (sdk.ConnectionError, sdk.HTTPClientError)
_UNTRUSTED: Final = (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError)


def classify(exc: BaseException) -> Fault | None:
    """Say what *exc* means; None if it is no error of the SDK, or one that needs no hint."""
    if isinstance(exc, OgfdError):
        return None
    if isinstance(exc, sdk.ClientError):
        return _answered(exc)
    for kind, error_class, hint in _TYPES:
        if isinstance(exc, kind):
            return _typed(exc, error_class, hint)
    return None


def translated(exc: sdk.BotoCoreError, what: str) -> SourceError:
    """Return the error of ogfd for an exception of the SDK outside of any request."""
    fault = classify(exc)
    if fault is None:
        return FatalError(f"{what}: {_text(exc)}")
    return error_of(fault.error_class)(f"{what}: {fault.message}", hint=fault.hint)


def lacks_permission(exc: SourceError | Parked) -> bool:
    """Return whether *exc* says that an operation is not allowed, rather than who asks refused."""
    return exc.error_class is ErrorClass.AUTH and exc.hint == HINTS["permission"]


def with_profile(exc: BaseException, profile: str) -> None:
    """Have the hint about *exc* name the profile to sign in with."""
    exc.add_note(f"{_PROFILE}{profile}")


def code_of(exc: sdk.ClientError) -> str:
    """Return the provider's code in *exc*, without the suffix that some services append."""
    return str(exc.response.get("Error", {}).get("Code", "")).partition(":")[0]


def _answered(exc: sdk.ClientError) -> Fault:
    code = code_of(exc)
    meta: Mapping[str, Any] = exc.response.get("ResponseMetadata", {})
    status = meta.get("HTTPStatusCode")
    throttled = code in THROTTLED or status == 429
    error_class, hint = (ErrorClass.TRANSIENT, "") if throttled else _meaning(code, status)
    if hint == "permission" and exc.operation_name in _LOGINS:
        hint = "role"
    elif hint == "key" and _SKEWED.search(_said(exc)):
        hint = "clock"
    elif hint == "permission" and _DISABLED.search(_said(exc)):
        hint = "explorer"
    return Fault(
        error_class=error_class,
        code=code or None,
        status=status,
        message=_sentence(exc, code, meta),
        hint=HINTS.get(hint),
        throttled=throttled,
        expired=hint == "expired",
        unauthenticated=hint in _REFUSED,
        retry_after=retry_after(meta.get("HTTPHeaders", {})),
    )


def _typed(exc: BaseException, error_class: ErrorClass, hint: str) -> Fault:
    if any(isinstance(cause, _UNTRUSTED) for cause in (exc, *_above(exc))):
        error_class, hint = ErrorClass.FATAL, "certificate"
    elif hint == "network" and any(isinstance(cause, FileNotFoundError) for cause in _above(exc)):
        error_class, hint = ErrorClass.FATAL, "authorities"
    elif error_class is ErrorClass.AUTH and any(isinstance(c, _UNREACHED) for c in _above(exc)):
        # Credentials come from a server too, such as that of ECS or of the sign-in.
        error_class, hint = ErrorClass.TRANSIENT, "network"
    return Fault(
        error_class=error_class,
        message=_text(exc),
        hint=_named(exc, HINTS[hint]),
        unauthenticated=error_class is ErrorClass.AUTH,
    )


def _above(exc: BaseException) -> Iterator[BaseException]:
    """Yield what the SDK was handling as it raised *exc*: it seldom says ``from``."""
    while (above := exc.__cause__ or exc.__context__) is not None:
        yield (exc := above)


def _meaning(code: str, status: int | None) -> tuple[ErrorClass, str]:
    for error_class, hints in CODES.items():
        for hint, codes in hints.items():
            if code in codes:
                return error_class, hint
    if code.startswith("KMS."):
        return ErrorClass.AUTH, "permission"
    if status is not None and status in STATUSES:
        return STATUSES[status]
    return ErrorClass.UNKNOWN, ""


def _sentence(exc: sdk.ClientError, code: str, meta: Mapping[str, Any]) -> str:
    said = _said(exc)
    request = meta.get("RequestId")
    text = code or f"{exc.operation_name} failed"
    if exc.operation_name in _LOGINS:
        text = f"{exc.operation_name}: {text}"
    if said and said != code:
        text += f": {said}"
    return f"{text} [request {request}]" if request else text


def _said(exc: sdk.ClientError) -> str:
    return str(exc.response.get("Error", {}).get("Message", "")).strip().rstrip(".")


def _named(exc: BaseException, hint: str) -> str:
    """Put the profile into *hint* that `with_profile` noted on *exc*."""
    for note in getattr(exc, "__notes__", ()):
        if note.startswith(_PROFILE):
            return hint.replace(_TO_NAME, f"--profile {note.removeprefix(_PROFILE)}")
    return hint


def _text(exc: BaseException) -> str:
    return str(exc) or type(exc).__name__
