"""BigQuery's SQL on DuckDB: what sqlglot alone gets wrong, and values as Google shows them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import requests
from google.auth.transport.requests import Request
from google.cloud.bigquery import Client
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import LOADED, PROJECT, Partitioning, Table

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
LABELS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
ROWS = pa.table(
    {
        "account": ["x", "y"],
        "cost": [0.1, None],
        "bytes": [4_000_000_000_000_001.0, 123456789.123456789],
        "project": pa.array(
            [{"id": "p", "labels": [{"key": "team", "value": "web"}]}, None],
            pa.struct([("id", pa.string()), ("labels", LABELS)]),
        ),
        "labels": pa.array([[{"key": "a", "value": None}], None], LABELS),
        "at": pa.array([NOON, NOON], pa.timestamp("us", "UTC")),
        LOADED: pa.array([NOON, NOON], pa.timestamp("us", "UTC")),
    }
)
T = Table(name="t", partitioning=Partitioning())


@pytest.fixture
def client(bigquery: BigQueryServer, google: Client) -> Client:
    bigquery.set_table(T, ROWS)
    return google


def ask(client: Client, select: str) -> list[tuple]:
    found = client.query_and_wait(f"{select} FROM `{T.path}` AS t", retry=None, job_retry=None)
    return [row.values() for row in found]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("CAST(0.000123456 AS NUMERIC)", Decimal("0.000123456")),
        ("SUM(CAST(cost AS NUMERIC)) / 3", Decimal("0.033333333")),
        ("CAST('1.5' AS NUMERIC) * CAST(3 AS NUMERIC)", Decimal("4.5")),
        ("AVG(CAST(cost AS NUMERIC))", Decimal("0.1")),
        ("MAX(CAST(bytes AS NUMERIC))", Decimal(4_000_000_000_000_001)),
        ("MIN(CAST(bytes AS NUMERIC))", Decimal("123456789.123456791")),
        ("CAST('1.23456789012' AS BIGNUMERIC)", Decimal("1.23456789012")),
        ("COUNT(*)", 2),
        ("SUM(1)", 2),
        ("COUNTIF(cost IS NULL)", 1),
        ("DATE_ADD(DATE '2026-07-31', INTERVAL 1 DAY)", date(2026, 8, 1)),
        ("DATE_TRUNC(DATE(MAX(at)), MONTH)", date(2026, 8, 1)),
        ("DATE_SUB(DATE '2026-08-01', INTERVAL 1 MONTH)", date(2026, 7, 1)),
        ("TIMESTAMP_TRUNC(MAX(at), DAY)", datetime(2026, 8, 1, tzinfo=UTC)),
        ("DATE(TIMESTAMP '2026-08-01 06:59:59', 'America/Los_Angeles')", date(2026, 7, 31)),
        ("FORMAT_TIMESTAMP('%Y%m', TIMESTAMP '2026-08-01 06:00:00', 'America/Los_Angeles')",
         "202607"),
        ("PARSE_TIMESTAMP('%Y%m', '202608', 'America/Los_Angeles')",
         datetime(2026, 8, 1, 7, tzinfo=UTC)),
        ("PARSE_TIMESTAMP('%Y%m', '202608')", datetime(2026, 8, 1, tzinfo=UTC)),
        ("TIMESTAMP_MICROS(5)", datetime(1970, 1, 1, microsecond=5, tzinfo=UTC)),
        ("UNIX_MICROS(TIMESTAMP '1970-01-01 00:00:01')", 1_000_000),
        ("SAFE_CAST('x' AS NUMERIC)", None),
        ("ARRAY_AGG(account ORDER BY account DESC)", ["y", "x"]),
    ],
)  # fmt: skip
def test_an_expression_has_google_s_value_and_type(client, expression, value):
    assert (value,) == ask(client, f"SELECT {expression}")[0]


def test_a_star_hides_when_a_row_was_loaded(client):
    (first, second) = ask(client, "SELECT *")

    labels = [{"key": "team", "value": "web"}]
    assert ("x", 0.1, 4_000_000_000_000_001.0, {"id": "p", "labels": labels}) == first[:4]
    assert ([{"key": "a", "value": None}], NOON) == first[4:]
    assert (None, [], NOON) == second[3:]
    assert [("x",), ("y",)] == ask(client, "SELECT t.* EXCEPT (cost, bytes, project, labels, at)")
    assert [(NOON, date(2026, 8, 1), 2)] == ask(
        client, "SELECT MAX(_PARTITIONTIME), MAX(_PARTITIONDATE), COUNT(*)"
    )


def test_arrays_unnest_in_a_subquery_and_in_a_join(client, bigquery):
    value = "(SELECT l.value FROM UNNEST(t.project.labels) AS l WHERE l.key = 'team')"

    assert [("x", "web"), ("y", None)] == ask(client, f"SELECT account, {value}")
    for join, expected in (
        (", UNNEST(project.labels) AS l", [("x", "web")]),
        ("LEFT JOIN UNNEST(project.labels) AS l", [("x", "web"), ("y", None)]),
    ):
        found = client.query_and_wait(f"SELECT account, l.value FROM `{T.path}` AS t {join}")
        assert expected == [row.values() for row in found]


def test_a_column_without_a_name_has_google_s(client):
    found = client.query_and_wait("SELECT 1, 2 AS two, 3", retry=None, job_retry=None)

    assert ["f0_", "two", "f1_"] == [field.name for field in found.schema]


def test_a_fingerprint_tells_rows_apart_in_any_order(client, bigquery):
    sql = "SELECT BIT_XOR(FARM_FINGERPRINT(TO_JSON_STRING(t))), COUNT(*)"
    before = ask(client, sql)
    bigquery.set_table(T, ROWS.take([1, 0]))
    assert before == ask(client, sql)
    bigquery.set_table(T, ROWS.set_column(1, "cost", pa.array([0.1, 0.2])))

    assert before != ask(client, sql)


def test_common_table_expressions_and_tables_of_the_same_name_are_kept_apart(client):
    sql = "WITH t AS (SELECT account FROM `billing.t`) SELECT COUNT(*) AS n FROM t"
    (row,) = client.query_and_wait(sql, retry=None, job_retry=None)

    assert 2 == row.n


def test_cells_are_texts_and_timestamps_come_as_they_are_asked_for(bigquery, client):
    credentials = client._credentials
    credentials.refresh(Request())
    headers = {"Authorization": f"Bearer {credentials.token}"}
    url = f"{bigquery.url}/bigquery/v2/projects/{PROJECT}/datasets/billing/tables/t/data"
    options = {"formatOptions.useInt64Timestamp": "true"}
    plain = requests.get(url, headers=headers, timeout=5).json()
    whole = requests.get(url, headers=headers, params=options, timeout=5).json()
    none = requests.get(url, headers=headers, params={"maxResults": 0}, timeout=5).json()

    assert ["x", "0.1", "4.000000000000001E15"] == [cell["v"] for cell in whole["rows"][0]["f"][:3]]
    assert ["1.7855856E9", "1785585600000000"] == [
        one["rows"][0]["f"][5]["v"] for one in (plain, whole)
    ]
    assert [None, []] == [cell["v"] for cell in whole["rows"][1]["f"][3:5]]
    assert "2" == whole["totalRows"]
    assert not {"rows", "pageToken"} & none.keys()
