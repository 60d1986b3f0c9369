"""
The Cloud for Sustainability API, which the Emissions Impact Dashboard stands on.

As learn.microsoft.com/rest/api/industry/sustainability/o-data describes it (2026): OData, at most
1000 records a page, metric tonnes; errors are ``{"code": 400, "message": "..."}``. A number of the
row comes along, as real answers have one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from ogfd_sandbox.azure.conditions import odata
from ogfd_sandbox.azure.seeds import TENANT_ID
from ogfd_sandbox.azure.tokens import DASHBOARD, Tokens
from ogfd_sandbox.azure.wire import Asked, Call, RefusedError, Reply, guarded, json_reply, page
from ogfd_sandbox.faults import Rule

_PATH: Final = re.compile(r"/api/v1\.0/instances/([^/]+)/enrollments/([^/]+)/emissions")
_PAGE: Final = 1000


class DashboardService:
    """The emissions of one enrollment."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._enrollment = ""
        self._key = ""
        self._records: Sequence[Mapping[str, Any]] = ()

    def tell(self, told: Mapping[str, Any]) -> None:
        """Answer with *told* from now on."""
        self._enrollment, self._key = told["enrollment"], told["key"]
        self._records = [
            _record(number, self._enrollment, one) for number, one in enumerate(told["value"], 1)
        ]

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request."""
        found = _PATH.fullmatch(call.path)
        if found is None or call.method != "GET":
            return None
        enrollment = found[2]
        skip = call.query.get("$skip", "0")
        number = int(skip) // _PAGE + 1 if skip.isdigit() else "-"

        def answer(rule: Rule | None) -> Reply:
            return self._answer(call, enrollment, rule)

        return Asked(
            operation="DashboardEmissions",
            key=f"{enrollment} {number}",
            answer=guarded(answer, dashboard_error),
            error=dashboard_error,
        )

    def _answer(self, call: Call, enrollment: str, rule: Rule | None) -> Reply:
        if call.headers.get("ocp-apim-subscription-key") != self._key:
            message = "Access denied due to missing or invalid subscription key."
            raise RefusedError(401, "401", message)
        authorization = call.headers.get("authorization", "")
        self._tokens.check(authorization, DASHBOARD, f"{call.base}/{TENANT_ID}")
        if enrollment != self._enrollment:
            raise RefusedError(404, "404", f"Enrollment {enrollment} is not found.")
        unknown = set(call.query) - {"$filter", "$top", "$skip", "$count"}
        if unknown:
            raise RefusedError(400, "400", f"the stand-in does not know {min(unknown)}")
        matches = odata(call.query.get("$filter", ""))
        found = [record for record in self._records if matches(record)]
        skip, wanted = _number(call, "$skip", 0), _number(call, "$top", len(found))
        end = min(len(found), skip + wanted)
        until, following = page(end, skip, _PAGE, rule)
        body: dict[str, Any] = {"@odata.context": f"{call.base}/api/v1.0/$metadata#emissions"}
        if call.query.get("$count") == "true":
            body["@odata.count"] = len(found)
        body["value"] = found[skip:until]
        if following is not None:
            body["@odata.nextLink"] = _link(call, following, end)
        return json_reply(body)


def dashboard_error(status: int, code: str, message: str) -> Reply:
    """Return an error of this API, whose codes are numbers."""
    number = int(code) if code.isdigit() else status
    return json_reply({"code": number, "message": message}, status)


def _link(call: Call, offset: int, end: int) -> str:
    asked = {**call.query, "$skip": str(offset)}
    if "$top" in asked:
        asked["$top"] = str(end - offset)
    return f"{call.base}{call.target.partition('?')[0]}?{urlencode(asked, quote_via=quote)}"


def _number(call: Call, name: str, otherwise: int) -> int:
    text = call.query.get(name)
    if text is None:
        return otherwise
    if not text.isdigit():
        raise RefusedError(400, "400", f"{name} must be a number that is not negative")
    return int(text)


def _record(number: int, enrollment: str, one: Mapping[str, Any]) -> dict[str, Any]:
    year, month = one["month"].split("-")
    scope = one["scope"]
    return {
        "rowNum": number,
        "dateKey": int(f"{year}{month}01"),
        "enrollmentId": enrollment,
        "orgName": "Acme",
        "subscriptionId": one["subscription_id"],
        "subscriptionName": one["subscription_name"],
        "azureServiceName": one["service"],
        "subService": one["sub_service"],
        "azureRegionName": one["region"],
        "scope": scope,
        "scopeId": int(scope.removeprefix("Scope")),
        "totalEmissions": float(one["tonnes"]),
    }
