"""What ``ogfd check`` finds."""

import json
import shlex
from datetime import UTC, datetime

import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.directory import ending
from ogfd_azure.tokens import Tokens
from ogfd_sandbox.azure.footprint import footprint, subscriptions
from ogfd_sandbox.azure.seeds import (
    CLIENT_ID,
    CLIENT_SECRET,
    TENANT_ID,
    CostRow,
    DashboardEmission,
)
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel, Parked, Response, Secret
from ogfd.testing import FakeContext

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


async def carbon(estate, **options):
    return await check(estate, estate.context(**options), carbon={})


@pytest.fixture
def made(estate):
    """Three subscriptions with emissions from August to October; today is the 20th of November."""
    found = footprint(7, [Month(2026, month) for month in (8, 9, 10)])
    found.publish(estate.azure)
    return found


def ids(made):
    return sorted(one.subscription_id for one in made.subscriptions)


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


async def test_readable_emissions_are_ok(estate, made):
    """Who signs in, what is visible, from when to when, and that the newest month can be read."""
    identity, visible, months, reports = await carbon(estate)

    assert [OK] * 4 == [one.level for one in (identity, visible, months, reports)]
    assert "login:Token" == identity.subject
    assert f"app {CLIENT_ID}, object {CLIENT_ID}, in tenant {TENANT_ID}" == identity.message
    assert f"3 visible: {', '.join(ids(made))}" == visible.message
    assert "2026-08 to 2026-10" == months.message
    assert "2026-10 of 3 subscriptions can be read" == reports.message


async def test_a_denied_subscription_comes_with_the_command_that_mends_it(estate, made):
    """The answer is a success, and the denial stands inside it."""
    name = ids(made)[1]
    estate.azure.set_carbon(made.items, denied={name: "no role"})
    reports = (await carbon(estate))[-1]

    assert (ERROR, ErrorClass.AUTH) == (reports.level, reports.error_class)
    assert f"Azure denies the emissions of {name}: no role" in reports.message
    command, *terraform = reports.grant.splitlines()
    assert f'{ASSIGN} --role "Carbon Optimization Reader" --scope /subscriptions/{name}' == command
    assert [
        "",
        "the same in Terraform:",
        'resource "azurerm_role_assignment" "ogfd_carbon" {',
        f'  scope                = "/subscriptions/{name}"',
        '  role_definition_name = "Carbon Optimization Reader"',
        f'  principal_id         = "{CLIENT_ID}"',
        "}",
    ] == terraform


async def test_every_batch_of_subscriptions_is_probed(estate):
    """A hundred are asked for at once; nobody of the others may be passed over."""
    many = subscriptions(5, 101)
    estate.azure.set_subscriptions(many)
    last = max(one.subscription_id for one in many)
    estate.azure.set_carbon([], denied=[last], available=("2026-10", "2026-10"))
    visible, *_, reports = (await carbon(estate))[1:]

    assert visible.message.endswith("and 81 more")
    assert f"denies the emissions of {last}: " in reports.message


async def test_subscriptions_left_out_on_purpose_are_named_and_need_no_role(estate, made):
    """One that is denied and not left out stays an error."""
    first, *others = ids(made)
    estate.azure.set_carbon(made.items, denied=[first])
    found = await carbon(estate, selects=lambda account: account != first)

    assert ("subscriptions left out", OK, f"on purpose, by accounts: {first}") == (
        found[2].subject,
        found[2].level,
        found[2].message,
    )
    assert "2026-10 of 2 subscriptions can be read" == found[-1].message
    assert len(others) == 2


async def test_a_refused_report_wants_the_role_on_every_subscription(estate, made):
    """One command each, or once above them."""
    estate.azure.inject(denied("CarbonReport"))
    reports = (await carbon(estate))[-1]

    commands = reports.grant.partition("\n\n")[0].splitlines()
    assert "# or once, on a management group above all of these:" == commands[0]
    assert [f"/subscriptions/{one}" for one in ids(made)] == [
        shlex.split(one)[-1] for one in commands[1:]
    ]
    assert "for_each             = toset([" in reports.grant


