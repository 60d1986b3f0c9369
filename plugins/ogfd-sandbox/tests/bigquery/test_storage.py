"""The Storage Read API of the stand-in, as Google's own clients meet it: rows, types, streams."""

from datetime import UTC, date, datetime
from decimal import Decimal

import grpc.aio
import pyarrow as pa
import pyarrow.ipc
import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types
from google.cloud.bigquery_storage_v1.services.big_query_read import BigQueryReadAsyncClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
    BigQueryReadGrpcAsyncIOTransport,
)
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import LOADED, PROJECT, Partitioning, Table

NOON = datetime(2026, 8, 1, 12, 0, 0, 5, tzinfo=UTC)
LABELS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.int32())]))
PROJECT_TYPE = pa.struct([("id", pa.string()), ("labels", LABELS), ("at", pa.timestamp("us"))])
T = Table(name="t", partitioning=Partitioning())
ROWS = pa.table(
    {
        "text": ["x", None, "ü"],
        "count": pa.array([1, None, -(2**63)], pa.int64()),
        "share": [0.1, None, 1e-7],
        "yes": [True, None, False],
        "cost": pa.array([Decimal("0.12"), None, Decimal(-3)], pa.decimal128(20, 2)),
        "exact": pa.array([Decimal("1E-18"), None, Decimal(7)], pa.decimal128(38, 18)),
        "day": [date(2026, 8, 1), None, date(1, 1, 1)],
        "at": pa.array([NOON, None, NOON], pa.timestamp("us", "UTC")),
        "local": pa.array([NOON.replace(tzinfo=None), None, None], pa.timestamp("us")),
        "raw": [b"\x00", None, b""],
        "project": pa.array(
            [
                {"id": "p", "labels": [{"key": "a", "value": 1}], "at": NOON.replace(tzinfo=None)},
                None,
                {"id": "q", "labels": None, "at": None},
            ],
            PROJECT_TYPE,
        ),
        "labels": pa.array([[{"key": "a", "value": None}, {"key": "b", "value": 2}], None, []],
                           LABELS),
        "numbers": pa.array([[1, 2], None, [3]], pa.list_(pa.int32())),
        LOADED: pa.array([NOON] * 3, pa.timestamp("us", "UTC")),
    }
)  # fmt: skip
DATETIME = {"ARROW:extension:name": "google:sqlType:datetime"}
SENT_LABELS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.int64())]))
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("count", pa.int64()),
        ("share", pa.float64()),
        ("yes", pa.bool_()),
        ("cost", pa.decimal128(38, 9)),
        ("exact", pa.decimal256(76, 38)),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", "UTC")),
        pa.field("local", pa.timestamp("us"), metadata=DATETIME),
        ("raw", pa.binary()),
        (
            "project",
            pa.struct(
                [
                    ("id", pa.string()),
                    pa.field("labels", SENT_LABELS, nullable=False),
                    pa.field("at", pa.timestamp("us"), metadata=DATETIME),
                ]
            ),
        ),
        pa.field("labels", SENT_LABELS, nullable=False),
        pa.field("numbers", pa.list_(pa.int64()), nullable=False),
    ]
)
TABLE = f"projects/{PROJECT}/datasets/{T.dataset}/tables/{T.name}"
COUNT = f"SELECT n FROM `{PROJECT}.billing.numbers` ORDER BY n"


@pytest.fixture
def table(bigquery: BigQueryServer) -> Table:
    bigquery.set_table(T, ROWS)
    return T


@pytest.fixture
def numbers(bigquery: BigQueryServer) -> list[int]:
    bigquery.set_table(Table(name="numbers"), pa.table({"n": list(range(10))}))
    return list(range(10))


def schema(made: types.ReadSession) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(made.arrow_schema.serialized_schema))


@pytest.mark.parametrize("read", ["result", "table"])
def test_rows_are_those_of_rest_in_google_s_types(storage, table, read):
    job = storage.run(f"SELECT * FROM `{T.path}`")
    made = storage.session(job if read == "result" else TABLE)
    found = storage.read(made)

    assert SCHEMA.equals(schema(made), check_metadata=True)
    assert SCHEMA.equals(found.schema, check_metadata=True)
    found.validate(full=True)
    rest = [dict(row) for row in job.result(retry=None, job_retry=None)]
    assert rest == found.to_pylist()
    assert (3, 13) == (len(rest), len(rest[0]))


@pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches:PendingDeprecationWarning")
def test_google_s_own_download_of_a_result_comes_this_way(bigquery, google, storage, numbers):
    config = {"retry": None, "job_retry": None}
    found = google.query_and_wait(COUNT, page_size=5, **config)

    assert numbers == found.to_arrow(bqstorage_client=storage.client).column("n").to_pylist()
    assert [1, 1] == [bigquery.count(one) for one in ("CreateReadSession", "ReadRows")]


def test_a_session_says_what_it_reads(bigquery, storage, numbers):
    job = storage.run(COUNT)
    made = storage.session(job, trace_id="run 7")

    assert made.name.startswith(f"projects/{PROJECT}/locations/us/sessions/")
    assert made.streams[0].name.startswith(f"{made.name}/streams/")
    assert (10, "run 7") == (made.estimated_row_count, made.trace_id)
    assert job.destination.to_bqstorage() == made.table
    left = made.expire_time - datetime.now(UTC)
    assert 5.9 * 3600 < left.total_seconds() <= 6 * 3600
    storage.read(made, offset=4)
    assert 1 == bigquery.count("CreateReadSession", f"{PROJECT} {job.job_id} 1")
    (asked,) = [one for one in bigquery.requests() if one.operation == "ReadRows"]
    assert (f"{PROJECT} {job.job_id} 0 4", 200) == (asked.key, asked.status)
    assert "authorization" not in asked.headers
    assert asked.sent == bigquery.bytes_sent("ReadRows") > 6 * 8
    assert bigquery.bytes_sent() > bigquery.bytes_sent("InsertJob") > 0


@pytest.mark.parametrize(("wanted", "rows"), [(3, [3, 3, 4]), (0, [10]), (20, [1] * 10)])
def test_streams_share_the_rows_and_are_no_more_than_asked(storage, numbers, wanted, rows):
    made = storage.session(storage.run(COUNT), streams=wanted)
    found = [storage.read(made, place).column("n").to_pylist() for place in range(len(rows))]

    assert rows == [len(one) for one in found]
    assert len(made.streams) == len(rows)
    assert numbers == [n for one in found for n in one]


def test_nothing_has_a_schema_and_no_stream(storage, numbers):
    made = storage.session(storage.run(f"{COUNT} LIMIT 0"), streams=0)

    assert ([], 0, ["n"]) == (list(made.streams), made.estimated_row_count, schema(made).names)


def test_a_stream_is_read_from_any_of_its_rows(bigquery, storage, numbers):
    bigquery.set_message_rows(4)
    made = storage.session(storage.run(COUNT), streams=2)

    assert [8, 9] == storage.read(made, 1, offset=3).column("n").to_pylist()
    assert [] == storage.read(made, 1, offset=5).column("n").to_pylist()
    with pytest.raises(exceptions.FailedPrecondition, match="offset 6 has not been allocated yet"):
        storage.read(made, 1, offset=6)
    first, second = storage.messages(made)
    assert [4, 1] == [first.row_count, second.row_count]
    assert [0.0, 0.8, 1.0] == [
        first.stats.progress.at_response_start,
        second.stats.progress.at_response_start,
        second.stats.progress.at_response_end,
    ]
    assert first.arrow_schema == made.arrow_schema != second.arrow_schema


@pytest.mark.parametrize("what", ["result", "table"])
def test_columns_and_fields_of_records_can_be_chosen(storage, table, what):
    job = storage.run(f"SELECT * FROM `{T.path}`")
    fields = ["numbers", "project.labels.KEY", "labels.value", "Text"]
    made = storage.session(job if what == "result" else TABLE, options={"selected_fields": fields})
    found = storage.read(made)

    assert ["text", "project", "labels", "numbers"] == found.column_names
    assert found.schema.equals(schema(made))
    assert {
        "text": "x",
        "project": {"labels": [{"key": "a"}]},
        "labels": [{"value": None}, {"value": 2}],
        "numbers": [1, 2],
    } == found.to_pylist()[0]
    missing = {"selected_fields": ["text", "project.nothing", "count.x"]}
    with pytest.raises(exceptions.InvalidArgument, match=r"schema: project\.nothing, count\.x"):
        storage.session(job, options=missing)


