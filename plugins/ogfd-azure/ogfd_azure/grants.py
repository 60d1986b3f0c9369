"""
What to grant, to paste: commands of the Azure CLI, and the same in Terraform.

Roles are those of https://learn.microsoft.com/azure/role-based-access-control/built-in-roles. What
lies above subscriptions, billing accounts, knows other roles and is granted by a request of its own:
https://learn.microsoft.com/azure/cost-management-billing/manage/assign-roles-azure-service-principals
(enrollments) and .../manage/understand-mca-roles (customer agreements).
"""

from __future__ import annotations

import json
import re
import shlex
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ogfd_azure.identity import Principal

CARBON: Final = "Carbon Optimization Reader"
COST: Final = "Cost Management Reader"
BLOBS: Final = "Storage Blob Data Reader"

_BILLING: Final = re.compile(
    r"/providers/microsoft\.billing/billingaccounts/(?P<account>[^/]+)"
    r"(?:/(?P<kind>departments|billingprofiles)/(?P<part>[^/]+))?",
    re.IGNORECASE,
)
_BILLING_API: Final = "2019-10-01-preview"
_ENROLLMENT_READER: Final = "24f8edb6-1668-4659-b5e2-40bb5f3a7d7e"
_DEPARTMENT_READER: Final = "db609904-a47f-4794-9be8-9bd86fbffd8a"
_ACCOUNT_READER: Final = "50000000-aaaa-bbbb-cccc-100000000002"
_PROFILE_READER: Final = "40000000-aaaa-bbbb-cccc-100000000002"

_HCL: Final = str.maketrans({
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"
})  # fmt: skip
_UNTOLD: Final = "OBJECT_ID"


class Grant(Protocol):
    """Something to grant; equal ones are granted once."""

    def commands(self, who: Principal) -> Sequence[str]:
        """Return what to run."""
        ...

    def terraform(self, who: Principal) -> str | None:
        """Return the same in Terraform; None if its provider has no resource for it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleOn:
    """
    A role on scopes of Resource Manager.

    Attributes:
        role: its name.
        scopes: resource ids.
        name: of the resource in Terraform.
    """

    role: str
    scopes: tuple[str, ...]
    name: str

    def commands(self, who: Principal) -> Sequence[str]:
        """Return one command for each scope."""
        several = ["# or once, on a management group above all of these:"]
        return [
            *(several if len(self.scopes) > 1 else []),
            *(_assign(who, self.role, shlex.quote(scope)) for scope in self.scopes),
        ]

    def terraform(self, who: Principal) -> str:
        """Return one resource for all scopes."""
        scopes = ", ".join(map(_hcl, self.scopes))
        if len(self.scopes) == 1:
            return _assignment(self.name, {"scope": scopes}, self.role, who)
        each = {"for_each": f"toset([{scopes}])", "scope": "each.value"}
        return _assignment(self.name, each, self.role, who)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadContainer:
    """
    The role that reads blobs, on one container alone.

    Attributes:
        account: name of the storage account.
        container: there.
    """

    account: str
    container: str

    def commands(self, who: Principal) -> Sequence[str]:
        """Return a command that looks for the account in the subscription that is chosen."""
        found = f"$(az storage account show --name {self.account} --query id --output tsv)"
        # "$(...)" expands within double quotes; the name of a container may have a dollar too.
        container = self.container.replace("$", "\\$")
        scope = f'"{found}/blobServices/default/containers/{container}"'
        return [_assign(who, BLOBS, scope)]

    def terraform(self, who: Principal) -> str:
        """Return a resource on the account, whose id is a variable."""
        variable = f"{_identifier(self.account)}_id"
        below = f"/blobServices/default/containers/{_literal(self.container)}"
        scope = f'"${{var.{variable}}}{below}"'
        declared = f'variable "{variable}" {{\n  description = "id of the storage account"\n}}'
        resource = _assignment(f"ogfd_{self.account}", {"scope": scope}, BLOBS, who)
        return f"{declared}\n\n{resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBilling:
    """The role that reads cost, on a billing scope: a billing account or what lies in one."""

    scope: str

    def commands(self, who: Principal) -> Sequence[str]:
        """Return the request that assigns it, or where a person does so."""
        found = _BILLING.fullmatch(self.scope)
        object_id = who.object_id or _UNTOLD
        by_hand = (
            f"# {self.scope}: in the portal, Cost Management + Billing, open it, Access control "
            f"(IAM), Add: a reader role for {object_id}"
        )
        if found is None:
            return [by_hand]
        account = f"/providers/Microsoft.Billing/billingAccounts/{found['account']}"
        kind = (found["kind"] or "").lower()
        agreement = (
            ":" in found["account"]
        )  # customer agreements have two GUIDs, enrollments a number
        if agreement and kind != "departments":
            place = f"{account}/billingProfiles/{found['part']}" if kind else account
            role = _PROFILE_READER if kind else _ACCOUNT_READER
            url = f"{place}/createBillingRoleAssignment?api-version={_BILLING_API}"
            body = _body(object_id, f"{place}/billingRoleDefinitions/{role}")
            return [_request("post", url, body)]
        if not agreement and kind != "billingprofiles":
            place = f"{account}/departments/{found['part']}" if kind else account
            role = _DEPARTMENT_READER if kind else _ENROLLMENT_READER
            # Of the same name if it is run again: an assignment is made once.
            name = uuid.uuid5(uuid.NAMESPACE_URL, f"{place} {object_id}")
            url = f"{place}/billingRoleAssignments/{name}?api-version={_BILLING_API}"
            definition = f"{account}/billingRoleDefinitions/{role}"
            return [_request("put", url, _body(object_id, definition, who.tenant_id))]
        return [by_hand]

    def terraform(self, who: Principal) -> str | None:  # noqa: ARG002 - as the protocol has it
        """Return None: no provider has a resource for it."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPermission:
    """
    A permission of an API for the app itself, with the consent of an administrator.

    Attributes:
        api: id of the API's application.
        permission: such as ``App.Emission.Read``.
        name: of the resources in Terraform.
    """

    api: str
    permission: str
    name: str

    def commands(self, who: Principal) -> Sequence[str]:
        """Return what adds the permission, then the consent."""
        app = who.app_id or "CLIENT_ID"
        query = f"appRoles[?value=='{self.permission}'].id"
        role = f'$(az ad sp show --id {self.api} --query "{query}" --output tsv)'
        return [
            f"az ad app permission add --id {app} --api {self.api} \\",
            f'  --api-permissions "{role}=Role"',
            f"az ad app permission admin-consent --id {app}",
        ]

    def terraform(self, who: Principal) -> str:
        """Return the assignment, of the provider ``azuread``."""
        source = f"data.azuread_service_principal.{self.name}"
        lines = {
            "app_role_id": f"{source}.app_role_ids[{_hcl(self.permission)}]",
            "principal_object_id": _hcl(who.object_id or _UNTOLD),
            "resource_object_id": f"{source}.object_id",
        }
        return "\n".join(
            (
                f'data "azuread_service_principal" "{self.name}" {{',
                f"  client_id = {_hcl(self.api)}",
                "}",
                "",
                f'resource "azuread_app_role_assignment" "{self.name}" {{',
                _aligned(lines),
                "}",
            )
        )


