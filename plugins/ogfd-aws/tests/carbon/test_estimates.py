"""One result of the service, read."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from ogfd_aws.carbon.estimates import EMISSIONS_TYPES, TOTAL_LBM, parse

from ogfd.plugin import FatalError

RESULT = {
    "TimePeriod": {
        "Start": datetime(2026, 8, 1, tzinfo=UTC),
        "End": datetime(2026, 9, 1, tzinfo=UTC),
    },
    "DimensionsValues": {"USAGE_ACCOUNT_ID": "012345678901", "REGION": "eu-west-1"},
    "ModelVersion": "v3.0.0",
    "EmissionsValues": {TOTAL_LBM: {"Value": 0.25, "Unit": "MTCO2e"}},
}


def emissions(**amount):
    values = {TOTAL_LBM: {"Value": 0.25, "Unit": "MTCO2e"} | amount}
    return RESULT | {"EmissionsValues": values}


@pytest.mark.parametrize(
    ("tons", "kilograms"),
    [
        (0.25, "250"),
        (1e-06, "0.001"),
        (0.1 + 0.2, "300.00000000000004"),
        (0.0, "0"),
        (123456.654321, "123456654.321"),
        (3, "3000"),
    ],
)
def test_metric_tons_become_kilograms(tons, kilograms):
    """By the decimal digits that the service sent, not by those of a binary product."""
    assert {TOTAL_LBM: Decimal(kilograms)} == parse(emissions(Value=tons)).kg


@pytest.mark.parametrize("unit", ["kgCO2e", "MTCO2", "", None])
def test_an_unknown_unit_is_fatal(unit):
    """A guess could be off by a thousand."""
    with pytest.raises(FatalError, match=r"unit .* not known"):
        parse(emissions(Unit=unit))


def test_a_result_that_is_none_is_fatal():
    """The SDK gives null for what is null."""
    with pytest.raises(FatalError, match="empty"):
        parse(None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e15])
def test_a_number_that_is_none_is_fatal(value):
    """It would poison every sum."""
    with pytest.raises(FatalError, match="no finite number"):
        parse(emissions(Value=value))


def test_what_is_not_reported_is_absent():
    """Null is not zero: neither for a type that is left out, nor for a value that is."""
    kinds = {kind: {"Unit": "MTCO2e"} for kind in EMISSIONS_TYPES[1:3]}
    found = parse(RESULT | {"EmissionsValues": RESULT["EmissionsValues"] | kinds})

    assert {TOTAL_LBM} == found.kg.keys()
    assert {} == parse(RESULT | {"EmissionsValues": {}}).kg


@pytest.mark.parametrize("hours", [-8, 0, 14])
def test_the_month_is_that_of_utc(hours):
    """The SDK gives times in the zone of the machine, where it may be the month before."""
    local = RESULT["TimePeriod"]["Start"].astimezone(timezone(timedelta(hours=hours)))
    found = parse(RESULT | {"TimePeriod": {"Start": local, "End": local}})

    assert ("2026-08-01", UTC) == (f"{found.start:%Y-%m-%d}", found.start.tzinfo)


@pytest.mark.parametrize("name", RESULT)
def test_a_result_without_a_part_is_fatal(name):
    """All parts are required, says the model of the service; the SDK does not enforce it."""
    with pytest.raises(FatalError, match=f"lacks {name}"):
        parse({key: value for key, value in RESULT.items() if key != name})


def test_an_empty_dimension_is_none():
    """Empty text is the absence of a value."""
    found = parse(RESULT | {"DimensionsValues": {"REGION": "", "SERVICE": "AmazonEC2"}})

    assert {"SERVICE": "AmazonEC2"} == found.dimensions
