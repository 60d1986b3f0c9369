"""
What the exceptions of cloud SDKs mean, by name, so that no SDK need be imported to know them.

It is for connectors of any author: one that hands its SDK to ``ctx.call`` need not say what a
refused connection or a missing credential is. A name is where the class is defined, which is not
always where it is documented. Written for botocore 1.43, aiobotocore 3.10, azure-core 1.41,
azure-identity 1.27, msal 1.39, google-api-core 2.44, google-auth 2.62, google-resumable-media
2.11, google-cloud-bigquery 3.47, requests 2.34 and urllib3 2.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ogfd.plugin import ErrorClass

_AZURE: Final[Mapping[str, Mapping[ErrorClass, tuple[str, ...]]]] = {
    "azure.core.exceptions": {
        ErrorClass.TRANSIENT: (
            "DecodeError", "IncompleteReadError", "ServiceRequestError",
            "ServiceRequestTimeoutError", "ServiceResponseError", "ServiceResponseTimeoutError",
            "ResourceModifiedError",  # 412: a blob was overwritten while it was read
        ),
        ErrorClass.AUTH: ("ClientAuthenticationError",),
        ErrorClass.BAD_REQUEST: ("ResourceExistsError", "SerializationError"),
        ErrorClass.NOT_FOUND: ("ResourceNotFoundError",),
        ErrorClass.FATAL: (
            "DeserializationError", "ResponseNotReadError", "StreamClosedError",
            "StreamConsumedError", "TooManyRedirectsError",
        ),
        ErrorClass.UNKNOWN: ("ResourceNotModifiedError",),
    },
    "azure.core.polling.base_polling": {
        ErrorClass.TRANSIENT: ("BadResponse", "BadStatus"),
        ErrorClass.FATAL: ("OperationFailed",),
    },
    "azure.identity._exceptions": {
        ErrorClass.AUTH: ("AuthenticationRequiredError", "CredentialUnavailableError"),
    },
    "msal.exceptions": {
        ErrorClass.TRANSIENT: ("MsalServiceError",),  # for a 5xx of the login endpoint
        ErrorClass.AUTH: ("MsalError",),
    },
    "msal.managed_identity": {
        ErrorClass.AUTH: ("ArcPlatformNotSupportedError", "ManagedIdentityError"),
    },
    "msal.oauth2cli.oauth2": {ErrorClass.AUTH: ("BrowserInteractionTimeoutError",)},
    "msal.oauth2cli.oidc": {ErrorClass.AUTH: ("IdTokenError",)},
}  # fmt: skip

_GOOGLE: Final[Mapping[str, Mapping[ErrorClass, tuple[str, ...]]]] = {
    "google.api_core.exceptions": {
        ErrorClass.TRANSIENT: (
            "BadGateway", "Cancelled", "DeadlineExceeded", "GatewayTimeout",
            "InternalServerError", "MissingStatusHeaderError", "PreconditionFailed",
            "ResourceExhausted", "RetryError", "ServiceUnavailable", "TooManyRequests",
            "TransferStalledError", "UploadCancelledError",
        ),
        ErrorClass.AUTH: ("Forbidden", "PermissionDenied", "Unauthenticated", "Unauthorized"),
        ErrorClass.BAD_REQUEST: (
            "Aborted", "AlreadyExists", "BadRequest", "Conflict", "FailedPrecondition",
            "InvalidArgument", "LengthRequired", "MethodNotAllowed", "OutOfRange",
            "RequestRangeNotSatisfiable",
        ),
        ErrorClass.NOT_FOUND: ("NotFound",),
        ErrorClass.FATAL: (
            "AsyncRestUnsupportedParameterError", "DataLoss", "DuplicateCredentialArgs",
            "MethodNotImplemented", "MovedPermanently", "ResumeIncomplete", "TemporaryRedirect",
            "UnseekableStreamError",
        ),
        ErrorClass.UNKNOWN: ("NotModified", "Unknown"),
    },
    "google.api_core._feature_gating_helpers": {ErrorClass.FATAL: ("FeatureGatingError",)},
    "google.api_core.iam": {ErrorClass.BAD_REQUEST: ("InvalidOperationException",)},
    "google.api_core.universe": {
        ErrorClass.FATAL: ("EmptyUniverseError", "UniverseMismatchError"),
    },
    "google.auth.exceptions": {
        ErrorClass.TRANSIENT: ("ResponseError", "TimeoutError", "TransportError"),
        ErrorClass.AUTH: (
            "ClientCertError", "DefaultCredentialsError", "InvalidOperation", "InvalidResource",
            "InvalidType", "InvalidValue", "MalformedError", "MutualTLSChannelError",
            "OAuthError", "OSError", "ReauthFailError", "ReauthSamlChallengeFailError",
            "RefreshError", "UserAccessTokenError",
        ),
    },
    "google.cloud.bigquery.exceptions": {
        ErrorClass.FATAL: (
            "BigQueryStorageNotFoundError", "LegacyBigQueryStorageError", "LegacyPandasError",
            "LegacyPyarrowError",
        ),
    },
    "google.resumable_media.common": {ErrorClass.TRANSIENT: ("DataCorruption",)},
}  # fmt: skip

_BOTOCORE: Final[Mapping[str, Mapping[ErrorClass, tuple[str, ...]]]] = {
    "botocore.exceptions": {
        ErrorClass.TRANSIENT: (
            "CapacityNotAvailableError", "ChecksumError", "ConnectTimeoutError",
            "ConnectionClosedError", "ConnectionError", "EndpointConnectionError",
            "FlexibleChecksumError", "HTTPClientError", "IncompleteReadError",
            "ProxyConnectionError", "ReadTimeoutError", "ResponseStreamingError", "SSLError",
        ),
        ErrorClass.AUTH: (
            "CredentialRetrievalError", "InfiniteLoopConfigError", "LoginAuthorizationCodeError",
            "LoginError", "LoginInsufficientPermissions", "LoginRefreshRequired",
            "LoginTokenLoadError", "MetadataRetrievalError", "NoAuthTokenError",
            "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound",
            "RefreshWithMFAUnsupportedError", "SSOError", "SSOTokenLoadError",
            "TokenRetrievalError", "UnauthorizedSSOTokenError",
        ),
        ErrorClass.BAD_REQUEST: (
            "AliasConflictParameterError", "InvalidDNSNameError", "InvalidExpressionError",
            "InvalidHostLabelError", "InvalidRegionError", "MissingParametersError",
            "OperationNotPageableError", "ParamValidationError", "RangeError", "UnknownKeyError",
            "UnknownParameterError", "UnsupportedOutpostResourceError", "UnsupportedS3ArnError",
            "UnsupportedS3ControlArnError", "ValidationError",
        ),
        ErrorClass.FATAL: (
            "ApiVersionNotFoundError", "AwsChunkedWrapperError", "BaseEndpointResolverError",
            "ConfigNotFound", "ConfigParseError", "DataNotFoundError", "EndpointProviderError",
            "EndpointResolutionError", "EndpointVariantError", "InvalidChecksumConfigError",
            "InvalidConfigError", "InvalidDefaultsMode", "InvalidEndpointConfigurationError",
            "InvalidEndpointDiscoveryConfigurationError", "InvalidIMDSEndpointError",
            "InvalidIMDSEndpointModeError", "InvalidMaxRetryAttemptsError",
            "InvalidProxiesConfigError", "InvalidRetryConfigurationError",
            "InvalidRetryModeError", "InvalidS3AddressingStyleError",
            "InvalidS3UsEast1RegionalEndpointConfigError",
            "InvalidSTSRegionalEndpointsConfigError", "MD5UnavailableError",
            "MissingDependencyException", "MissingServiceIdError", "NoRegionError",
            "PaginationError", "ServiceNotInRegionError", "StubAssertionError",
            "StubResponseError", "UnStubbedResponseError", "UndefinedModelAttributeError",
            "UnknownClientMethodError", "UnknownCredentialError", "UnknownEndpointError",
            "UnknownEndpointResolutionBuiltInName", "UnknownFIPSEndpointError",
            "UnknownRegionError", "UnknownServiceError", "UnknownServiceStyle",
            "UnknownSignatureVersionError", "UnknownTokenProviderError", "UnseekableStreamError",
            "UnsupportedS3AccesspointConfigurationError", "UnsupportedS3ConfigurationError",
            "UnsupportedS3ControlConfigurationError", "UnsupportedServiceProtocolsError",
            "UnsupportedSignatureVersionError", "WaiterConfigError", "WaiterError",
        ),
        ErrorClass.UNKNOWN: ("EventStreamError",),
    },
    "botocore.discovery": {
        ErrorClass.TRANSIENT: ("EndpointDiscoveryException", "EndpointDiscoveryRefreshFailed"),
        ErrorClass.FATAL: ("EndpointDiscoveryRequired",),
    },
    "botocore.eventstream": {
        ErrorClass.TRANSIENT: (
            "ChecksumMismatch", "DuplicateHeader", "InvalidHeadersLength",
            "InvalidPayloadLength", "NoInitialResponseError", "ParserError",
        ),
    },
    "botocore.model": {
        ErrorClass.FATAL: (
            "InvalidShapeError", "InvalidShapeReferenceError", "NoShapeFoundError",
            "OperationNotFoundError",
        ),
    },
    "botocore.parsers": {ErrorClass.TRANSIENT: ("ResponseParserError",)},
    "botocore.utils": {
        ErrorClass.AUTH: ("BadIMDSRequestError",),
        ErrorClass.BAD_REQUEST: ("InvalidArnException",),
    },
    "aiobotocore.response": {ErrorClass.TRANSIENT: ("AioReadTimeoutError",)},
}  # fmt: skip

_HTTP: Final[Mapping[str, Mapping[ErrorClass, tuple[str, ...]]]] = {
    "aiohttp._websocket.models": {
        ErrorClass.TRANSIENT: ("WSHandshakeError", "WebSocketError"),
    },
    "aiohttp.client_exceptions": {ErrorClass.BAD_REQUEST: ("WSMessageTypeError",)},
    "aiohttp.compression_utils": {ErrorClass.FATAL: ("TooManyMembersError",)},
    "aiohttp.payload": {ErrorClass.BAD_REQUEST: ("LookupError",)},
    "aiohttp.streams": {ErrorClass.TRANSIENT: ("EofStream",)},
    "requests.cookies": {ErrorClass.FATAL: ("CookieConflictError",)},
    "requests.exceptions": {
        ErrorClass.TRANSIENT: (
            "ChunkedEncodingError", "ConnectTimeout", "ConnectionError", "ContentDecodingError",
            "JSONDecodeError", "ProxyError", "ReadTimeout", "RetryError", "SSLError", "Timeout",
        ),
        ErrorClass.BAD_REQUEST: (
            "InvalidHeader", "InvalidJSONError", "InvalidProxyURL", "InvalidSchema",
            "InvalidURL", "MissingSchema", "URLRequired",
        ),
        ErrorClass.FATAL: ("StreamConsumedError", "TooManyRedirects", "UnrewindableBodyError"),
    },
    "urllib3.exceptions": {
        ErrorClass.TRANSIENT: (
            "ClosedPoolError", "ConnectTimeoutError", "DecodeError", "EmptyPoolError",
            "FullPoolError", "HeaderParsingError", "IncompleteRead", "InvalidChunkLength",
            "InvalidHeader", "MaxRetryError", "NameResolutionError", "NewConnectionError",
            "PoolError", "ProtocolError", "ProxyError", "ReadTimeoutError", "RequestError",
            "ResponseError", "ResponseNotChunked", "SSLError", "TimeoutError",
        ),
        ErrorClass.BAD_REQUEST: (
            "LocationParseError", "LocationValueError", "ProxySchemeUnknown",
            "ProxySchemeUnsupported", "URLSchemeUnknown",
        ),
        ErrorClass.FATAL: (
            "BodyNotHttplibCompatible", "HostChangedError", "TimeoutStateError",
            "UnrewindableBodyError",
        ),
    },
    "urllib3.util.ssl_match_hostname": {ErrorClass.FATAL: ("CertificateError",)},
}  # fmt: skip

LIBRARIES: Final[Mapping[str, Mapping[ErrorClass, tuple[str, ...]]]] = MappingProxyType(
    {**_AZURE, **_GOOGLE, **_BOTOCORE, **_HTTP}
)
"""Module to class to names of exceptions. A class that is not named counts as its nearest ancestor."""

ROOTS: Final = frozenset(
    {
        "azure.core.exceptions.AzureError",
        "azure.core.exceptions.HttpResponseError",
        "azure.core.exceptions.ODataV4Error",
        "botocore.exceptions.BotoCoreError",
        "botocore.exceptions.ClientError",
        "google.api_core.exceptions.ClientError",
        "google.api_core.exceptions.GoogleAPICallError",
        "google.api_core.exceptions.GoogleAPIError",
        "google.api_core.exceptions.Redirection",
        "google.api_core.exceptions.ResumableTransferError",
        "google.api_core.exceptions.ServerError",
        "google.auth.exceptions.GoogleAuthError",
        "google.cloud.bigquery.exceptions.BigQueryError",
        "google.resumable_media.common.InvalidResponse",
        "requests.exceptions.HTTPError",
        "requests.exceptions.RequestException",
        "urllib3.exceptions.HTTPError",
    }
)
"""Exceptions that say nothing by their type: unknown, unless they carry an answer."""

_NAMED: Final[Mapping[str, ErrorClass]] = MappingProxyType(
    {
        f"{module}.{name}": error_class
        for module, classes in LIBRARIES.items()
        for error_class, names in classes.items()
        for name in names
    }
)


def ancestry(kind: type[BaseException]) -> list[str]:
    """Return the full names of *kind* and all that it derives from, nearest first."""
    return [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__]


def named(kind: type[BaseException]) -> ErrorClass | None:
    """Return the class that the nearest named ancestor of *kind* has; None if there is none."""
    return next((_NAMED[name] for name in ancestry(kind) if name in _NAMED), None)
