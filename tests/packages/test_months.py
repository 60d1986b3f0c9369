"""The exact sums of a package by billing period, and what the archive tells of packages."""

from datetime import UTC, datetime
from decimal import Decimal

from making import batch_of, row

from ogfd.packages import Archive, Keep, monthly_sums

NOW = datetime(2026, 11, 1, tzinfo=UTC)


async def test_rows_are_told_apart_by_month_and_unit(seal):
    """To the last digit; they add up to the package's own sums."""
    package = await seal(
        [
            batch_of(
                [
                    row(service="a", billed_cost=Decimal("0.1"), quantity=Decimal(2), unit="Hrs"),
                    row(service="b", billed_cost=Decimal("0.000000000000000001")),
                    row(service="c", billed_cost=Decimal(5), currency="EUR"),
                    row(service="d", billed_cost=Decimal(-7), billing_period="2026-11"),
                    row(service="e", billed_cost=Decimal(3), billing_period=None),
                ]
            )
        ]
    )
    months = monthly_sums(package)

    assert {
        "2026-10": {
            "quantity:Hrs": Decimal(2),
            "billed_cost:USD": Decimal("0.100000000000000001"),
            "billed_cost:EUR": Decimal(5),
            "line_count": Decimal(3),
        },
        "2026-11": {"billed_cost:USD": Decimal(-7), "line_count": Decimal(1)},
        None: {"billed_cost:USD": Decimal(3), "line_count": Decimal(1)},
    } == months
    for name, amount in package.info.sums.items():
        assert Decimal(amount) == sum(sums.get(name, 0) for sums in months.values())


async def test_the_archive_tells_of_a_package_without_its_rows(seal, tmp_path):
    """Its manifest verifies by itself; one that was changed tells nothing."""
    package = await seal([batch_of([row()])])
    archive = Archive(tmp_path / "archive", Keep.ALL)
    archive.put(package, NOW)
    [rows] = (tmp_path / "archive").rglob("rows.parquet")
    rows.unlink()

    assert package.info == archive.info(package.info.slice, package.info.target)
    assert None is archive.find(package.info.slice, package.info.target)
    assert None is archive.info(package.info.slice, "another")

    manifest = rows.with_name("manifest.json")
    manifest.write_text(manifest.read_text().replace('"rows": 1', '"rows": 2'))
    assert None is archive.info(package.info.slice, package.info.target)
