"""What ``ogfd check`` finds."""

import shlex
from datetime import UTC, datetime

import pytest
from ogfd_azure import ogfd_connector
from ogfd_sandbox.azure.footprint import footprint, subscriptions
from ogfd_sandbox.azure.seeds import (
    CLIENT_ID,
    CLIENT_SECRET,
    TENANT_ID,
)
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel, Parked, Secret

OK, WARNING, ERROR = FindingLevel
SCOPE = "/subscriptions/11111111-1111-4111-8111-111111111111"
COST = {"account": "acmecosts", "container": "exports", "prefix": "focus/"}
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
