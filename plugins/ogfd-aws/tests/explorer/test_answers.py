"""What is no answer of Cost Explorer is refused, not guessed."""

from decimal import Decimal

import pytest
from ogfd_aws.explorer.answers import account_names, costs

from ogfd.plugin import FatalError


def money(amount="1.5", unit="USD"):
    return {"Amount": amount, "Unit": unit}


def answer(*, time=None, metrics=None, keys=("Amazon S3",), **result):
    whole = {"UnblendedCost": money(), "AmortizedCost": money()} | (metrics or {})
    return {
        "ResultsByTime": [
            {
                "TimePeriod": time or {"Start": "2026-10-01", "End": "2026-10-02"},
                "Groups": [{"Keys": list(keys), "Metrics": whole}],
                "Total": {},
                **result,
            }
        ]
    }


def test_amounts_are_exact():
    """As they are written, in scientific notation too."""
    told = answer(metrics={"UnblendedCost": money("1E-7"), "AmortizedCost": money("-0.1000000001")})
    (found,) = costs(told, groups=1)

    assert (Decimal("0.0000001"), Decimal("-0.1000000001")) == (found.unblended, found.amortised)
    assert (("Amazon S3",), "USD", False) == (found.keys, found.currency, found.estimated)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"metrics": {"AmortizedCost": {}}}, "AmortizedCost of .* no number"),
        ({"metrics": {"UnblendedCost": money("lots")}}, "'lots', which is no number"),
        ({"metrics": {"UnblendedCost": money("NaN")}}, "no number below"),
        ({"metrics": {"UnblendedCost": money("-1E+15")}}, "no number below"),
        ({"metrics": {"UnblendedCost": money("1E+400")}}, "no number below"),
        ({"metrics": {"UnblendedCost": "1"}}, "no object"),
        ({"metrics": {"UnblendedCost": money(unit="N/A")}}, "without a currency"),
        ({"metrics": {"UnblendedCost": money(unit="CNY")}}, "comes in CNY and USD"),
        ({"keys": ()}, r"has the keys \(\); asked for 1"),
        ({"keys": ("a", "b")}, r"has the keys \('a', 'b'\); asked for 1"),
        ({"keys": (None,)}, r"has the keys \(None,\); asked for 1"),
        ({"Groups": [None, "x"]}, "keys|no object"),
        ({"Groups": ["x"]}, "no object"),
        ({"time": {"Start": "2026-10-01"}}, "the time"),
        ({"time": {"Start": "October", "End": "November"}}, "the time"),
        ({"time": {"Start": "2026-10-02", "End": "2026-10-02"}}, "the time"),
    ],
)
def test_a_part_that_cannot_be_read_is_fatal(told, message):
    """The whole month is then in doubt."""
    with pytest.raises(FatalError, match=message):
        list(costs(answer(**told), groups=1))


def test_an_answer_without_groups_has_totals():
    """With groups its total is empty, without them the groups are."""
    whole = {"UnblendedCost": money("3"), "AmortizedCost": money("2")}
    (found,) = costs(answer(Groups=[], Total=whole, Estimated=True), groups=0)

    assert ((), Decimal(3), Decimal(2), True) == (
        found.keys, found.unblended, found.amortised, found.estimated,
    )  # fmt: skip
    with pytest.raises(FatalError, match="UnblendedCost"):
        list(costs(answer(Groups=[]), groups=0))
    assert [] == list(costs(answer(Groups=[]), groups=1))


@pytest.mark.parametrize("groups", [[], None])
def test_a_total_in_place_of_the_groups_is_no_empty_month(groups):
    """Money would be lost; a total of nothing is none."""
    for amount, unit in (("5", "USD"), ("5", "N/A")):
        with pytest.raises(FatalError, match="not the groups that were asked for"):
            list(
                costs(answer(Groups=groups, Total={"UnblendedCost": money(amount, unit)}), groups=1)
            )
    assert [] == list(costs(answer(Groups=groups, Total={"UnblendedCost": money("0")}), groups=1))


def test_accounts_are_named_where_they_have_a_name():
    """Everything about it is optional."""
    told = [
        {"Value": "1", "Attributes": {"description": "payer"}},
        {"Value": "2", "Attributes": {}},
        {"Value": "3"},
    ]

    assert {"1": "payer"} == account_names({"DimensionValueAttributes": told})
    assert {} == account_names({})
