"""A bill, and its files in every dataset and format."""

import csv
import io

import pytest
from ogfd_sandbox.azure.bill import (
    AzureSettings,
    Format,
    Month,
    Place,
    assemble,
    write_month,
)

MONTH = Month(2026, 2)
SETTINGS = AzureSettings(seed=7, rows=1_000, currencies=("USD", "DKK"), taxes_and_credits=True)


@pytest.fixture(scope="session")
def bill():
    return assemble(SETTINGS, MONTH)


@pytest.fixture(scope="session")
def written(bill, tmp_path_factory):
    """Files by dataset and format, each written once."""
    directory = tmp_path_factory.mktemp("azure")
    known = {}

    def files(dataset, format):
        if (dataset, format) not in known:
            place = Place(export=dataset.value, dataset=dataset, format=format)
            blobs = write_month(bill, place, directory / format.name)
            known[dataset, format] = [path for name, path in blobs if "part_" in name]
        return known[dataset, format]

    return files


@pytest.fixture(scope="session")
def rows(written):
    def read(dataset):
        return [row for path in written(dataset, Format.CSV) for row in _rows(path.read_bytes())]

    return read


def _rows(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
