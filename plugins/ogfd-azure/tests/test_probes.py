"""What ``ogfd check`` finds of costs and of the dashboard."""

import json
import shlex
from datetime import UTC, datetime

import pytest
from ogfd_azure import ogfd_connector
from ogfd_sandbox.azure.seeds import (
    CLIENT_ID,
    CLIENT_SECRET,
    TENANT_ID,
    CostRow,
    DashboardEmission,
)
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel, Secret

OK, WARNING, ERROR = FindingLevel
SCOPE = "/subscriptions/11111111-1111-4111-8111-111111111111"
BILLING = "/providers/Microsoft.Billing/billingAccounts"
MCA = "a:b_2019-05-31"
COST = {"account": "acmecosts", "container": "exports", "prefix": "focus/"}
RUN = "focus/daily/20261101-20261130/r1"
DASHBOARD = {
    "instance_id": TENANT_ID,
    "enrollments": ["e-1"],
    "subscription_key": Secret("sandbox-key"),
}
ASSIGN = (
    f"az role assignment create --assignee-object-id {CLIENT_ID} --assignee-principal-type "
    "ServicePrincipal"
)


def denied(operation, code="AuthorizationFailed", status=403, **keys):
    return Rule(action="status", operation=operation, status=status, code=code, times=99, **keys)


async def check(estate, ctx=None, **keys):
    found = await ogfd_connector().check(estate.config(**keys), ctx or estate.context())
    assert CLIENT_SECRET not in repr(found)
    return found


def manifest(**info):
    """Return the manifest of a run of FOCUS costs."""
    run = {"startDate": "2026-11-01T00:00:00", "endDate": "2026-11-30T00:00:00", "runId": "r1"}
    told = {
        "exportConfig": {
            "exportName": "daily",
            "resourceId": f"{SCOPE}/providers/Microsoft.CostManagement/exports/daily",
            "type": "FocusCost",
            "dataVersion": "1.0",
        },
        "runInfo": {"submittedTime": "2026-11-19T06:00:00Z", **run, **info},
        "blobCount": 0,
        "dataRowCount": 0,
        "blobs": [],
    }
    return json.dumps(told).encode()


async def test_a_run_of_an_export_is_ok(estate):
    """Listed, and its manifest read; only a token for storage is asked for."""
    estate.azure.put_blob("exports", f"{RUN}/manifest.json", manifest())
    _, listing, reading = await check(
        estate, cost=COST | {"blob_endpoint": estate.azure.blob_endpoint}
    )

    assert ("blob:ListBlobs acmecosts/exports/focus/", "1 blobs, 1 runs of exports") == (
        listing.subject,
        listing.message,
    )
    assert "1 months up to 2026-11 can be read" in reading.message
    assert SCOPE in reading.message
    assert 0 == estate.azure.count("Token", "*management.azure.com*")


async def cost(estate):
    return (await check(estate, cost=COST | {"blob_endpoint": estate.azure.blob_endpoint}))[1:]


@pytest.mark.parametrize("operation", ["ListBlobs", "GetBlob"])
async def test_blobs_that_may_not_be_read_want_the_role_on_the_container(estate, operation):
    """The account is found by its name; in Terraform it is a variable."""
    estate.azure.put_blob("exports", f"{RUN}/manifest.json", manifest())
    estate.azure.inject(denied(operation, "AuthorizationPermissionMismatch"))
    found = (await cost(estate))[-1]

    assert (ERROR, ErrorClass.AUTH) == (found.level, found.error_class)
    assert found.grant.splitlines()[0] == (
        f'{ASSIGN} --role "Storage Blob Data Reader" --scope "$(az storage account show --name '
        'acmecosts --query id --output tsv)/blobServices/default/containers/exports"'
    )
    assert 'scope                = "${var.acmecosts_id}/blobServices/' in found.grant


async def test_a_firewall_may_speak_as_a_missing_role_does(estate):
    """Its code is the same; so both are said."""
    estate.azure.create_container("exports")
    estate.azure.inject(denied("ListBlobs", "AuthorizationFailure"))
    (found,) = await cost(estate)

    assert found.grant is not None
    assert "the firewall of the account keeps out this machine" in found.message


async def test_a_firewall_that_says_so_needs_no_role(estate):
    """No grant is printed that would not help."""
    estate.azure.create_container("exports")
    estate.azure.inject(denied("ListBlobs", "AuthorizationSourceIPMismatch"))
    (found,) = await cost(estate)

    assert (ERROR, None) == (found.level, found.grant)
    assert "firewall" in found.message