def read_cost(scopes: Iterable[str]) -> list[Grant]:
    """Return what lets somebody read the costs of *scopes*."""
    billing: list[str] = []
    others: list[str] = []
    for scope in scopes:
        (billing if _BILLING.match(scope) else others).append(scope)
    found: list[Grant] = (
        [RoleOn(role=COST, scopes=tuple(others), name="ogfd_cost")] if others else []
    )
    return [*found, *(ReadBilling(scope=scope) for scope in billing)]


def grant(grants: Iterable[Grant], who: Principal) -> str:
    """Return all *grants*, each once, as commands and as Terraform."""
    found = list(dict.fromkeys(grants))
    blocks = [block for one in found if (block := one.terraform(who)) is not None]
    lines = [line for one in found for line in one.commands(who)]
    if blocks:
        lines += ["", "the same in Terraform:", "\n\n".join(blocks)]
    return "\n".join(lines)


def _assign(who: Principal, role: str, scope: str) -> str:
    if who.object_id is None:
        assignee = f"--assignee {who.app_id or _UNTOLD}"
    else:  # by its object, which needs no right to read the directory
        kind = "ServicePrincipal" if who.name is None else "User"
        assignee = f"--assignee-object-id {who.object_id} --assignee-principal-type {kind}"
    return f'az role assignment create {assignee} --role "{role}" --scope {scope}'


def _assignment(name: str, lines: dict[str, str], role: str, who: Principal) -> str:
    told = {
        **lines,
        "role_definition_name": _hcl(role),
        "principal_id": _hcl(who.object_id or _UNTOLD),
    }
    return "\n".join((f'resource "azurerm_role_assignment" "{name}" {{', _aligned(told), "}"))


def _request(method: str, url: str, body: str) -> str:
    """Return a request to Resource Manager of the cloud that the CLI is signed in to."""
    return f"az rest --method {method} --url {shlex.quote(url)} --body {shlex.quote(body)}"


def _body(object_id: str, definition: str, tenant_id: str | None = None) -> str:
    told = {"principalId": object_id, "principalTenantId": tenant_id}
    told = {name: value for name, value in told.items() if value is not None}
    return json.dumps({"properties": {**told, "roleDefinitionId": definition}})


def _aligned(lines: dict[str, str]) -> str:
    width = max(map(len, lines))
    return "\n".join(f"  {name:<{width}} = {value}" for name, value in lines.items())


def _hcl(text: str) -> str:
    return f'"{_literal(text)}"'


def _literal(text: str) -> str:
    """Return *text* as it stands within quotes of Terraform, which would put values into it."""
    return text.translate(_HCL).replace("${", "$${").replace("%{", "%%{")


def _identifier(text: str) -> str:
    """Return a name of Terraform, which must not begin with a digit."""
    return text if text[:1].isalpha() else f"storage_{text}"
