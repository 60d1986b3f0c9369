"""Generated months: what every dataset says of one bill is the same."""

from collections import defaultdict
from decimal import Decimal

import pytest
from ogfd_azure.exports.charges import dataset_of
from ogfd_sandbox.azure.bill import AzureSettings, Dataset, Format, Month, assemble
from ogfd_sandbox.azure.bill.datasets import Files

SETTINGS = AzureSettings(
    seed=7, rows=600, currencies=("USD", "DKK"), files=1, effective_purchases=True
)
TOLERANCE = Decimal("1e-15")  # each of the rows is rounded to 18 digits


@pytest.fixture(scope="module")
def bill():
    return assemble(SETTINGS, Month(2026, 8))


def sums(rows, measure, *keys):
    found = defaultdict(Decimal)
    for row in rows:
        if row.get(measure) is not None:
            found[tuple(row.get(key, "") for key in keys)] += row[measure]
    return {key: total for key, total in found.items() if total}


def close(expected, found):
    return expected.keys() == found.keys() and all(
        abs(expected[key] - found[key]) <= TOLERANCE for key in expected
    )


@pytest.mark.parametrize(
    ("dataset", "packed"),
    [(dataset, Format.GZIP) for dataset in Dataset] + [(Dataset.FOCUS_1_2, Format.PARQUET)],
)
def test_every_dataset_tells_the_truth(read, tmp_path, bill, dataset, packed):
    """Costs by currency and subscription, physical quantities by unit; nothing is unknown."""
    file = tmp_path / "month"
    Files(bill, dataset, packed).write(0, file)
    out = read(file.read_bytes(), dataset_of(dataset.type, None, "m"))
    rows = out.rows()
    truth = bill.truth.of_kinds(dataset.kinds)
    costs = {
        name: sums(rows, f"{name}_cost", "account_id", "currency")
        for name in ("billed", "effective")
    }

    assert not out.unknowns
    assert [] == out.rejected
    assert {"actual": {"billed"}, "amortized": {"effective"}}.get(
        dataset.contents, costs.keys()
    ) == {name for name, found in costs.items() if found}
    for name, found in costs.items():
        expected = truth.by(name, "subscription_id", "currency")
        assert not found or close({key: cost for key, cost in expected.items() if cost}, found)
    used = truth.by("quantity", "subscription_id", "currency", "unit")
    assert {key: amount for key, amount in used.items() if amount} == sums(
        rows, "quantity", "account_id", "currency", "unit"
    )
