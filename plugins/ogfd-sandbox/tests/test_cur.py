"""The generator of Cost and Usage Reports."""

import csv
import gzip
import io
import json
from decimal import Decimal, localcontext

import duckdb
import pytest
from ogfd_sandbox.cur import (
    Changes,
    CurSettings,
    Month,
    Place,
    assemble,
    put_report,
    restate,
    write_month,
)
from ogfd_sandbox.cur.catalog import OFFERS, REGIONS

SETTINGS = CurSettings(seed=7, rows=3_000, files=3, accounts=5, currencies=("USD", "CNY"))
MONTH = Month(2026, 2)
PLACE = Place(bucket="billing", report="acme")


@pytest.fixture(scope="module")
def bill():
    return assemble(SETTINGS, MONTH)


@pytest.fixture(scope="module")
def written(bill, tmp_path_factory):
    directory = tmp_path_factory.mktemp("cur")
    return write_month(bill, PLACE, directory)


@pytest.fixture(scope="module")
def rows(written):
    return [row for path in _data(written) for row in _rows(path)]


def _data(written):
    return [path for key, path in written if key.endswith(".csv.gz")]


def _rows(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _query(paths, sql):
    files = " union all by name ".join(
        f"select * from read_csv('{path}', all_varchar=true, header=true, quote='\"', escape='\"')"
        for path in paths
    )
    with duckdb.connect() as connection:
        return connection.execute(f"with cur as ({files}) {sql}").fetchall()


def test_equal_settings_give_equal_files(bill, written):
    """The plain text of every file depends on settings and month alone."""
    again = assemble(SETTINGS, MONTH)

    assert [gzip.decompress(path.read_bytes()) for path in _data(written)] == [
        b"".join(again.csv(file)) for file in range(again.files)
    ]
    assert bill.id == again.id


def test_another_seed_gives_another_bill(bill):
    """The seed reaches accounts, resources and amounts."""
    other = assemble(CurSettings(seed=8, rows=3_000), MONTH)

    assert bill.id != other.id
    assert bill.truth.billed()["USD"] != other.truth.billed()["USD"]


@pytest.mark.parametrize("rows", [200, 777, 5_000])
def test_a_month_has_exactly_the_rows_asked_for(rows):
    """Fees, taxes and negations take the place of usage."""
    bill = assemble(CurSettings(rows=rows, files=2), MONTH)

    assert rows == len(bill.lines) == bill.truth.lines
    assert rows + 2 == sum(_records(bill, file) for file in range(2))


def _records(bill, file):
    text = b"".join(bill.csv(file)).decode()
    return sum(1 for _ in csv.reader(io.StringIO(text)))


def test_the_truth_equals_what_another_reader_finds_in_the_files(bill, written):
    """DuckDB sums UnblendedCost of the files, as decimals, to the same digits."""
    found = _query(
        _data(written),
        """
        select "lineItem/CurrencyCode", "product/ProductName",
               "lineItem/UsageStartDate"[:10], "lineItem/LineItemType",
               sum("lineItem/UnblendedCost"::decimal(38, 18)), count(*)
        from cur group by all
        """,
    )

    assert bill.truth.billed_by("currency", "service", "day", "line_type") == {
        key: amount for *parts, amount, _ in found for key in (tuple(parts),)
    }
    assert bill.truth.lines == sum(count for *_, count in found)


def test_the_amortised_truth_follows_the_rule_of_aws(bill, written):
    """Commitments count where they are used; fees only for what is left over."""
    found = _query(
        _data(written),
        """
        select "lineItem/CurrencyCode", sum(coalesce(case "lineItem/LineItemType"
            when 'SavingsPlanCoveredUsage' then "savingsPlan/SavingsPlanEffectiveCost"::decimal(38,18)
            when 'SavingsPlanRecurringFee' then "savingsPlan/TotalCommitmentToDate"::decimal(38,18)
                - "savingsPlan/UsedCommitment"::decimal(38,18)
            when 'SavingsPlanNegation' then 0
            when 'DiscountedUsage' then "reservation/EffectiveCost"::decimal(38,18)
            when 'RIFee' then "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"::decimal(38,18)
                + "reservation/UnusedRecurringFee"::decimal(38,18)
            else "lineItem/UnblendedCost"::decimal(38,18) end, 0))
        from cur group by 1 order by 1
        """,
    )

    assert bill.truth.effective() == dict(found)


def test_negations_cancel_covered_usage_to_the_digit(bill):
    """What a savings plan covers costs nothing on top of its fee."""
    by_type = bill.truth.billed_by("line_type")

    assert 0 < by_type["SavingsPlanCoveredUsage",]
    assert by_type["SavingsPlanCoveredUsage",] == -by_type["SavingsPlanNegation",]
    assert 0 == by_type["DiscountedUsage",]


def test_every_kind_of_line_is_there(rows):
    """Usage, commitments, taxes, fees, discounts, credits and refunds."""
    assert {
        "Usage",
        "SavingsPlanCoveredUsage",
        "SavingsPlanNegation",
        "SavingsPlanRecurringFee",
        "DiscountedUsage",
        "RIFee",
        "EdpDiscount",
        "Credit",
        "Refund",
        "Fee",
        "Tax",
    } == {row["lineItem/LineItemType"] for row in rows}


def test_rows_are_as_awkward_as_real_ones(rows):
    """Scientific notation, many decimals, commas, quotes and line ends inside cells, blanks."""
    costs = [row["lineItem/UnblendedCost"] for row in rows]
    names = {row["resourceTags/user:Name"] for row in rows}

    assert any("E-" in cost for cost in costs)
    assert any(len(cost.partition(".")[2]) == 18 for cost in costs)
    assert any("," in name and '"' in name for name in names)
    assert any("\n" in name for name in names)
    assert any(row["lineItem/UsageAccountId"].startswith("000") for row in rows)
    assert {12} == {len(row["lineItem/UsageAccountId"]) for row in rows}
    assert {"USD", "CNY"} == {row["lineItem/CurrencyCode"] for row in rows}
    assert len(rows) == len({row["identity/LineItemId"] for row in rows})


def test_taxes_have_no_region_and_span_the_month(rows):
    """So do fees; a refund may be of usage before the month."""
    taxes = [row for row in rows if row["lineItem/LineItemType"] == "Tax"]
    refunds = [row for row in rows if row["lineItem/LineItemType"] == "Refund"]

    assert {("", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z")} == {
        (row["product/region"], row["lineItem/UsageStartDate"], row["lineItem/UsageEndDate"])
        for row in taxes
    }
    assert all(row["lineItem/UsageStartDate"] < "2026-02-01" for row in refunds)
    assert {"2026-02-01T00:00:00.000Z"} == {row["bill/BillingPeriodStartDate"] for row in rows}


def test_usage_times_rate_is_the_cost(rows):
    """Amounts hang together, so a reader may check them against each other."""
    with localcontext(prec=60):
        for row in rows:
            if row["lineItem/LineItemType"] in {"Usage", "SavingsPlanCoveredUsage"}:
                amount = Decimal(row["lineItem/UsageAmount"]) * Decimal(
                    row["lineItem/UnblendedRate"]
                )
                assert amount == Decimal(row["lineItem/UnblendedCost"])


def test_no_offer_exceeds_what_the_numbers_can_hold():
    """The dearest line of every offer fits 18 decimals and 18 digits."""
    level = max(region.level for region in REGIONS)
    shapes = {"hours": 6, "count": 0, "bytes": 10, "seconds": 6}
    for offer in OFFERS:
        rate = (Decimal(offer.rate) * level / 100).normalize()
        decimals = shapes[offer.shape] - int(rate.as_tuple().exponent)
        assert decimals <= 18
        assert offer.most * rate * 10**decimals < 9 * 10**18


def test_files_differ_in_their_columns(bill):
    """AWS leaves out columns that no row of a file uses."""
    first, middle, last = (bill.columns(file) for file in range(3))

    assert 110 <= len(first) <= 140
    assert "savingsPlan/SavingsPlanARN" in first
    assert "savingsPlan/SavingsPlanARN" not in middle
    assert "resourceTags/user:CostCentre" in last
    assert "resourceTags/user:CostCentre" not in first


def test_no_row_is_in_a_file_that_lacks_one_of_its_columns(bill, written):
    """Else the file would not say all that the row has."""
    whole = assemble(CurSettings(**{**_fields(SETTINGS), "files": 1}), MONTH)
    columns = (
        "savingsPlan/SavingsPlanARN",
        "reservation/ReservationARN",
        "resourceTags/user:CostCentre",
    )
    text = b"".join(whole.csv(0)).decode()
    expected = list(csv.DictReader(io.StringIO(text)))
    found = [row for path in _data(written) for row in _rows(path)]

    for column in columns:
        assert sum(bool(row[column]) for row in expected) == sum(
            bool(row.get(column)) for row in found
        )


def _fields(settings):
    return {name: getattr(settings, name) for name in type(settings).__dataclass_fields__}


def test_the_manifest_names_the_files_and_both_copies_are_alike(bill, written):
    """The pointer is delivered last and equals the manifest in the assembly's folder."""
    keys = [key for key, _ in written]
    pointer, inner = written[-1][1].read_bytes(), written[-2][1].read_bytes()
    manifest = json.loads(pointer)

    assert "cur/acme/20260201-20260301/acme-Manifest.json" == keys[-1]
    assert f"cur/acme/20260201-20260301/{bill.id}/acme-Manifest.json" == keys[-2]
    assert pointer == inner
    assert keys[:-2] == manifest["reportKeys"]
    assert bill.id == manifest["assemblyId"]
    assert {"start": "20260201T000000.000Z", "end": "20260301T000000.000Z"} == manifest[
        "billingPeriod"
    ]
    assert ("GZIP", "text/csv", "billing", "acme") == tuple(
        manifest[name] for name in ("compression", "contentType", "bucket", "reportName")
    )
    named = [f"{column['category']}/{column['name']}" for column in manifest["columns"]]
    assert set(named) == {column for file in range(3) for column in bill.columns(file)}
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("prefix", "start"), [("", "/acme/2026"), ("cur/", "cur//acme/2026"), ("a/b", "a/b/acme/2026")]
)
def test_prefixes_are_taken_literally(bill, prefix, start):
    """AWS writes keys that begin with a slash, or hold two."""
    place = Place(bucket="billing", report="acme", prefix=prefix)

    assert place.pointer(MONTH).startswith(start)
    assert all(key.startswith(start) for key in place.files(bill))


def test_a_restatement_changes_what_it_says_and_nothing_else(bill):
    """Other days keep their usage; the changed day shrinks; a credit arrives; rows vanish."""
    changes = Changes(day=3, usage_per_mille=900, vanished=0.0, credit=Decimal("0.05"))
    before, after = bill.truth, restate(bill, changes).truth
    old, new = before.billed_by("line_type", "day"), after.billed_by("line_type", "day")

    differing = {key for key in {*old, *new} if old.get(key) != new.get(key)}

    assert {("Usage", "2026-02-03"), ("Credit", "2026-02-01")} == differing
    assert new["Usage", "2026-02-03"] < old["Usage", "2026-02-03"]
    assert new["Credit", "2026-02-01"] < old["Credit", "2026-02-01"]
    assert before.lines + 1 == after.lines


def test_a_restated_month_is_a_delivery_of_its_own(bill, tmp_path):
    """Fewer files, a new tag column, another id, and a truth that its files bear out."""
    again = restate(bill, Changes(vanished=0.05, finalised=True))
    written = write_month(again, PLACE, tmp_path)
    found = _query(
        _data(written),
        """
        select "lineItem/CurrencyCode", sum("lineItem/UnblendedCost"::decimal(38, 18))
        from cur group by 1
        """,
    )

    assert 2 == again.files == len(_data(written))
    assert bill.id != again.id
    assert again.truth.billed() == dict(found) != bill.truth.billed()
    assert len(again.lines) < len(bill.lines)
    assert "resourceTags/user:Project" in again.columns(0)
    assert "resourceTags/user:Project" not in bill.columns(0)
    rows = [row for path in _data(written) for row in _rows(path)]
    assert any(row["resourceTags/user:Project"] for row in rows)
    assert {again.invoice_id} == {row["bill/InvoiceId"] for row in rows} != {""}


def test_a_running_month_has_usage_to_date_only():
    """Fees and taxes span the month all the same."""
    bill = assemble(SETTINGS, MONTH, through_day=10)
    days = {day for kind, day in bill.truth.billed_by("line_type", "day") if kind == "Usage"}

    assert "2026-02-10" == max(days)
    assert "2026-02-28" == max(day for _, day in bill.truth.billed_by("line_type", "day"))


def test_resources_make_rows_distinct_and_days_without_them_do_not(tmp_path):
    """The knobs of the benchmark: hourly rows by resource barely add up, daily ones do."""
    settings = CurSettings(rows=20_000, files=1, series=60, resources=200, resource_share=1.0)
    written = write_month(assemble(settings, Month(2026, 1)), PLACE, tmp_path)
    same = '"lineItem/UsageAccountId", "lineItem/UsageType", "lineItem/LineItemType"'
    ((hourly, daily),) = _query(
        _data(written),
        f"""
        select count(distinct ({same}, "lineItem/ResourceId", "lineItem/UsageStartDate")),
               count(distinct ({same}, "lineItem/UsageStartDate"[:10]))
        from cur
        """,
    )

    assert hourly > 20_000 * 0.5
    assert daily < 20_000 * 0.2


@pytest.mark.parametrize(
    "wrong", [{"rows": 10}, {"files": 0}, {"currencies": ()}, {"resource_share": 1.5}]
)
def test_impossible_settings_are_refused(wrong):
    """Rather than giving a report of another size than asked for."""
    with pytest.raises(ValueError, match=r"at least|between"):
        CurSettings(**wrong)


def test_objects_are_put_in_the_order_of_delivery(bill):
    """The pointer comes last: it is what tells a reader that the rest is there."""
    keys = []

    class Store:
        def put(self, bucket, key, body):
            assert body.stat().st_size > 0
            keys.append((bucket, key))

    expected = [*PLACE.files(bill)]
    put_report(Store(), bill, PLACE)

    assert [("billing", key) for key in expected] == keys[:3]
    assert ("billing", PLACE.pointer(MONTH)) == keys[-1]