@pytest.mark.parametrize("codec", ["LZ4_FRAME", "ZSTD"])
def test_buffers_are_compressed_as_asked(bigquery, storage, codec):
    bigquery.set_table(Table(name="long"), pa.table({"text": ["x" * 1000] * 40}))
    whole = f"projects/{PROJECT}/datasets/billing/tables/long"
    compression = types.ArrowSerializationOptions.CompressionCodec[codec]
    options = {"arrow_serialization_options": {"buffer_compression": compression}}
    plain = storage.read(storage.session(whole))
    before = bigquery.bytes_sent("ReadRows")

    assert plain == storage.read(storage.session(whole, options=options))
    assert 40_000 < before
    assert bigquery.bytes_sent("ReadRows") - before < 4_000


def test_a_message_is_some_megabyte_long(bigquery, storage):
    rows = pa.table({"text": pa.repeat("x" * 996, 5000), "n": list(range(5000))})
    bigquery.set_table(Table(name="wide"), rows)
    made = storage.session(f"projects/{PROJECT}/datasets/billing/tables/wide", streams=0)
    *full, _last = [len(one.arrow_record_batch.serialized_record_batch)
                    for one in storage.messages(made)]  # fmt: skip

    assert [True] * 3 == [1_400_000 < size < 1_600_000 for size in full]


def test_a_session_reads_the_table_as_it_was(bigquery, storage, table):
    made = storage.session(TABLE)
    bigquery.drop_table(T)

    assert 3 == storage.read(made).num_rows
    with pytest.raises(exceptions.NotFound, match=f"Not found: Table {PROJECT}:billing.t"):
        storage.session(TABLE)
    bigquery.set_table(Table(name="v", kind="VIEW"), ROWS.drop([LOADED]))
    with pytest.raises(exceptions.InvalidArgument, match="non-table entities"):
        storage.session(f"projects/{PROJECT}/datasets/billing/tables/v")


def test_what_the_stand_in_does_not_have_is_refused(storage, table):
    wishes = [
        ({"data_format": types.DataFormat.AVRO}, "set data_format to ARROW"),
        ({"data_format": 0}, "data format unspecified"),
        ({"options": {"row_restriction": "n > 1"}}, "it knows no row_restriction"),
        ({"table_modifiers": {"snapshot_time": NOON}}, "it knows no table_modifiers"),
        ({"what": "billing.t"}, "Invalid resource field value"),
        ({"parent": PROJECT}, "Invalid resource field value"),
        ({"streams": -1}, "stream counts must be non-negative"),
    ]
    for wish, reason in wishes:
        with pytest.raises(exceptions.InvalidArgument, match=reason):
            storage.session(**{"what": TABLE, **wish})


def test_streams_cannot_be_split(storage, numbers):
    made = storage.session(storage.run(COUNT))
    request = types.SplitReadStreamRequest(name=made.streams[0].name, fraction=0.5)

    with pytest.raises(exceptions.MethodNotImplemented):
        storage.client.split_read_stream(request=request, retry=None, timeout=5)


async def test_google_s_asynchronous_client_reads_too(bigquery, google_key, storage, numbers):
    job = storage.run(COUNT)
    bigquery.set_message_rows(3)
    shown = [("authorization", f"Bearer {google_key.token}")]
    asked = types.ReadSession(
        table=job.destination.to_bqstorage(), data_format=types.DataFormat.ARROW
    )
    async with grpc.aio.insecure_channel(bigquery.storage_url.removeprefix("http://")) as channel:
        client = BigQueryReadAsyncClient(
            transport=BigQueryReadGrpcAsyncIOTransport(channel=channel)
        )
        made = await client.create_read_session(
            parent=f"projects/{PROJECT}", read_session=asked, retry=None, metadata=shown
        )
        calls = await client.read_rows(
            read_stream=made.streams[0].name, offset=1, retry=None, metadata=shown
        )
        found = [
            pa.ipc.read_record_batch(
                pa.py_buffer(one.arrow_record_batch.serialized_record_batch), schema(made)
            ).column(0)
            async for one in calls
        ]

    assert [[1, 2, 3], [4, 5, 6], [7, 8, 9]] == [one.to_pylist() for one in found]


def test_without_its_extra_the_stand_in_says_what_to_install(monkeypatch):
    answer = 501, b'{"ImportError": "No module named \'grpc\'"}'
    monkeypatch.setattr(BigQueryServer, "_exchange", lambda *_: answer)

    with pytest.raises(RuntimeError, match=r"install ogfd-sandbox\[storage\].*'grpc'"):
        _ = BigQueryServer().storage_url