async def test_an_export_without_a_run_is_pending_and_a_wrong_prefix_is_not(estate):
    """Azure writes the manifest last."""
    estate.azure.put_blob("exports", f"{RUN}/part_0.csv.gz", b"")
    assert (OK, "not published yet: pending") == (
        (await cost(estate))[-1].level,
        (await cost(estate))[-1].message,
    )
    estate.azure.delete_blob("exports", f"{RUN}/part_0.csv.gz")

    found = (await cost(estate))[-1]
    assert (ERROR, ErrorClass.NOT_FOUND, None) == (found.level, found.error_class, found.grant)


async def test_every_scope_of_a_query_is_probed(estate):
    """By one small query each."""
    day = datetime(2026, 11, 3, tzinfo=UTC).date()
    estate.azure.set_cost([CostRow(scope=SCOPE, day=day, cost=1)])
    other = SCOPE.replace("1", "2")
    found = (await check(estate, cost_query={"scopes": [SCOPE, other]}))[1:]

    assert [f"cost_query:Query {SCOPE}", f"cost_query:Query {other}"] == [
        one.subject for one in found
    ]
    assert ["2026-11 can be read", "no cost in 2026-11 yet"] == [one.message for one in found]
    assert 2 == estate.azure.count("CostQuery")


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (SCOPE, f'{ASSIGN} --role "Cost Management Reader" --scope {SCOPE}'),
        (f"{BILLING}/123", f"az rest --method put --url '{BILLING}/123/billingRoleAssignments/"),
        (f"{BILLING}/123/departments/9", "/123/departments/9/billingRoleAssignments/"),
        (f"{BILLING}/{MCA}", f"az rest --method post --url '{BILLING}/{MCA}/createBillingRole"),
        (f"{BILLING}/{MCA}/billingProfiles/P", "/billingProfiles/P/createBillingRoleAssignment?"),
        (f"{BILLING}/123/enrollmentAccounts/2", f"# {BILLING}/123/enrollmentAccounts/2: in the"),
    ],
)
async def test_a_refused_scope_wants_a_role_that_it_knows(estate, scope, said):
    """Billing scopes are no scopes of Azure's roles."""
    estate.azure.inject(denied("CostQuery", "RBACAccessDenied"))
    found = (await check(estate, cost_query={"scopes": [scope]}))[-1]

    assert ErrorClass.AUTH is found.error_class
    command, _, body = found.grant.splitlines()[0].partition(" --body ")
    assert said in command
    if body:
        (text,) = shlex.split(body)
        told = json.loads(text)["properties"]
        assert CLIENT_ID == told["principalId"]
        assert told["roleDefinitionId"].startswith("/providers/Microsoft.Billing/billingAccounts/")
        assert "azurerm" not in found.grant


async def test_a_billing_account_that_hides_its_cost_needs_no_role(estate):
    """Its owner has to change the policy."""
    estate.azure.inject(denied("CostQuery", "AccountCostDisabled"))
    found = (await check(estate, cost_query={"scopes": [SCOPE]}))[-1]

    assert (ErrorClass.AUTH, None) == (found.error_class, found.grant)


async def dashboard(estate, **keys):
    table = DASHBOARD | {"endpoint": estate.azure.dashboard_endpoint} | keys
    return (await check(estate, emissions_dashboard=table))[1:]


async def test_an_enrollment_is_probed(estate):
    """Whether there are records or none."""
    record = DashboardEmission(
        subscription_id=SCOPE.rpartition("/")[2],
        subscription_name="Production",
        month="2021-08",
        service="Storage",
        sub_service="Tables",
        region="east us",
        scope="Scope1",
        tonnes=1,
    )
    estate.azure.set_dashboard("e-1", [record])
    assert [(OK, "can be read")] == [(one.level, one.message) for one in await dashboard(estate)]

    estate.azure.set_dashboard("e-1", [])
    assert ["nothing published: pending"] == [one.message for one in await dashboard(estate)]


async def test_a_wrong_key_needs_no_permission_and_a_missing_permission_is_printed(estate):
    """The API wants both."""
    estate.azure.set_dashboard("e-1", [])
    (found,) = await dashboard(estate, subscription_key=Secret("other"))
    assert (ErrorClass.AUTH, None) == (found.error_class, found.grant)
    assert "check subscription_key" in found.message

    estate.azure.inject(denied("DashboardEmissions", "403"))
    (found,) = await dashboard(estate)
    assert "appRoles[?value=='App.Emission.Read'].id" in found.grant
    assert f"az ad app permission admin-consent --id {CLIENT_ID}" in found.grant
    assert 'resource "azuread_app_role_assignment" "ogfd_dashboard" {' in found.grant