async def test_nothing_visible_is_an_error(estate):
    """A run would read nothing and call that a success."""
    visible = (await carbon(estate))[-1]

    assert (ERROR, ErrorClass.AUTH) == (visible.level, visible.error_class)
    assert "--scope /subscriptions/SUBSCRIPTION_ID" in visible.grant


async def test_subscriptions_that_are_configured_need_not_be_visible(estate, made):
    """A role of one action may not show them."""
    estate.azure.inject(
        Rule(action="status", operation="ListSubscriptions", status=200, body='{"value": []}')
    )
    found = await check(estate, carbon={}, subscriptions=ids(made)[:2])

    assert [OK] * 4 == [one.level for one in found]
    assert "2026-10 of 2 subscriptions can be read" == found[-1].message


async def test_months_are_reckoned_where_they_may_not_be_asked_for(estate, made):
    """The role has no action for that question."""
    estate.azure.inject(denied("CarbonDateRange"))
    months, reports = (await carbon(estate))[-2:]

    assert (OK, None) == (months.level, months.grant)
    assert "2025-11 to 2026-10 by the calendar, as the role does not let it be asked" == (
        months.message
    )
    assert OK is reports.level


async def test_nothing_published_is_pending(estate):
    """A new directory has no emissions yet."""
    estate.azure.set_subscriptions(subscriptions(5, 2))
    months = (await carbon(estate))[-1]

    assert (OK, "nothing published: pending") == (months.level, months.message)


async def test_a_month_not_published_yet_is_pending(estate, made):
    """Azure has until the 19th."""
    found = await carbon(estate, now=datetime(2026, 12, 2, tzinfo=UTC))
    (pending,) = (one for one in found if one.subject == "carbon of 2026-11")

    assert (OK, "not published yet: pending; Azure publishes by 2026-12-20") == (
        pending.level,
        pending.message,
    )


async def test_months_that_azure_keeps_no_more_are_named_with_what_else_there_is(estate, made):
    """If somebody wants them."""
    (gone,) = (
        one for one in await carbon(estate, starts={"carbon": "2024-01"}) if one.level is WARNING
    )
    assert "Azure keeps twelve months: 2024-01 to 2026-07 can no longer be had" in gone.message
    assert "emissions_dashboard" in gone.message

    levels = {one.level for one in await carbon(estate, starts={"carbon": "2026-08"})}
    assert {OK} == levels


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"client_secret": Secret("wrong")}, "AADSTS7000215: Invalid client secret"),
        ({"tenant_id": "other.onmicrosoft.com"}, "AADSTS90002: Tenant 'other.onmicrosoft.com'"),
        ({"client_id": SCOPE.rpartition("/")[2]}, "AADSTS700016: Application with identifier"),
    ],
)
async def test_a_refused_sign_in_is_one_finding_without_a_grant(estate, keys, said):
    """No role helps somebody whom the directory does not let in; nothing else is probed."""
    (found,) = await check(estate, carbon={}, cost=COST, **keys)

    assert ("credentials", ERROR, ErrorClass.AUTH, None) == (
        found.subject,
        found.level,
        found.error_class,
        found.grant,
    )
    assert said in found.message


async def test_a_login_service_that_is_down_is_no_wrong_credential(estate):
    """azure-identity calls both by one name."""
    estate.azure.inject(Rule(action="status", operation="Token", status=503, code="90033"))
    (found,) = await check(estate, carbon={})

    assert ErrorClass.TRANSIENT is found.error_class


@pytest.mark.parametrize("ask", ["check", "discover"])
async def test_a_login_service_that_asks_for_a_long_wait_is_one_finding(estate, ask):
    """The wait is too long to sleep through, and nothing else can be told until then."""

    async def parked(call):
        raise Parked(
            "login:Token: asked to wait 300 s",
            next_due=datetime(2026, 11, 20, 0, 5, tzinfo=UTC),
            error_class=ErrorClass.TRANSIENT,
        )

    asked = getattr(ogfd_connector(), ask)
    (found,) = await asked(estate.config(carbon={}), estate.context(before=parked))

    assert ("credentials", ErrorClass.TRANSIENT) == (found.subject, found.error_class)


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


