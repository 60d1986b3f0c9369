"""One generated month in every format: the same cost, whatever AWS writes it to."""

import functools
import io
import zipfile
from collections import defaultdict
from decimal import Decimal

import duckdb
import pytest
from ogfd_sandbox.cur import CurSettings, Format, Month, Place, assemble, put_report, restate

from ogfd.plugin import Period, Wanted
from ogfd.testing import Collected

MONTH = Month(2026, 8)
WINDOW = Period.months("2026-01", "2026-12")
SETTINGS = CurSettings(seed=3, rows=600, files=3, accounts=4, currencies=("USD", "CNY"))
SOURCES = {"cur": "aws_cur", "cur2": "aws_cur2", "focus": "aws_focus"}
# Parquet holds doubles: each is within half a unit in its 53rd binary digit.
EXACT = {Format.CUR_GZIP, Format.CUR_ZIP, Format.CUR2_CSV, Format.FOCUS_CSV, Format.FOCUS_1_0_CSV}
TAGS = ("Env", "user:Team", "costCategory/Business unit")

every_format = pytest.mark.parametrize("format", Format, ids=lambda one: one.value)


@pytest.fixture(scope="module")
def bill():
    return assemble(SETTINGS, MONTH)


@pytest.fixture(scope="module")
def place_of(server, bill):
    """Return where the bill was delivered in a format: once, for all that only read it."""

    @functools.cache
    def delivered(format):
        place = Place(bucket=f"only-{format.value}", report="acme", format=format)
        server.create_bucket(place.bucket)
        put_report(server, bill, place)
        return place

    return delivered


@pytest.fixture(scope="module")
def tagged():
    """Rows with tags and resources by format, of those that were read."""
    return {}


async def read(shop, wanted=None, **cost):
    """List and read the only month."""
    out = Collected(wanted)
    async with shop.stream(**cost) as stream:
        (partition,) = await stream.partitions(WINDOW)
        await stream.read(partition, out)
    out.check()
    assert ([], []) == (out.rejected, list(shop.spool.iterdir()))
    assert str(MONTH) == partition.key
    return out


def sums(rows, measure, *keys):
    found, sizes = defaultdict(Decimal), defaultdict(Decimal)
    for row in rows:
        key = tuple(row.get(name) or "" for name in keys)
        found[key] += row[measure]
        sizes[key] += abs(row[measure])
    return found, sizes


def assert_same(expected, found, sizes, format):
    """Equal to the digit where the format has all digits, else as good as doubles are."""
    gap = Decimal(0) if format in EXACT else Decimal("1e-15")
    assert set(expected) == set(found)
    for key, amount in expected.items():
        assert abs(amount - found[key]) <= gap * sizes[key], key


def with_day(rows):
    for row in rows:
        row["day"] = f"{row['period_start']:%Y-%m-%d}"
    return rows


KEYS = ("currency", "service", "account_id", "region", "day")


def assert_billed(bill, rows, format):
    """By currency, service, account, region and day."""
    found, sizes = sums(with_day(rows), "billed_cost", *KEYS)
    assert_same(_merged(bill.truth.billed_by(*KEYS)), _merged(found), _merged(sizes), format)


def _merged(found):
    """The bill leaves taxes and fees of global services without a region; ogfd calls it global."""
    merged = defaultdict(Decimal)
    for (currency, service, account, region, day), amount in found.items():
        merged[currency, service, account, region.removeprefix("global"), day] += amount
    return merged


def assert_effective(bill, rows, format):
    """In total."""
    found, sizes = sums(rows, "effective_cost", "currency")
    expected = {(currency,): amount for currency, amount in bill.truth.effective().items()}
    assert_same(expected, found, sizes, format)


@every_format
async def test_every_format_gives_the_billed_cost_of_the_bill(shop, place_of, bill, format):
    """A delivery beside those before it."""
    rows = (await read(shop, bucket=place_of(format).bucket)).rows()

    assert_billed(bill, rows, format)
    assert {SOURCES[format.value.partition("-")[0]]} == {row["source"] for row in rows}


@every_format
async def test_a_restated_month_of_fewer_files_gives_the_new_bill(shop, bill, format):
    """Overwritten: a file of the first delivery stays behind, and nobody reads it."""
    place = Place(bucket=shop.bucket, report="acme", format=format, overwrite=True)
    put_report(shop.server, bill, place)
    again = restate(bill)
    put_report(shop.server, again, place)
    assert again.files < bill.files

    rows = (await read(shop)).rows()

    assert_billed(again, rows, format)
    assert_effective(again, rows, format)


