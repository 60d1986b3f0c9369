"""
What the services answer that know an account's reports, exports and organisation.

They page and refuse as their models say (botocore 1.43: ``cur`` 2017-01-06, ``bcm-data-exports``
2023-11-26, ``organizations`` 2016-11-28): report definitions come in pages of five at most, and
five is the one page size that may be asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

_REPORTS_PAGE: Final = 5
_EXPORTS_PAGE: Final = 300

OPERATIONS: Final[Mapping[str, str]] = {
    "AWSOrigamiServiceGatewayService.DescribeReportDefinitions": "DescribeReportDefinitions",
    "AWSBillingAndCostManagementDataExports.ListExports": "ListExports",
    "AWSBillingAndCostManagementDataExports.GetExport": "GetExport",
    "AWSOrganizationsV20161128.DescribeOrganization": "DescribeOrganization",
}
"""Header ``X-Amz-Target`` to operation."""

Account = Mapping[str, Any]
"""``reports`` and ``exports`` as the services describe them, ``manager`` of the organisation."""

NOTHING: Final[Account] = {"reports": [], "exports": [], "manager": None}


class RefusedError(Exception):
    """The request is one that the service would refuse."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def key_of(body: bytes) -> str:
    """Return what a request is about, for rules and the log: an ARN, or the token of a page."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return ""
    return str(asked.get("ExportArn") or asked.get("NextToken") or "")


def answer(
    operation: str, body: bytes, account: Account, *, page: int | None = None
) -> dict[str, Any]:
    """
    Return the body of the answer.

    Args:
        operation: one of `OPERATIONS`.
        body: of the request.
        account: what there is.
        page: give at most so many results, fewer than asked for, as the services may.

    Raises:
        RefusedError: as the service would.
    """
    asked = json.loads(body or b"{}")
    match operation:
        case "DescribeReportDefinitions":
            if asked.get("MaxResults", _REPORTS_PAGE) != _REPORTS_PAGE:
                raise RefusedError("ValidationException", "MaxResults must be 5")
            return _page("ReportDefinitions", account["reports"], asked, page or _REPORTS_PAGE)
        case "ListExports":
            listed = [_listed(export) for export in account["exports"]]
            most = asked.get("MaxResults", _EXPORTS_PAGE)
            if not isinstance(most, int) or not 1 <= most <= _EXPORTS_PAGE:
                raise RefusedError("ValidationException", "MaxResults lies between 1 and 300")
            return _page("Exports", listed, asked, min(most, page or most))
        case "GetExport":
            return _export(account["exports"], asked.get("ExportArn"))
        case _:
            return _organization(account["manager"])


def _page(
    name: str, found: Sequence[Mapping[str, Any]], asked: Mapping[str, Any], most: int
) -> dict[str, Any]:
    token = asked.get("NextToken", "0")
    if not token.isdecimal():
        raise RefusedError("ValidationException", "NextToken is not one of this service")
    until = int(token) + most
    body: dict[str, Any] = {name: found[int(token) : until]}
    if until < len(found):
        body["NextToken"] = str(until)
    return body


def _listed(export: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ExportArn": export["Export"]["ExportArn"],
        "ExportName": export["Export"]["Name"],
        "ExportStatus": export["ExportStatus"],
    }


def _export(exports: Sequence[Mapping[str, Any]], arn: str | None) -> dict[str, Any]:
    for export in exports:
        if export["Export"]["ExportArn"] == arn:
            return dict(export)
    raise RefusedError("ResourceNotFoundException", "no such export")


def _organization(manager: str | None) -> dict[str, Any]:
    if manager is None:
        message = "Your account is not a member of an organization."
        raise RefusedError("AWSOrganizationsNotInUseException", message)
    return {
        "Organization": {
            "Id": "o-sandbox0001",
            "Arn": f"arn:aws:organizations::{manager}:organization/o-sandbox0001",
            "FeatureSet": "ALL",
            "MasterAccountArn": f"arn:aws:organizations::{manager}:account/o-sandbox0001/{manager}",
            "MasterAccountId": manager,
            "MasterAccountEmail": "manager@example.com",
        }
    }
