"""Amortised cost, against an independent query."""

import csv
import gzip
import io
import random
from decimal import Decimal

import duckdb
import pytest

# CASE as in summary_view.sql of aws-samples/aws-cudos-framework-deployment
CUDOS = """
SELECT sum(CASE
    WHEN type = 'SavingsPlanCoveredUsage' THEN sp_effective::DECIMAL(38, 18)
    WHEN type = 'SavingsPlanRecurringFee'
        THEN sp_commitment::DECIMAL(38, 18) - sp_used::DECIMAL(38, 18)
    WHEN type = 'SavingsPlanNegation' THEN 0
    WHEN type = 'SavingsPlanUpfrontFee' THEN 0
    WHEN type = 'DiscountedUsage' THEN ri_effective::DECIMAL(38, 18)
    WHEN type = 'RIFee' THEN ri_upfront::DECIMAL(38, 18) + ri_recurring::DECIMAL(38, 18)
    WHEN type = 'Fee' AND arn <> '' THEN 0
    WHEN type = 'Refund' AND code = 'ComputeSavingsPlans' THEN 0
    ELSE cost::DECIMAL(38, 18) END), type
FROM lines GROUP BY type
"""
NAMES = {
    "type": "lineItem/LineItemType",
    "code": "lineItem/ProductCode",
    "cost": "lineItem/UnblendedCost",
    "arn": "reservation/ReservationARN",
    "ri_effective": "reservation/EffectiveCost",
    "ri_upfront": "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    "ri_recurring": "reservation/UnusedRecurringFee",
    "sp_effective": "savingsPlan/SavingsPlanEffectiveCost",
    "sp_commitment": "savingsPlan/TotalCommitmentToDate",
    "sp_used": "savingsPlan/UsedCommitment",
}
TYPES = [
    "Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "Refund",
    "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "RIFee", "Fee", "Tax", "Credit",
    "EdpDiscount", "BundledDiscount",
]  # fmt: skip


def lines(count):
    dice = random.Random(7)
    return [
        {
            NAMES["type"]: dice.choice(TYPES),
            NAMES["code"]: dice.choice(["AmazonEC2", "ComputeSavingsPlans"]),
            NAMES["arn"]: dice.choice(["", "arn:aws:ec2:reserved/1"]),
            **{
                header: f"{dice.uniform(-2, 9):.10f}"
                for name, header in NAMES.items()
                if name not in {"type", "code", "arn"}
            },
        }
        for _ in range(count)
    ]


def test_effective_cost_is_what_the_query_of_cudos_gives(read, write):
    """By line type, exactly."""
    content = write(lines(600))
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))
    with duckdb.connect() as db:
        columns = ", ".join(f"{name} VARCHAR" for name in NAMES)
        db.execute(f"CREATE TABLE lines ({columns})")
        db.executemany(
            f"INSERT INTO lines VALUES ({', '.join('?' * len(NAMES))})",
            [[row[header] for header in NAMES.values()] for row in rows],
        )
        expected = {kind: total for total, kind in db.execute(CUDOS).fetchall()}

    found = dict.fromkeys(expected, Decimal(0))
    for row in read(content).rows():
        found[dict(row["metadata"])["line_item_type"]] += row["effective_cost"]

    assert expected == found
    assert len(TYPES) == len(expected)


def test_a_savings_plan_adds_up(read):
    """Covered usage and negation cancel out as billed; amortised, the plan's fee is spread."""
    out = read(
        [
            {NAMES["type"]: "SavingsPlanCoveredUsage", NAMES["cost"]: "10",
             NAMES["sp_effective"]: "7"},
            {NAMES["type"]: "SavingsPlanNegation", NAMES["cost"]: "-10"},
            {NAMES["type"]: "SavingsPlanRecurringFee", NAMES["cost"]: "8",
             NAMES["sp_commitment"]: "8", NAMES["sp_used"]: "7"},
        ]
    )  # fmt: skip

    rows = out.rows()
    assert (
        8 == sum(row["billed_cost"] for row in rows) == sum(row["effective_cost"] for row in rows)
    )
    assert [7, 0, 1] == [row["effective_cost"] for row in rows]


@pytest.mark.parametrize("kind", ["DiscountedUsage", "SavingsPlanCoveredUsage", "RIFee"])
def test_a_report_without_the_column_has_no_effective_cost_for_such_lines(read, kind):
    """Null is not zero, and not the billed cost either."""
    (row,) = read([{NAMES["type"]: kind}]).rows()

    assert "effective_cost" not in row
    assert Decimal("0.25") == row["billed_cost"]


def test_an_unreadable_amortised_number_rejects_the_row(read):
    """Its cost is known all the same."""
    rows = [{NAMES["type"]: "RIFee", NAMES["ri_upfront"]: "1", NAMES["ri_recurring"]: "NaN"}]
    (bad,) = read(rows).rejected

    assert "reservation/UnusedRecurringFee is not a number below 10^15" == bad.reason
    assert ("NaN", Decimal("0.25")) == (bad.raw, bad.cost)


def test_a_bad_amortised_number_of_another_line_type_does_not_matter(read):
    """The rule of the line decides which columns are looked at."""
    assert [] == read([{NAMES["ri_recurring"]: "NaN"}]).rejected
