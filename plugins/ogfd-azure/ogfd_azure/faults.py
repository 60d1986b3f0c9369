"""
What the errors of Azure mean: provider code first, status second.

Of exception types the engine knows what azure-core has. Codes are those of
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
https://learn.microsoft.com/azure/cost-management-billing/costs/cost-management-error-codes,
https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and, of sign-ins,
https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from ogfd.plugin import ErrorClass, Fault, HttpError, SourceError
from ogfd_azure.credentials import LoginError

HINTS: Final[Mapping[str, str]] = {
    "role": "assign the role that the stream needs to the identity of this connector: Carbon "
    "Optimization Reader for carbon, Cost Management Reader for cost_query, Storage Blob Data "
    "Reader on the container for cost; a new assignment takes some minutes to hold",
    "token": "the token was refused; check cloud, authority and arm_scope",
    "tenant": "check tenant_id: the subscription belongs to another directory",
    "offer": "the kind of contract behind the scope does not have this; see the offers that Cost "
    "Management supports",
    "access": "the billing account hides cost from its readers; its owner can change the policy",
    "missing": "nothing lies there; check the ids in the configuration (a new subscription has "
    "data after 48 hours)",
    "storage": "nothing lies there; check account, container and prefix",
    "firewall": "the firewall of the storage account does not let this machine in",
    "key": "check subscription_key, and that the Cloud for Sustainability API is open to it",
    "claims": "a Conditional Access policy wants more than this identity can show",
    "secret": "the client secret is wrong; client_secret must be its value, not its id",
    "expired": "the client secret or certificate has expired; make a new one",
    "certificate": "the certificate is not one of the app registration; upload it there",
    "app": "the app is not in this directory; check client_id and tenant_id",
    "directory": "there is no such directory in this cloud; check tenant_id and cloud",
    "cloud": "the directory belongs to another cloud; check cloud",
    "policy": "a Conditional Access policy keeps the app out; exempt it, or allow this address",
    "federation": "the federated credential of the app does not match issuer, subject or audience "
    "of the token",
    "clock": "the clock of this machine is off; check NTP",
    "consent": "the app is disabled, or was given no consent in this directory",
    "scope": "there is no such service in this cloud; check cloud and arm_scope",
    "identity": "there is no identity to be had here; give the machine one, or check auth",
    "login": "check auth, tenant_id, client_id and the secret that belongs to them",
    "network": "a proxy may have answered in its place; check the network and authority",
    "loop": "the login service saw the same request too often, and wants a pause",
}

# Hints of what every other call with these credentials would run into as well.
_REFUSED: Final = frozenset({"token", "tenant"})

CODES: Final[Mapping[ErrorClass, Mapping[str, tuple[str, ...]]]] = {
    ErrorClass.TRANSIENT: {
        "": (
            "ServerTimeout", "GatewayTimeout", "InvalidGatewayHost", "ResourceRequestsThrottled",
            "ServerBusy", "InternalError", "InternalServerError", "OperationTimedOut",
            "ServiceUnavailable", "RequestTimeout", "429", "TooManyRequests",
            "OperationNotAllowedDueToThrottling", "SubscriptionRequestsThrottled",
        ),
    },
    ErrorClass.AUTH: {
        "role": (
            "AuthorizationFailed", "RBACAccessDenied", "BillingAccessDenied", "LinkedAuthorizationFailed",
            "AuthorizationPermissionMismatch", "InsufficientAccountPermissions",
            "AuthorizationFailure", "Unauthorized", "Forbidden",
        ),
        "access": ("AccountCostDisabled", "DepartmentCostDisabled", "IndirectCostDisabled"),
        "firewall": ("AuthorizationSourceIPMismatch", "AuthorizationProtocolMismatch"),
        "tenant": ("InvalidAuthenticationTokenTenant",),
        "token": (
            "AuthenticationFailed", "InvalidAuthenticationToken", "ExpiredAuthenticationToken",
            "InvalidAuthenticationTokenAudience", "InvalidAuthenticationInfo",
            "NoAuthenticationInformation",
        ),
    },
    ErrorClass.BAD_REQUEST: {
        # A version that is gone does not come back: whoever asked for it lists anew.
        "": (
            "BadRequest", "InvalidQueryParameterValue", "InvalidUri", "OutOfRangeInput",
            "ConditionNotMet",
        ),
        "offer": ("SubscriptionTypeNotSupported", "DisallowedOperation", "OfferNotSupported"),
    },
    ErrorClass.NOT_FOUND: {
        "missing": (
            "NotFound", "SubscriptionNotFound", "ResourceGroupNotFound", "ResourceNotFound",
            "BillingSubscriptionNotFound", "BillingAccountNotFound",
        ),
        "storage": ("ContainerNotFound", "BlobNotFound", "ContainerBeingDeleted"),
    },
    ErrorClass.UNKNOWN: {
        "": ("FailedDependency",),
    },
}  # fmt: skip

LOGIN_CODES: Final[Mapping[int, tuple[ErrorClass, str]]] = {
    90024: (ErrorClass.TRANSIENT, ""),  # RequestBudgetExceededError
    90033: (ErrorClass.TRANSIENT, ""),  # MsodsServiceUnavailable
    90055: (ErrorClass.TRANSIENT, ""),  # TenantThrottlingError
    50196: (ErrorClass.TRANSIENT, "loop"),
    90036: (ErrorClass.FATAL, ""),  # MsodsServiceUnretryableFailure
    90038: (ErrorClass.FATAL, "cloud"),
    7000215: (ErrorClass.AUTH, "secret"),
    7000222: (ErrorClass.AUTH, "expired"),
    7000216: (ErrorClass.AUTH, "login"),
    700027: (ErrorClass.AUTH, "certificate"),
    700016: (ErrorClass.AUTH, "app"),
    7000112: (ErrorClass.AUTH, "consent"),
    65001: (ErrorClass.AUTH, "consent"),
    # OAuth's invalid_request, but it is the credentials that are wrong.
    90002: (ErrorClass.AUTH, "directory"),
    900023: (ErrorClass.AUTH, "directory"),
    53003: (ErrorClass.AUTH, "policy"),
    70021: (ErrorClass.AUTH, "federation"),
    700211: (ErrorClass.AUTH, "federation"),
    700212: (ErrorClass.AUTH, "federation"),
    700213: (ErrorClass.AUTH, "federation"),
    700024: (ErrorClass.AUTH, "clock"),
    500011: (ErrorClass.BAD_REQUEST, "scope"),
}
"""Number behind ``AADSTS`` to class and hint, where it says more than the error of OAuth."""

OAUTH: Final[Mapping[str, ErrorClass]] = {
    **dict.fromkeys(("temporarily_unavailable", "server_error"), ErrorClass.TRANSIENT),
    **dict.fromkeys(
        (
            "invalid_client", "unauthorized_client", "invalid_grant", "access_denied",
            "interaction_required", "consent_required", "login_required",
        ),
        ErrorClass.AUTH,
    ),
    **dict.fromkeys(
        ("invalid_request", "invalid_scope", "invalid_resource", "unsupported_grant_type"),
        ErrorClass.BAD_REQUEST,
    ),
}  # fmt: skip

_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_THROTTLING: Final = frozenset({90055})
_LOOP_PAUSE: Final = timedelta(minutes=5)


def classify(exc: BaseException) -> Fault | None:
    """Say what *exc* means; None leaves it to the tables of the engine."""
    if isinstance(exc, LoginError):
        return _login(exc)
    if isinstance(exc, HttpError):
        return _answered(exc)
    return None


def lacks_permission(exc: SourceError) -> bool:
    """Return whether *exc* says that an operation is not allowed, rather than who asks refused."""
    return exc.error_class is ErrorClass.AUTH and exc.hint == HINTS["role"]


def challenge_in(exc: BaseException | None) -> str | None:
    """
    Return the ``WWW-Authenticate`` of a claims challenge, if *exc* is one.

    https://learn.microsoft.com/entra/identity-platform/claims-challenge
    """
    if not isinstance(exc, HttpError) or exc.response.status != HTTPStatus.UNAUTHORIZED:
        return None
    header = exc.response.headers.get("WWW-Authenticate", "")
    return header if "insufficient_claims" in header and "claims=" in header else None


def _login(exc: LoginError) -> Fault:
    heard = exc.heard
    error_class, hint = _refusal(exc)
    number = next((code for code in heard.codes if code in LOGIN_CODES), None)
    return Fault(
        error_class=error_class,
        code=f"AADSTS{(heard.codes[0] if number is None else number)}"
        if heard.codes
        else heard.error,
        status=heard.status,
        message=_sign_in_message(exc),
        hint=HINTS.get(hint),
        throttled=heard.status == HTTPStatus.TOO_MANY_REQUESTS or number in _THROTTLING,
        unauthenticated=error_class is ErrorClass.AUTH,
        retry_after=heard.retry_after or (_LOOP_PAUSE if hint == "loop" else None),
    )


def _refusal(exc: LoginError) -> tuple[ErrorClass, str]:
    heard = exc.heard
    if heard.status in _PASSING:
        return ErrorClass.TRANSIENT, ""
    if heard.foreign:
        return ErrorClass.TRANSIENT, "network"
    if exc.unavailable or heard.status is None:
        return ErrorClass.AUTH, "identity"
    for code in heard.codes:
        if code in LOGIN_CODES:
            return LOGIN_CODES[code]
    error_class = OAUTH.get(heard.error or "")
    if error_class is not None:
        return error_class, "" if error_class is ErrorClass.TRANSIENT else "login"
    return ErrorClass.AUTH, "login"


def _sign_in_message(exc: LoginError) -> str:
    heard = exc.heard
    if heard.description:
        # What follows names the request, and changes with each.
        return f"sign-in failed: {heard.description.partition(' Trace ID:')[0].splitlines()[0]}"
    if heard.foreign:
        return "sign-in failed: the answer is not one of a login service"
    if heard.status is not None:
        return f"sign-in failed: the login service answered {heard.status}"
    return f"sign-in failed: {exc}"


def _answered(exc: HttpError) -> Fault | None:
    if challenge_in(exc) is not None:
        # Of another class than auth, so that nobody tries again with the same claims: see `Arm`.
        return Fault(
            error_class=ErrorClass.BAD_REQUEST, code="insufficient_claims", hint=HINTS["claims"]
        )
    code, said = _error_in(exc)
    meaning = _meaning(code)
    if meaning is None:
        return _by_status(exc, code, said)
    error_class, hint = meaning
    return Fault(
        error_class=error_class,
        code=code,
        message=_sentence(exc, code, said),
        hint=HINTS.get(hint),
        expired=hint == "token",
        unauthenticated=hint in _REFUSED,
    )


def _by_status(exc: HttpError, code: str | None, said: str | None) -> Fault | None:
    if code is None and said is None:
        return None
    status = exc.response.status
    # The Cloud for Sustainability API has numbers for codes, and a second key to be wrong about.
    refused = "key" if code == "401" else "token"
    hints = {401: refused, 403: "role", 404: "missing"}
    classes = {
        401: ErrorClass.AUTH,
        403: ErrorClass.AUTH,
        **dict.fromkeys((301, 302, 303, 307, 308), ErrorClass.FATAL),
        **dict.fromkeys((404, 410), ErrorClass.NOT_FOUND),
        **dict.fromkeys(_PASSING, ErrorClass.TRANSIENT),
        **dict.fromkeys((400, 405, 409, 412, 413, 415, 416, 422), ErrorClass.BAD_REQUEST),
    }
    return Fault(
        error_class=classes.get(status, ErrorClass.UNKNOWN),
        code=code,
        message=_sentence(exc, code, said),
        hint=HINTS.get(hints.get(status, "")),
    )


def _error_in(exc: HttpError) -> tuple[str | None, str | None]:
    """Return code and message of an answer, in whichever form the service has them."""
    header = exc.response.headers.get("x-ms-error-code")
    try:
        body = json.loads(exc.response.body)
    except ValueError:
        body = None
    error: Any = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return header, None
    code, said = error.get("code"), error.get("message")
    return header or (str(code) if code else None), said if isinstance(said, str) else None


def _meaning(code: str | None) -> tuple[ErrorClass, str] | None:
    for error_class, hints in CODES.items():
        for hint, codes in hints.items():
            if code in codes:
                return error_class, hint
    return None


def _sentence(exc: HttpError, code: str | None, said: str | None) -> str:
    parts = [part for part in (code, (said or "").strip().rstrip(".")) if part]
    text = ": ".join(parts) or str(exc)
    request = exc.response.headers.get("x-ms-request-id")
    return f"{text} [request {request}]" if request else text