async def test_all_that_is_missing_is_one_grant(estate, made):
    """Printed once, however many streams miss something."""
    estate.azure.create_container("exports")
    estate.azure.inject(
        denied("ListBlobs", "AuthorizationPermissionMismatch"),
        denied("CarbonReport"),
    )
    table = COST | {"blob_endpoint": estate.azure.blob_endpoint}
    missing = [one for one in await check(estate, carbon={}, cost=table) if one.grant]

    assert 2 == len(missing)
    (grant,) = {one.grant for one in missing}
    assert "Carbon Optimization Reader" in grant
    assert "Storage Blob Data Reader" in grant


async def test_without_streams_there_is_nothing_to_probe(estate):
    """It says what to add."""
    (found,) = await check(estate)

    assert WARNING is found.level
    assert 0 == estate.azure.count()


async def ends(estate, **keys):
    keys = {"graph_endpoint": estate.azure.url} | keys
    found = await check(estate, carbon={}, **keys)
    return [one for one in found if one.subject.startswith("end of")]


@pytest.mark.parametrize(
    ("until", "level", "said"),
    [
        ("2027-05-01T00:00:00Z", OK, "2027-05-01"),
        ("2026-12-01T00:00:00.1234567Z", WARNING, "2026-12-01; make a new one"),
    ],
)
async def test_the_directory_may_tell_when_the_secret_ends(estate, made, until, level, said):
    """Of several, those that begin with other letters or have ended are not the one in use."""
    secrets = [
        ("other-secret", "2026-11-25T00:00:00Z"),
        (CLIENT_SECRET, "2026-11-01T00:00:00Z"),
        (CLIENT_SECRET, until),
        (CLIENT_SECRET, "2028-01-01T00:00:00Z"),
    ]
    estate.azure.set_directory(CLIENT_ID, secrets=secrets)
    (found,) = await ends(estate)

    assert ("end of the client secret", level, said) == (found.subject, found.level, found.message)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (None, "with the permission Application.Read.All"),
        (denied("GetApplication", "Request_ResourceNotFound", 404), "does not tell"),
        (denied("GetApplication", "ServiceUnavailable", 503), "does not tell"),
        (Rule(action="html", operation="GetApplication"), "does not tell"),
    ],
)
async def test_a_directory_that_does_not_tell_is_no_error(estate, made, rule, said):
    """Nothing else needs that permission."""
    if rule is not None:
        estate.azure.inject(rule)
    (found,) = await ends(estate)

    assert (OK, None) == (found.level, found.grant)
    assert said in found.message


async def test_the_end_is_not_asked_for_where_there_is_none_to_know(estate, made):
    """The directory of the cloud knows nothing of a login service elsewhere."""
    assert [] == await ends(estate, graph_endpoint=None)
    assert 0 == estate.azure.count("GetApplication")


async def test_a_certificate_ends_too(estate, desk_of):
    """The directory has no letters of it: the earliest that is good still counts."""
    told = {"keyCredentials": [{"endDateTime": f"2027-0{month}-01T00:00:00Z"} for month in (5, 3)]}
    body = json.dumps(told).encode()
    ctx = FakeContext(
        respond=lambda request: Response(status=200, headers={}, body=body, url=request.url),
        now=datetime(2026, 11, 20, tzinfo=UTC),
    )
    config = estate.config(
        auth="certificate", certificate=Secret("PEM"), client_secret=None, authority=None
    )
    async with Tokens(ctx, desk_of(3600)) as tokens:
        found = await ending(ctx, config, tokens)

    assert ("end of the certificate", OK, "2027-03-01") == (
        found.subject,
        found.level,
        found.message,
    )
    (asked,) = ctx.requests
    assert asked.url.startswith(
        f"https://graph.microsoft.com/v1.0/applications(appId='{CLIENT_ID}')"
    )
