"""What ``ogfd check --discover`` suggests."""

import pytest
from ogfd_azure import ogfd_connector
from ogfd_sandbox.azure.footprint import subscriptions
from ogfd_sandbox.azure.seeds import BillingAccount, Export
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel

OK, WARNING, ERROR = FindingLevel
FIRST, SECOND = (f"/subscriptions/{one.subscription_id}" for one in subscriptions(5, 2))
ENROLLMENT = "/providers/Microsoft.Billing/billingAccounts/1234567"
MCA = "a:b_2019-05-31"
PROFILE = f"/providers/Microsoft.Billing/billingAccounts/{MCA}/billingProfiles/P"


def export(name, scope=FIRST, **keys):
    return Export(**{"scope": scope.strip("/"), "name": name, "directory": "costs"} | keys)


@pytest.fixture
def told(estate):
    """Two subscriptions are visible; returns what has exports shown."""
    estate.azure.set_subscriptions(subscriptions(5, 2))
    return lambda *exports: estate.azure.set_exports(exports)


async def discover(estate, ctx=None, **keys):
    return await ogfd_connector().discover(estate.config(**keys), ctx or estate.context())


def suggestions(found):
    return {name: table for one in found for name, table in (one.suggestion or {}).items()}


def about(found, subject):
    return [one for one in found if one.subject == subject]


async def test_an_export_becomes_a_suggestion_that_is_a_configuration(estate, told):
    """As it stands, below the connector's other keys."""
    told(export("daily", data_version="1.2"))
    found = await discover(estate)

    made = suggestions(found)
    assert {"account": "acmecosts", "container": "exports", "prefix": "costs/daily/"} == made[
        "cost"
    ]
    assert "costs/daily/" == estate.config(**made).cost.prefix
    (described,) = about(found, "export daily")
    assert OK is described.level
    what = f"FOCUS 1.2 of {FIRST}, Csv, gzip, daily, month to date"
    assert f"{what}, in acmecosts/exports/costs" == described.message


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (("amortised", "actual", "focus10", "focus12"), "focus12"),
        (("amortised", "actual", "focus10"), "focus10"),
        (("amortised", "actual"), "actual"),
        (("off", "actual"), "actual"),
        (("lastmonth", "actual"), "actual"),
        (("elsewhere", "focus10"), "elsewhere"),
        (("focus12", "wide"), "wide"),
        (("prices", "actual"), "actual"),
    ],
)
async def test_of_several_the_best_is_suggested_and_never_two(estate, told, names, best):
    """They have the same costs: two would count double."""
    estate.azure.set_billing_accounts([BillingAccount(account_id="1234567", name="Acme")])
    known = {
        "focus12": export("focus12", data_version="1.2"),
        "focus10": export("focus10"),
        "actual": export("actual", dataset="ActualCost"),
        "amortised": export("amortised", dataset="AmortizedCost"),
        "off": export("off", status="Inactive"),
        "lastmonth": export("lastmonth", timeframe="TheLastMonth", recurrence="Monthly"),
        "elsewhere": export("elsewhere", container="others"),
        "wide": export("wide", ENROLLMENT),
        "prices": export("prices", dataset="PriceSheet"),
    }
    told(*(known[name] for name in names))
    found = await discover(estate)

    assert f"costs/{best}/" == suggestions(found)["cost"]["prefix"]
    costs = [name for name in names if name != "prices"]
    warned = [one.message for one in about(found, "stream cost") if one.level is WARNING]
    if len(costs) == 1:
        assert [] == warned
        assert about(found, "export prices")[0].message.endswith("not read by ogfd")
    else:
        assert [True] * len(costs) == [name in warned[0] for name in costs]
        assert f"{best} is suggested" in warned[0]


async def test_exports_of_two_subscriptions_do_not_overlap(estate, told):
    """One is suggested, and how to have the other one."""
    told(export("one"), export("two", SECOND))
    found = await discover(estate)

    assert [OK, OK] == [one.level for one in about(found, "stream cost")]
    assert f"two of {SECOND} may have other costs" in about(found, "stream cost")[1].message


async def test_one_that_does_not_bring_the_current_month_says_so(estate, told):
    """Why it is not suggested."""
    told(export("lastmonth", timeframe="TheLastMonth", recurrence="Monthly", status="Inactive"))
    (described,) = about(await discover(estate), "export lastmonth")

    assert WARNING is described.level
    assert "monthly, the last month" in described.message
    assert "its schedule is off; nothing brings the current month" in described.message


async def test_exports_of_the_same_costs_are_read_together(estate, told):
    """By day, and of the last month: the newest run of a month counts."""
    last = export("closing", timeframe="TheLastMonth", recurrence="Monthly")
    told(export("daily"), last)
    found = await discover(estate)

    assert "costs/" == suggestions(found)["cost"]["prefix"]
    assert {OK} == {one.level for one in found}

    told(export("daily"), last, export("actual", dataset="ActualCost"))
    found = await discover(estate)
    assert "costs/daily/" == suggestions(found)["cost"]["prefix"]