LINE_ITEMS = """
SELECT {currency}, {service}, sum(CASE {type}
    WHEN 'SavingsPlanCoveredUsage' THEN {sp_effective}
    WHEN 'SavingsPlanRecurringFee' THEN {sp_commitment} - {sp_used}
    WHEN 'SavingsPlanNegation' THEN 0
    WHEN 'SavingsPlanUpfrontFee' THEN 0
    WHEN 'DiscountedUsage' THEN {ri_effective}
    WHEN 'RIFee' THEN {ri_upfront} + {ri_recurring}
    ELSE CASE WHEN {type} = 'Fee' AND coalesce({arn}, '') <> '' THEN 0
              WHEN {type} = 'Refund' AND {code} = 'ComputeSavingsPlans' THEN 0
              ELSE {cost} END END) FROM lines GROUP BY ALL
"""
NAMES = {
    "currency": "lineItem/CurrencyCode",
    "service": "product/ProductName",
    "type": "lineItem/LineItemType",
    "code": "lineItem/ProductCode",
    "arn": "reservation/ReservationARN",
    "cost": "lineItem/UnblendedCost",
    "sp_effective": "savingsPlan/SavingsPlanEffectiveCost",
    "sp_commitment": "savingsPlan/TotalCommitmentToDate",
    "sp_used": "savingsPlan/UsedCommitment",
    "ri_effective": "reservation/EffectiveCost",
    "ri_upfront": "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    "ri_recurring": "reservation/UnusedRecurringFee",
}
AMOUNTS = ("cost", "sp_effective", "sp_commitment", "sp_used", "ri_effective", "ri_upfront",
           "ri_recurring")  # fmt: skip
ATHENA = {
    "currency": "line_item_currency_code",
    "service": "product_product_name",
    "type": "line_item_line_item_type",
    "code": "line_item_product_code",
    "arn": "reservation_reservation_a_r_n",
    "cost": "line_item_unblended_cost",
    "sp_effective": "savings_plan_savings_plan_effective_cost",
    "sp_commitment": "savings_plan_total_commitment_to_date",
    "sp_used": "savings_plan_used_commitment",
    "ri_effective": "reservation_effective_cost",
    "ri_upfront": "reservation_unused_amortized_upfront_fee_for_billing_period",
    "ri_recurring": "reservation_unused_recurring_fee",
}


def effective(format, paths):
    """Ask DuckDB, which knows nothing of ogfd, what the files say."""
    files = (
        f"read_parquet({paths}, union_by_name=true)"
        if format.parquet
        else f"read_csv({paths}, all_varchar=true, union_by_name=true, header=true, "
        """delim=',', quote='"', escape='"')"""
    )
    if format.focus:
        query = "SELECT BillingCurrency, ServiceName, sum({cost}) FROM lines GROUP BY ALL"
        names = {"cost": "EffectiveCost"}
    else:
        query = LINE_ITEMS
        names = ATHENA if format.parquet or not format.legacy else NAMES
    quoted = {key: f'"{name}"' for key, name in names.items()}
    if not format.focus and not format.legacy:
        quoted["service"] = (
            "product['product_name']" if format.parquet else "product::JSON->>'product_name'"
        )
    for key in quoted.keys() & set(AMOUNTS):
        quoted[key] = f"nullif({quoted[key]}::VARCHAR, '')::DECIMAL(38, 18)"
    with duckdb.connect() as db:
        db.execute(f"CREATE VIEW lines AS SELECT * FROM {files}")
        rows = db.execute(query.format(**quoted)).fetchall()
    return {(currency, service): cost for currency, service, cost in rows}


@every_format
async def test_the_effective_cost_is_what_an_independent_query_finds(
    shop, place_of, bill, format, tmp_path
):
    """By service, and in total what the bill says."""
    place = place_of(format)
    paths = []
    for number, key in enumerate(place.files(bill)):
        path = tmp_path / f"{number}{format.suffix}"
        body = shop.server.get(place.bucket, key)
        if format is Format.CUR_ZIP:
            path, body = path.with_suffix(""), _unzipped(body)
        path.write_bytes(body)
        paths.append(str(path))

    rows = (await read(shop, bucket=place.bucket)).rows()

    found, sizes = sums(rows, "effective_cost", "currency", "service")
    assert_same(effective(format, paths), found, sizes, format)
    assert_effective(bill, rows, format)


def _unzipped(body):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read(archive.namelist()[0])


@pytest.mark.parametrize(
    "format", [one for one in Format if one is not Format.CUR_GZIP], ids=lambda one: one.value
)
async def test_tags_resources_and_usage_are_the_same_in_every_format(
    shop, place_of, tagged, format
):
    """Maps, JSON and columns: the operator's spelling is what comes out."""
    unknown = {"machine_type"} if format is Format.FOCUS_1_0_CSV else set()
    for each in {Format.CUR_GZIP, format} - tagged.keys():
        wanted = Wanted(tags=TAGS, resource_ids=True)
        tagged[each] = (await read(shop, wanted, bucket=place_of(each).bucket)).rows()

    plain = [_usage(row, unknown) for row in tagged[Format.CUR_GZIP]]
    found = [_usage(row, unknown) for row in tagged[format]]

    assert sorted(filter(None, plain), key=str) == sorted(filter(None, found), key=str)
    assert any(row and row[-1] for row in found)


def _usage(row, unknown):
    if "quantity" not in row:
        return None
    named = ("service", "account_id", "region", "country", "sku", "operation", "machine_type",
             "charge_category", "unit", "resource_id", "period_start", "period_end")  # fmt: skip
    return (
        *(row.get(name) for name in named if name not in unknown),
        f"{row['quantity']:.9e}",
        row.get("tags"),
    )
