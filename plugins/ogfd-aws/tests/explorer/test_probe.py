"""What ``ogfd check`` finds about Cost Explorer."""

from datetime import UTC, datetime

from ogfd_aws import ogfd_connector
from ogfd_sandbox.explorer import publish
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel, Parked

OK, WARNING, ERROR = FindingLevel


async def found(counter, ctx=None):
    """Return what was found about Cost Explorer itself."""
    findings = await ogfd_connector().check(counter.config(), ctx or counter.shop.context())
    (finding,) = [each for each in findings if each.subject == "ce:GetCostAndUsage"]
    return finding


def denied(message):
    return Rule(
        action="status", operation="GetCostAndUsage", status=400, code="AccessDeniedException",
        message=message, times=9,
    )  # fmt: skip


async def test_the_probe_says_what_it_cost(counter, october):
    """The current month's total, by one request."""
    finding = await found(counter)

    assert (OK, "2026-11 so far: 0 USD; this check cost 0.01 USD") == (
        finding.level,
        finding.message,
    )
    assert 1 == counter.asked() == counter.asked("2026-11-01/2026-12-01 MONTHLY - 1")


async def test_a_missing_permission_comes_with_the_grant(counter):
    """The one action, on everything."""
    counter.server.inject(denied("User: x is not authorized to perform: ce:GetCostAndUsage"))
    finding = await found(counter)

    assert (ERROR, ErrorClass.AUTH) == (finding.level, finding.error_class)
    assert '"Action": "ce:GetCostAndUsage"' in finding.grant


async def test_cost_explorer_that_is_not_enabled_wants_no_grant(counter):
    """A policy would not help."""
    counter.server.inject(denied("User not enabled for cost explorer access"))
    finding = await found(counter)

    assert (ERROR, None) == (finding.level, finding.grant)
    assert "open Cost Explorer once in the Billing console" in finding.message


async def test_no_data_yet_is_pending(counter):
    """AWS needs a day."""
    publish(counter.server, [])
    finding = await found(counter)

    assert (OK, True) == (finding.level, "pending" in finding.message)


async def test_a_budget_that_is_spent_is_not_passed_by_a_check(counter):
    """It is a warning: whether it would work is not known."""
    ctx = counter.shop.context()

    async def before(call):
        if call.operation == "ce:GetCostAndUsage":
            raise Parked("the budget is spent", next_due=datetime(2026, 12, 1, tzinfo=UTC))

    ctx.before = before
    finding = await found(counter, ctx)

    assert (WARNING, "the budget is spent") == (finding.level, finding.message)
    assert 0 == counter.asked()
