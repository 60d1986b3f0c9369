"""
How calls of gRPC end: with a status, with details, or as a rule has it.

A connection that a rule cuts is a call that ends as such a call ends for its client: UNAVAILABLE.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import anyio
import grpc
import grpc.aio
from google.protobuf import any_pb2, duration_pb2, message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from ogfd_sandbox.azure.wire import RefusedError
from ogfd_sandbox.bigquery.errors import CANONICAL
from ogfd_sandbox.faults import Rule
from ogfd_sandbox.journal import Entry

AFTERWARDS: Final = frozenset({"lost", "unsure"})
"""Actions that spoil an answer only when what was asked is done."""

# As google-api-core maps them to statuses of HTTP: google/api_core/exceptions.py, 2.44
_HTTP: Final = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
# https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto, 2026
_REASONS: Final = {
    "required": "CREDENTIALS_MISSING",
    "authError": "ACCESS_TOKEN_EXPIRED",
    "insufficientPermissions": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
}
_SERVICE: Final = {"service": "bigquerystorage.googleapis.com"}
_CUT: Final = "recvmsg:Connection reset by peer"
_DETAILS: Final = "grpc-status-details-bin"

Context = Any  # grpc.aio.ServicerContext: grpc ships no types
T = TypeVar("T")


class CallError(Exception):
    """
    What a call ends with.

    Args:
        code: name of the status.
        text: that goes with it.
        reason: of the ``google.rpc.ErrorInfo`` that goes with it, if one does.
        retry_seconds: likewise, of the ``google.rpc.RetryInfo``.
    """

    def __init__(
        self, code: str, text: str, *, reason: str | None = None, retry_seconds: float | None = None
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.reason = reason
        self.retry_seconds = retry_seconds

    def details(self) -> bytes | None:
        """Return the status with its details, as trailers carry it; None if there are none."""
        parts: list[message.Message] = []
        if self.reason is not None:
            domain = "googleapis.com"
            info = error_details_pb2.ErrorInfo(reason=self.reason, domain=domain, metadata=_SERVICE)
            parts.append(info)
        if self.retry_seconds is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(round(self.retry_seconds * 1000))
            parts.append(error_details_pb2.RetryInfo(retry_delay=delay))
        if not parts:
            return None
        packed = [any_pb2.Any() for _ in parts]
        for one, part in zip(packed, parts, strict=True):
            one.Pack(part)
        code = code_pb2.Code.Value(self.code)
        whole: bytes = status_pb2.Status(
            code=code, message=self.text, details=packed
        ).SerializeToString()
        return whole


async def ended(entry: Entry, context: Context, work: Awaitable[T]) -> T:
    """
    Return what *work* does, and have *entry* tell how the call ended.

    Args:
        entry: of the call.
        context: of the call, which ends with what *work* raises.
        work: may raise `CallError` and `RefusedError`.
    """
    try:
        found = await work
    except (CallError, RefusedError) as exc:
        error = exc if isinstance(exc, CallError) else _of(exc)
        entry.status = _HTTP[error.code]
        details = error.details()
        trailers = () if details is None else ((_DETAILS, details),)
        await context.abort(grpc.StatusCode[error.code], error.text, trailers)
        raise  # never so: abort() raises
    except (anyio.get_cancelled_exc_class(), grpc.aio.InternalError):
        # the latter if the client hangs up while a message waits for room in its window
        entry.status = _HTTP["CANCELLED"]
        raise anyio.get_cancelled_exc_class() from None
    entry.status = 200
    return found


async def spoiled(rule: Rule | None) -> bool:
    """
    Do what *rule* does to a call in the place of an answer.

    Returns:
        Whether the call ends here, as if that was all.

    Raises:
        CallError: if the call ends with an error.
    """
    if rule is None or rule.action in AFTERWARDS:
        return False
    if rule.action in {"hang", "stall"}:
        await anyio.sleep(rule.seconds)
    if rule.action == "truncate" and rule.hide_length:
        return True
    if rule.action in {"status", "reset", "truncate"}:
        raise fault(rule)
    return False


def fault(rule: Rule) -> CallError:
    """Return the error that *rule* ends a call with."""
    if rule.action not in {"status", "unsure"}:
        return CallError("UNAVAILABLE", _CUT)
    code = rule.code if rule.code in _HTTP else CANONICAL.get(rule.status, "UNKNOWN")
    wait = None if rule.retry_after is None else float(rule.retry_after)
    return CallError(code, rule.message, reason=rule.reason, retry_seconds=wait)


def _of(refused: RefusedError) -> CallError:
    code = refused.code if refused.code in _HTTP else CANONICAL[refused.status]
    return CallError(code, refused.message, reason=_REASONS.get(refused.code))