async def test_exports_of_billing_profiles_are_found(estate, told):
    """A customer agreement often has them there."""
    account = BillingAccount(account_id=MCA, name="Acme", profiles=("P",))
    estate.azure.set_billing_accounts([account])
    told(export("all", PROFILE))

    assert "costs/all/" == suggestions(await discover(estate))["cost"]["prefix"]
    assert 4 == estate.azure.count("ListExports")


async def test_what_is_configured_is_not_suggested_again(estate, told):
    """It is recognised where it is."""
    told(export("daily"), export("other", dataset="ActualCost"))
    table = {"account": "acmecosts", "container": "exports", "prefix": "costs/daily/"}
    found = await discover(estate, cost=table, carbon={})

    assert {} == suggestions(found)
    assert about(found, "export daily")[0].message.endswith("; configured")
    assert "configured" not in about(found, "export other")[0].message
    assert "one is configured" in about(found, "stream cost")[0].message


async def test_without_an_export_it_says_how_to_make_one(estate, told):
    """And which subscriptions have emissions to read."""
    found = await discover(estate)

    (cost,) = about(found, "stream cost")
    assert WARNING is cost.level
    assert "Cost Management, Exports, Create" in cost.message
    assert {"carbon": {}} == suggestions(found)
    assert "2 subscriptions" in about(found, "stream carbon")[0].message


async def test_a_configured_export_need_not_be_visible_and_the_answer_is_not_silence(estate, told):
    """To read blobs needs no role of Cost Management; to list exports does."""
    table = {"account": "acmecosts", "container": "exports", "prefix": "costs/daily/"}
    (found,) = await discover(estate, cost=table, carbon={})

    assert ("stream cost", OK) == (found.subject, found.level)
    assert "no cost export is visible; one is configured" == found.message


async def test_subscriptions_that_are_not_configured_are_named(estate, told):
    """Somebody may have forgotten one."""
    found = await discover(estate, carbon={}, subscriptions=[FIRST.rpartition("/")[2]])

    (carbon,) = about(found, "stream carbon")
    assert f"visible, and not in subscriptions: {SECOND.rpartition('/')[2]}" == carbon.message


async def test_a_refused_listing_wants_the_role_and_no_export_is_missed_in_silence(estate, told):
    """That none is there cannot be said then."""
    told(export("one"))
    estate.azure.inject(
        Rule(
            action="status",
            operation="ListExports",
            key=SECOND.strip("/"),
            status=403,
            code="AuthorizationFailed",
        )
    )
    found = await discover(estate)

    (refused,) = about(found, "arm:ListExports")
    assert (ERROR, ErrorClass.AUTH) == (refused.level, refused.error_class)
    assert f'--role "Cost Management Reader" --scope {SECOND}\n' in refused.grant
    assert "cost" in suggestions(found)


async def test_contracts_without_exports_are_passed_over(estate, told):
    """Azure calls them not found, or not supported."""
    estate.azure.inject(
        Rule(action="status", operation="ListExports", status=404, code="NotFound"),
        Rule(action="status", operation="ListExports", first=2, status=400, code="BadRequest"),
    )
    found = await discover(estate)

    assert [] == [one for one in found if one.level is ERROR]


async def test_billing_accounts_that_cannot_be_seen_are_no_error(estate, told):
    """Most identities see none."""
    estate.azure.inject(
        Rule(
            action="status",
            operation="ListBillingAccounts",
            status=403,
            code="AuthorizationFailed",
        )
    )
    (said,) = about(await discover(estate), "arm:ListBillingAccounts")

    assert (OK, None) == (said.level, said.grant)


async def test_listings_that_are_not_as_documented_break_nothing(estate, told):
    """What has no name is passed over; what has one is still found."""
    told(export("daily"))
    accounts = b'{"value": [1, {"properties": {"billingProfiles": {"value": "x"}}}]}'
    estate.azure.inject(
        Rule(action="status", operation="ListBillingAccounts", status=200, body=accounts.decode()),
        Rule(
            action="status",
            operation="ListExports",
            key=SECOND.strip("/"),
            status=200,
            body='{"value": [1, {}, {"name": null}]}',
        ),
    )
    found = await discover(estate)

    assert ["export daily"] == [one.subject for one in found if one.subject[:7] == "export "]
    assert "cost" in suggestions(found)


async def test_subscriptions_left_out_are_not_looked_into(estate, told):
    """Nobody wants their costs."""
    told(export("one"))
    ctx = estate.context(selects=lambda account: account not in FIRST)
    found = await discover(estate, ctx)

    assert "cost" not in suggestions(found)
    assert 1 == estate.azure.count("ListExports")


async def test_refused_credentials_are_one_finding(estate):
    """Nothing can be looked for."""
    estate.azure.inject(Rule(action="status", operation="Token", status=401, code="7000222"))
    (found,) = await discover(estate)

    assert ("credentials", ErrorClass.AUTH) == (found.subject, found.error_class)
    assert "has expired" in found.message
