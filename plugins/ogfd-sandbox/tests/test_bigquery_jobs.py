"""The stand-in of BigQuery, as Google's own client meets it: jobs, pages, bytes, faults."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud.bigquery import (
    ArrayQueryParameter,
    Client,
    QueryJob,
    QueryJobConfig,
    ScalarQueryParameter,
)
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.sizes import MINIMUM_BILLED
from ogfd_sandbox.bigquery.tables import LOADED, PROJECT, Partitioning, Table
from ogfd_sandbox.faults import Rule
from requests.exceptions import ChunkedEncodingError, ReadTimeout
from requests.exceptions import ConnectionError as Dropped

FIRST = datetime(2026, 8, 1, tzinfo=UTC)
SECOND = datetime(2026, 8, 2, tzinfo=UTC)
T = Table(name="t", partitioning=Partitioning())
ROWS = pa.table(
    {
        "account": ["x", "y", "z"],
        "cost": [0.1, 0.2, -0.3],
        "at": pa.array([FIRST, FIRST, None], pa.timestamp("us", "UTC")),
        LOADED: pa.array([FIRST, FIRST, SECOND], pa.timestamp("us", "UTC")),
    }
)
ALL = f"SELECT account FROM `{T.path}`"
_names = count()


@pytest.fixture
def table(bigquery: BigQueryServer) -> Table:
    bigquery.set_table(T, ROWS)
    return T


def start(
    client: Client, sql: str = ALL, job_id: str | None = None, location: str = "US", **config
) -> QueryJob:
    return client.query(
        sql,
        job_config=QueryJobConfig(use_query_cache=False, **config),
        job_id=job_id or f"job-{next(_names)}",
        location=location,
        retry=None,
        job_retry=None,
        timeout=5,
    )


def rows(job: QueryJob, **options) -> list[dict]:
    found = job.result(retry=None, job_retry=None, timeout=5, **options)
    return [dict(row) for row in found]


def test_a_query_is_one_insert_and_one_page(bigquery, google, table):
    job = start(google, labels={"run": "7"}, maximum_bytes_billed=MINIMUM_BILLED)

    assert [{"account": "x"}, {"account": "y"}, {"account": "z"}] == rows(job)
    assert 1 == bigquery.count("InsertJob", f"{PROJECT} US {job.job_id}")
    # the client waits with a request for no rows first
    assert [1, 2] == [bigquery.count("GetQueryResults", f"*{n}") for n in (" 0", "")]
    (kept,) = bigquery.jobs()
    assert ("DONE", "", {"run": "7"}, 3) == (kept.state, kept.reason, kept.labels, kept.rows)
    assert kept.bytes_processed == job.total_bytes_processed == 9
    assert kept.bytes_billed == job.total_bytes_billed == MINIMUM_BILLED


def test_parameters_of_all_types_are_values(bigquery, google, table):
    sql = f"""SELECT @day AS day, @moment AS moment, @text AS text, @number AS number, account
        FROM `{T.path}` WHERE account IN UNNEST(@accounts) AND _PARTITIONTIME = @moment"""
    parameters = [
        ScalarQueryParameter("day", "DATE", FIRST.date()),
        ScalarQueryParameter("moment", "TIMESTAMP", FIRST),
        ScalarQueryParameter("text", "STRING", "a'b\\"),
        ScalarQueryParameter("number", "INT64", 7),
        ArrayQueryParameter("accounts", "STRING", ["y", "z"]),
    ]

    expected = {"day": FIRST.date(), "moment": FIRST, "text": "a'b\\", "number": 7, "account": "y"}
    assert [expected] == rows(start(google, sql, query_parameters=parameters))
    assert ["y", "z"] == bigquery.jobs()[0].parameters["accounts"]


def test_pages_follow_each_other_and_can_be_resumed(bigquery, google, table):
    job = start(google)

    assert 3 == len(rows(job, page_size=2))
    assert 1 == bigquery.count("GetQueryResults", f"* {job.job_id} 2 2")
    again = google.get_job(job.job_id, location="US", retry=None)
    assert [{"account": "z"}] == rows(again, start_index=2, page_size=2)
    assert [] == rows(start(google, ALL + " WHERE account = 'none'"))


def test_pages_are_as_short_as_a_rule_says_and_may_repeat(bigquery, google, table):
    job = start(google)
    bigquery.inject(Rule(action="pages", operation="GetQueryResults", results=1, times=9))

    assert 3 == len(rows(job))
    assert 3 == bigquery.count("GetQueryResults", "* -")
    bigquery.inject(Rule(action="repeat", operation="GetQueryResults", key="* 0 1"))
    job = google.get_job(job.job_id, location="US", retry=None)
    pages = job.result(retry=None, job_retry=None, page_size=1).pages
    assert [["x"], ["x"], ["y"]] == [[row.account for row in next(pages)] for _ in range(3)]


def test_a_job_id_is_taken_once_and_its_job_can_be_adopted(bigquery, google, table):
    start(google, job_id="same")
    with pytest.raises(exceptions.Conflict) as caught:
        start(google, job_id="same")

    assert "duplicate" == caught.value.errors[0]["reason"]
    assert f"Already Exists: Job {PROJECT}:US.same" in str(caught.value)
    adopted = google.get_job("same", location="US", retry=None)
    assert ["x", "y", "z"] == [row["account"] for row in rows(adopted)]
    assert 1 == len(bigquery.jobs())


def test_a_dry_run_counts_bytes_and_makes_no_job(bigquery, google, table):
    sql = f"{ALL} WHERE _PARTITIONDATE = '2026-08-01'"
    job = start(google, sql, dry_run=True, job_id="dry")

    assert ("DONE", 6) == (job.state, job.total_bytes_processed)
    assert ["account"] == [field.name for field in job.schema]
    assert 0 == bigquery.jobs()[0].bytes_billed
    with pytest.raises(exceptions.NotFound):
        google.get_job("dry", location="US", retry=None)
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name: nothing"):
        start(google, f"SELECT nothing FROM `{T.path}`", dry_run=True)


@pytest.mark.parametrize(
    ("condition", "partitions"),
    [
        ("TRUE", ["20260801", "20260802"]),
        ("_PARTITIONTIME = TIMESTAMP '2026-08-02'", ["20260802"]),
        ("DATE(_PARTITIONTIME) BETWEEN '2026-07-01' AND '2026-08-01'", ["20260801"]),
        ("(_PARTITIONDATE < @day AND account <> 'x')", ["20260801"]),
        ("_PARTITIONDATE < @day OR account = 'z'", ["20260801", "20260802"]),
        ("t._PARTITIONDATE IN UNNEST(@days)", ["20260802"]),
        ("_PARTITIONDATE > '2027-01-01'", []),
    ],
)
def test_only_conditions_on_partitions_alone_prune(bigquery, google, table, condition, partitions):
    parameters = [
        ScalarQueryParameter("day", "DATE", SECOND.date()),
        ArrayQueryParameter("days", "DATE", [SECOND.date()]),
    ]
    job = start(google, f"{ALL} AS t WHERE {condition}", query_parameters=parameters)

    job.result(retry=None, job_retry=None)
    assert {T.path: tuple(partitions)} == bigquery.jobs()[0].partitions
    assert 3 * (2 * ("20260801" in partitions) + ("20260802" in partitions)) == (
        job.total_bytes_processed
    )


def test_a_table_cut_by_a_column_is_pruned_by_it(bigquery, google):
    monthly = Table(name="m", partitioning=Partitioning(unit="MONTH", field="month"))
    months = [datetime(2026, month, 1, tzinfo=UTC).date() for month in (1, 2, 2)]
    bigquery.set_table(monthly, pa.table({"month": months, "n": [1, 2, 3]}))

    sql = f"SELECT * FROM `{monthly.path}` WHERE month >= '2026-01-15' AND n > 0"
    assert 2 == len(rows(start(google, sql)))
    assert {monthly.path: ("202602",)} == bigquery.jobs()[0].partitions


def test_a_job_beyond_its_limit_fails_without_a_bill(bigquery, google, table):
    job = start(google, maximum_bytes_billed=1)

    with pytest.raises(exceptions.InternalServerError, match="10485760 or higher") as caught:
        rows(job)
    assert caught.value.response is None
    assert "bytesBilledLimitExceeded" == job.error_result["reason"]
    assert (0, {}) == (bigquery.jobs()[0].bytes_billed, bigquery.jobs()[0].partitions)


def test_a_job_runs_for_as_many_looks_as_a_rule_says(bigquery, google, table):
    bigquery.inject(Rule(action="run", operation="InsertJob", polls=2))
    job = start(google)

    assert "RUNNING" == job.state
    assert [False, False, True] == [job.done(retry=None) for _ in range(3)]
    assert 3 == len(rows(job))


def test_a_running_job_can_be_cancelled(bigquery, google, table):
    bigquery.inject(Rule(action="run", operation="InsertJob", polls=10**6))
    job = start(google)

    assert "RUNNING" == bigquery.jobs()[0].state
    assert job.cancel(retry=None)
    assert ("DONE", "stopped") == (bigquery.jobs()[0].state, bigquery.jobs()[0].reason)
    job.reload(retry=None)
    assert "stopped" == job.error_result["reason"]


def test_a_job_is_known_in_its_own_location_only(bigquery, google):
    bigquery.set_table(Table(name="t", dataset="eu", location="EU"), ROWS.drop([LOADED]))
    sql = "SELECT account FROM eu.t"

    job = start(google, sql, location="EU", job_id="mine")
    assert 3 == len(rows(job))
    with pytest.raises(exceptions.NotFound, match=rf"Not found: Job {PROJECT}:US\.mine"):
        google.get_job("mine", location="US", retry=None)
    elsewhere = start(google, sql, location="US")
    with pytest.raises(exceptions.NotFound, match=r"Dataset .*:eu was not found in location US"):
        rows(elsewhere)


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("SELECT nothing FROM `billing.t`", exceptions.BadRequest, "Unrecognized name: nothing"),
        ("SELEC 1", exceptions.BadRequest, r"Syntax error: .* at \[1:7\]"),
        ("SELECT NO_SUCH(1)", exceptions.BadRequest, "Function not found: no_such"),
        ("SELECT @absent", exceptions.BadRequest, "Query parameter 'absent' not found"),
        ("DELETE FROM `billing.t` WHERE TRUE", exceptions.BadRequest, "one SELECT statement"),
        ("SELECT 1; SELECT 2", exceptions.BadRequest, "one SELECT statement"),
        ("SELECT 1 FROM `billing.absent`", exceptions.NotFound, "Not found: Table"),
        ("SELECT 1 FROM `absent.t`", exceptions.NotFound, "Not found: Dataset"),
    ],
)
def test_a_wrong_query_is_an_error_of_its_job(bigquery, google, table, sql, error, message):
    job = start(google, sql)

    with pytest.raises(error, match=message):
        rows(job)


def test_a_query_that_is_asked_at_once_answers_with_rows_or_the_error(bigquery, google, table):
    found = google.query_and_wait(ALL, retry=None, job_retry=None)

    assert ["x", "y", "z"] == [row.account for row in found]
    assert [1, 0] == [bigquery.count("Query"), bigquery.count("InsertJob")]
    with pytest.raises(exceptions.NotFound) as caught:
        google.query_and_wait("SELECT 1 FROM `billing.absent`", retry=None, job_retry=None)
    assert 404 == caught.value.response.status_code


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (403, "rateLimitExceeded", exceptions.Forbidden),
        (429, "rateLimitExceeded", exceptions.TooManyRequests),
        (403, "quotaExceeded", exceptions.Forbidden),
        (503, "backendError", exceptions.ServiceUnavailable),
        (500, "internalError", exceptions.InternalServerError),
        (502, "badGateway", exceptions.BadGateway),
        (403, "accessDenied", exceptions.Forbidden),
        (404, "notFound", exceptions.NotFound),
        (400, "invalidQuery", exceptions.BadRequest),
        (403, "responseTooLarge", exceptions.Forbidden),
        (403, "billingNotEnabled", exceptions.Forbidden),
        (403, "policyViolation", exceptions.Forbidden),
        (501, "notImplemented", exceptions.MethodNotImplemented),
    ],
)
@pytest.mark.parametrize("operation", ["InsertJob", "GetQueryResults"])
def test_every_error_can_be_had_once(bigquery, google, table, operation, status, reason, error):
    bigquery.inject(
        Rule(action="status", operation=operation, status=status, code=reason, retry_after="7")
    )
    with pytest.raises(error) as caught:
        rows(start(google))

    assert reason == caught.value.errors[0]["reason"]
    assert "7" == caught.value.response.headers["Retry-After"]
    assert 3 == len(rows(start(google)))


@pytest.mark.parametrize("reason", ["jobBackendError", "jobInternalError", "stopped", "brand_new"])
def test_every_error_of_a_job_can_be_had_once(bigquery, google, table, reason):
    bigquery.inject(Rule(action="fail", operation="InsertJob", code=reason))
    job = start(google)
    with pytest.raises(exceptions.GoogleAPICallError) as caught:
        rows(job)

    assert (reason, None) == (job.error_result["reason"], caught.value.response)
    assert reason == bigquery.jobs()[0].reason


def test_an_answer_can_be_lost_after_the_job_was_created(bigquery, google, table):
    bigquery.inject(Rule(action="lost", operation="InsertJob"))
    with pytest.raises(Dropped):
        start(google, job_id="lost")
    with pytest.raises(exceptions.Conflict):
        start(google, job_id="lost")

    assert 3 == len(rows(google.get_job("lost", location="US", retry=None)))
    assert 1 == len(bigquery.jobs())


def test_an_error_can_be_said_of_a_job_that_was_created(bigquery, google, table):
    bigquery.inject(Rule(action="unsure", operation="InsertJob", status=503, code="backendError"))
    with pytest.raises(exceptions.ServiceUnavailable):
        start(google, job_id="unsure")

    assert 3 == len(rows(google.get_job("unsure", location="US", retry=None)))


def test_a_proxy_a_dead_socket_and_a_cut_body_can_be_had(bigquery, google, table):
    page = "<html>Bad Gateway</html>"
    kind = (("Content-Type", "text/html"),)
    html = Rule(action="status", operation="InsertJob", status=502, body=page, headers=kind)
    bigquery.inject(html)
    with pytest.raises(exceptions.BadGateway):
        start(google)
    bigquery.inject(Rule(action="reset", operation="InsertJob"))
    with pytest.raises(Dropped):
        start(google)
    job = start(google)
    bigquery.inject(Rule(action="truncate", operation="GetQueryResults", keep_bytes=9))
    with pytest.raises(ChunkedEncodingError):
        rows(job)

    assert 1 == len(bigquery.jobs())


def test_a_dead_endpoint_is_noticed_within_the_timeout(bigquery, google, table):
    bigquery.inject(Rule(action="hang", operation="GetTable", seconds=3.0))

    with pytest.raises(ReadTimeout):
        google.get_table(T.path, retry=None, timeout=0.05)


def test_nobody_has_a_permission_that_was_taken(bigquery, google, table):
    bigquery.deny("bigquery.jobs.create")
    with pytest.raises(exceptions.Forbidden, match=r"bigquery\.jobs\.create") as caught:
        start(google)
    assert "accessDenied" == caught.value.errors[0]["reason"]
    bigquery.deny("bigquery.tables.getData")
    with pytest.raises(exceptions.Forbidden, match="User does not have permission to query"):
        rows(start(google))
    bigquery.deny("bigquery.tables.get")
    with pytest.raises(exceptions.Forbidden, match=r"bigquery\.tables\.get denied"):
        google.get_table(T.path, retry=None)
    asked = ["bigquery.tables.get", "bigquery.tables.getData"]
    assert ["bigquery.tables.getData"] == google.test_iam_permissions(T.path, asked, retry=None)[
        "permissions"
    ]

    bigquery.deny()
    assert 3 == len(rows(start(google)))


def test_a_table_tells_of_its_columns_its_partitions_and_its_place(bigquery, google, table):
    found = google.get_table(T.path, retry=None)

    assert ("US", 3, "DAY", None) == (
        found.location,
        found.num_rows,
        found.time_partitioning.type_,
        found.time_partitioning.field,
    )
    assert [("account", "STRING"), ("cost", "FLOAT"), ("at", "TIMESTAMP")] == [
        (field.name, field.field_type) for field in found.schema
    ]
    view = Table(name="v", kind="VIEW")
    bigquery.set_table(view, ROWS.drop([LOADED]))
    found = google.get_table(view.path, retry=None)
    assert ("VIEW", None, 0) == (found.table_type, found.time_partitioning, found.num_rows)
    with pytest.raises(exceptions.NotFound):
        google.get_table("billing.absent", retry=None)


def test_tables_and_datasets_are_listed_by_pages(bigquery, google):
    for name in ("a", "b", "c"):
        bigquery.set_table(Table(name=name, labels=(("k", "v"),)), ROWS.drop([LOADED]))
    bigquery.create_dataset("empty", location="EU")

    listed = list(google.list_tables("billing", page_size=2, retry=None))
    assert ["a", "b", "c"] == [one.table_id for one in listed]
    assert {"k": "v"} == listed[0].labels
    assert 2 == bigquery.count("ListTables")
    assert ["billing", "empty"] == [one.dataset_id for one in google.list_datasets(retry=None)]
    assert "EU" == google.get_dataset("empty", retry=None).location
    assert [] == list(google.list_tables("empty", retry=None))
    bigquery.drop_table(Table(name="b"))
    assert 2 == len(list(google.list_tables("billing", retry=None)))


def test_rows_of_a_table_are_listed_without_a_job(bigquery, google, table):
    found = google.list_rows(google.get_table(T.path, retry=None), page_size=2, retry=None)

    assert [("x", 0.1, FIRST), ("y", 0.2, FIRST), ("z", -0.3, None)] == [
        tuple(row.values()) for row in found
    ]
    assert () == bigquery.jobs()
    some = google.list_rows(f"{T.path}$20260802", selected_fields=found.schema, retry=None)
    assert ["z"] == [row.account for row in some]


def test_only_partitions_whose_rows_differ_count_as_modified(bigquery, google, table):
    sql = f"""SELECT partition_id, total_rows, last_modified_time
        FROM `{PROJECT}.billing`.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 't'"""
    before = {row["partition_id"]: row for row in rows(start(google, sql))}
    long_ago = datetime(2026, 9, 1, tzinfo=UTC)
    more = ROWS.slice(2).set_column(1, "cost", pa.array([9.0]))
    bigquery.set_table(T, pa.concat_tables([ROWS.take([1, 0, 2]), more]))
    after = {row["partition_id"]: row for row in rows(start(google, sql))}

    assert before["20260801"] == after["20260801"]
    assert (1, 2) == (before["20260802"]["total_rows"], after["20260802"]["total_rows"])
    assert before["20260802"]["last_modified_time"] < after["20260802"]["last_modified_time"]
    bigquery.set_table(T, ROWS.slice(0, 2), modified={"20260801": long_ago})
    assert [long_ago] == [row["last_modified_time"] for row in rows(start(google, sql))]
    assert {"20260801": 2} == bigquery.partitions(T)


def test_partition_metadata_can_be_out_of_reach(bigquery, google):
    hidden = Table(name="t", partitioning=Partitioning(), partition_metadata="denied")
    bigquery.set_table(hidden, ROWS)
    job = start(google, "SELECT * FROM billing.INFORMATION_SCHEMA.PARTITIONS")

    with pytest.raises(exceptions.Forbidden, match="Access Denied"):
        rows(job)
    columns = rows(start(google, "SELECT * FROM billing.INFORMATION_SCHEMA.COLUMNS"))
    assert ["STRING", "FLOAT64", "TIMESTAMP"] == [row["data_type"] for row in columns]


def test_an_empty_result_still_has_its_columns(bigquery, google, table):
    sql = f"SELECT account, CAST(cost AS NUMERIC) AS cost FROM `{T.path}` WHERE FALSE"
    result = start(google, sql).result(retry=None, job_retry=None)

    assert [("account", "STRING"), ("cost", "NUMERIC")] == [
        (field.name, field.field_type) for field in result.schema
    ]
    assert [] == list(result)
    total = rows(start(google, f"SELECT SUM(CAST(cost AS NUMERIC)) AS n FROM `{T.path}`"))
    assert [{"n": Decimal(0)}] == total
