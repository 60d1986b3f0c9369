"""What a status of gRPC means, and what stands beside it."""

import grpc
import pytest
from google.api_core.exceptions import (
    GoogleAPICallError,
    ServiceUnavailable,
    from_grpc_error,
)
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc.aio import AioRpcError, Metadata
from ogfd_gcp.faults import HINTS, classify
from ogfd_gcp.statuses import HINTS as OWN_HINTS
from ogfd_gcp.statuses import REASONS, STATUSES
from ogfd_gcp.storage.connection import as_it_is

from ogfd.plugin import ErrorClass


def grpc_error(status, reason=None, message="x"):
    info = AnyMessage()
    info.Pack(ErrorInfo(reason=reason or ""))
    told = Status(code=status.value[0], message=message, details=[info])
    trailing = Metadata(("grpc-status-details-bin", told.SerializeToString()))
    return from_grpc_error(AioRpcError(status, Metadata(), trailing, details=message))


STATUS_CLASSES = {
    status: error_class
    for error_class, hints in STATUSES.items()
    for names in hints.values()
    for status in names
}


@pytest.mark.parametrize("status", [one for one in grpc.StatusCode if one.name != "OK"])
def test_every_status_has_a_class(status):
    """By its own name: what google-api-core makes of it is another's."""
    fault = classify(grpc_error(status))

    assert STATUS_CLASSES.get(status.name, ErrorClass.UNKNOWN) is fault.error_class
    assert status.name == fault.code
    assert (status.name == "UNAUTHENTICATED") is fault.expired is fault.unauthenticated
    assert (status.name == "RESOURCE_EXHAUSTED") is fault.throttled


def test_a_reason_beside_the_status_comes_first():
    """An API that is off is no missing role."""
    disabled = classify(grpc_error(grpc.StatusCode.PERMISSION_DENIED, "SERVICE_DISABLED"))
    other = classify(grpc_error(grpc.StatusCode.PERMISSION_DENIED, "IAM_PERMISSION_DENIED"))

    assert (ErrorClass.FATAL, "SERVICE_DISABLED") == (disabled.error_class, disabled.code)
    assert "bigquerystorage.googleapis.com" in disabled.hint
    assert (ErrorClass.AUTH, OWN_HINTS["session"]) == (other.error_class, other.hint)


@pytest.mark.parametrize(
    ("message", "error_class", "hint"),
    [
        ("failed to connect; HTTP proxy returned response code 407", ErrorClass.AUTH, "between"),
        ("failed to connect; HTTP proxy returned response code 502", ErrorClass.TRANSIENT, "way"),
        ("SSL_ERROR_SSL: CERTIFICATE_VERIFY_FAILED: unable to", ErrorClass.FATAL, "trust"),
    ],
)
def test_what_stops_a_request_on_the_way_is_told(message, error_class, hint):
    """All of it is UNAVAILABLE to gRPC."""
    fault = classify(grpc_error(grpc.StatusCode.UNAVAILABLE, message=message))

    assert error_class is fault.error_class
    assert (HINTS | OWN_HINTS)[hint] == fault.hint


async def test_details_that_differ_from_the_status_do_not_hide_it():
    """The library raises a ValueError in place of the error."""
    told = Status(code=5, message="other").SerializeToString()
    trailing = Metadata(("grpc-status-details-bin", told))

    with pytest.raises(ServiceUnavailable) as caught:
        async with as_it_is(None):
            raise AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), trailing, "x")

    assert "UNAVAILABLE" == classify(caught.value).code


def test_an_answer_over_rest_is_none_of_grpc():
    """Though the library gives its class a status of gRPC."""
    assert classify(ServiceUnavailable("x")) is None
    assert classify(GoogleAPICallError("x")) is None


def test_every_hint_is_there():
    """Here or among those of REST."""
    used = {hint for table in (STATUSES, REASONS) for hints in table.values() for hint in hints}

    assert used - {""} <= OWN_HINTS.keys() | HINTS.keys()
    assert OWN_HINTS.keys() <= used
