"""The Storage Read API of the stand-in: who may read, what expires, and faults on demand."""

import contextlib

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.auth import jwt
from google.auth.transport.requests import Request
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from ogfd_sandbox.bigquery.server import BigQueryServer
from ogfd_sandbox.bigquery.tables import PROJECT, Table
from ogfd_sandbox.faults import Rule

T = Table(name="numbers")
TABLE = f"projects/{PROJECT}/datasets/billing/tables/numbers"
ALL = f"SELECT n FROM `{T.path}` ORDER BY n"
COUNT = list(range(6))
READ, CREATE = "ReadRows", "CreateReadSession"


@pytest.fixture(autouse=True)
def table(bigquery: BigQueryServer) -> None:
    bigquery.set_table(T, pa.table({"n": COUNT}))
    bigquery.set_message_rows(2)


@pytest.fixture
def made(storage):
    return storage.session(storage.run(ALL))


def numbers(found: pa.Table) -> list[int]:
    return found.column("n").to_pylist()


def calls(bigquery: BigQueryServer, operation: str = READ) -> list[tuple[str, int]]:
    """Return the last word of the key, which is the offset of a read, and the status."""
    return [
        (one.key.rpartition(" ")[2], one.status)
        for one in bigquery.requests()
        if one.operation == operation
    ]


def test_a_request_without_a_good_token_is_refused(bigquery, google_key, storage, made):
    job = storage.run(ALL)
    bigquery.revoke_tokens()

    for ask in (lambda: storage.session(job), lambda: storage.read(made)):
        with pytest.raises(exceptions.Unauthenticated, match="invalid authentication") as caught:
            ask()
        (info,) = caught.value.details
        assert ("ACCESS_TOKEN_EXPIRED", "googleapis.com") == (info.reason, info.domain)
    google_key.token = ""
    with pytest.raises(exceptions.Unauthenticated, match="missing required"):
        storage.read(made)
    google_key.refresh(Request())
    assert COUNT == numbers(storage.read(made))
    assert [("0", 401), ("0", 401), ("0", 200)] == calls(bigquery)


def test_a_token_that_the_account_signed_itself_is_good_for_its_own_service(
    bigquery, google_key, storage, made
):
    for service, status in (("bigquerystorage", 200), ("bigquery", 401)):
        audience = f"https://{service}.googleapis.com/"
        own = jwt.Credentials.from_signing_credentials(google_key, audience)
        own.refresh(None)
        google_key.token = own.token.decode()
        with contextlib.suppress(exceptions.Unauthenticated):
            storage.read(made)
        assert ("0", status) == calls(bigquery)[-1]


def test_each_permission_is_asked_for_where_google_does(bigquery, storage, made):
    job = storage.run(ALL)
    bigquery.deny("bigquery.readsessions.create", "bigquery.readsessions.getData")

    with pytest.raises(exceptions.PermissionDenied) as caught:
        storage.session(job)
    said = f"'bigquery.readsessions.create' permission for 'projects/{PROJECT}'"
    assert f"request failed: the user does not have {said}" == caught.value.message
    name = made.streams[0].name
    said = f"'{name}': the user does not have 'bigquery.readsessions.getData' permission"
    with pytest.raises(exceptions.PermissionDenied, match=f"error operating on {said}"):
        storage.read(made)
    bigquery.deny("bigquery.tables.getData")
    with pytest.raises(exceptions.PermissionDenied, match=rf"tables\.getData.*'{TABLE}'"):
        storage.session(TABLE)
    # what one asked for oneself is one's own
    assert COUNT == numbers(storage.read(storage.session(job)))


def test_results_are_gone_for_both_apis_but_not_for_open_sessions(bigquery, google, storage, made):
    job = storage.run(ALL)
    bigquery.expire_results()

    with pytest.raises(exceptions.NotFound, match=f"Not found: Table {PROJECT}:_.*anon"):
        storage.session(job)
    adopted = google.get_job(job.job_id, location="US", retry=None)
    with pytest.raises(exceptions.NotFound, match=f"Not found: Table {PROJECT}:_.*anon"):
        list(adopted.result(retry=None, job_retry=None))
    assert COUNT == numbers(storage.read(made))
    assert 6 == bigquery.jobs()[-1].rows
    assert COUNT == numbers(storage.read(storage.session(storage.run(ALL))))


def test_a_job_that_runs_or_failed_has_no_rows(bigquery, google, storage):
    for action in ("run", "fail"):
        bigquery.inject(Rule(action=action, operation="InsertJob", polls=9, code="backendError"))
        job = google.query(ALL, location="US", retry=None, job_retry=None)
        with pytest.raises(exceptions.NotFound):
            storage.session(job)


def test_sessions_expire_and_can_be_forgotten(bigquery, storage, made):
    bigquery.expire_read_sessions()
    with pytest.raises(exceptions.FailedPrecondition, match=r"session expired at 20\d\d-.*\+00:00"):
        storage.read(made)

    again = storage.session(storage.run(ALL))
    assert COUNT == numbers(storage.read(again))
    bigquery.forget_read_sessions()
    with pytest.raises(exceptions.NotFound):
        storage.read(again)
    assert 1 == bigquery.count(READ, f"- - {again.streams[0].name} 0")


def test_a_rule_expires_a_session_in_the_middle(bigquery, storage, made):
    bigquery.inject(Rule(action="expire", operation=READ, messages=1))
    found = storage.messages(made)

    assert 2 == next(found).row_count
    with pytest.raises(exceptions.FailedPrecondition, match="session expired"):
        next(found)
    with pytest.raises(exceptions.FailedPrecondition, match="session expired"):
        storage.messages(made, offset=2)


@pytest.mark.parametrize("operation", [CREATE, READ])
def test_a_rule_answers_any_status_with_details(bigquery, storage, made, operation):
    rule = {"code": "RESOURCE_EXHAUSTED", "reason": "RATE_LIMIT_EXCEEDED", "retry_after": "1.5"}
    bigquery.inject(Rule(action="status", operation=operation, message="slower", **rule))
    job = storage.run(ALL)
    ask = (lambda: storage.session(job)) if operation == CREATE else lambda: storage.messages(made)

    with pytest.raises(exceptions.ResourceExhausted, match="slower") as caught:
        ask()
    info, wait = caught.value.details
    assert (ErrorInfo, RetryInfo) == (type(info), type(wait))
    assert ("RATE_LIMIT_EXCEEDED", 1500) == (info.reason, wait.retry_delay.ToMilliseconds())
    assert 429 == calls(bigquery, operation)[-1][1]
    ask()
    bigquery.inject(Rule(action="status", operation=operation, status=504))
    with pytest.raises(exceptions.DeadlineExceeded):
        ask()


def test_a_stream_that_is_cut_is_resumed_where_it_was(bigquery, storage, made):
    bigquery.inject(
        Rule(action="truncate", operation=READ, messages=1),
        Rule(action="status", operation=READ, key="* 2", code="UNAVAILABLE", messages=1),
    )

    assert COUNT == numbers(storage.read(made))
    assert [("0", 503), ("2", 503), ("4", 200)] == calls(bigquery)


def test_a_stream_may_end_too_soon_or_in_shorter_messages(bigquery, storage, made):
    bigquery.inject(Rule(action="truncate", operation=READ, messages=2, hide_length=True))
    assert COUNT[:4] == numbers(storage.read(made))

    bigquery.inject(Rule(action="pages", operation=READ, results=1))
    assert [1] * 6 == [one.row_count for one in storage.messages(made)]


def test_a_rule_acts_at_the_end_of_a_stream_that_is_too_short_for_it(bigquery, storage, made):
    bigquery.inject(Rule(action="truncate", operation=READ, messages=9))
    found = storage.messages(made)

    assert [2, 2, 2] == [next(found).row_count for _ in range(3)]
    with pytest.raises(exceptions.ServiceUnavailable, match="Connection reset"):
        next(found)


@pytest.mark.parametrize(
    ("action", "done", "refused"), [("reset", 503, 503), ("lost", 503, 404), ("unsure", 500, 404)]
)
def test_an_answer_is_spoiled_before_or_after_the_work(bigquery, storage, action, done, refused):
    bigquery.inject(Rule(action=action, operation=CREATE, code="INTERNAL", times=2))
    for table in (TABLE, f"{TABLE}_of_old"):
        with pytest.raises(exceptions.GoogleAPICallError):
            storage.session(table)

    # what is refused anyway tells whether it was tried
    assert [("1", done), ("1", refused)] == calls(bigquery, CREATE)


@pytest.mark.parametrize("messages", [0, 1])
def test_a_hanging_stream_ends_with_the_client_s_patience(bigquery, storage, made, messages):
    bigquery.inject(Rule(action="hang", operation=READ, seconds=60, messages=messages))

    with pytest.raises(exceptions.DeadlineExceeded):
        list(storage.messages(made, timeout=0.2))
    assert COUNT == numbers(storage.read(made))


def test_the_server_waits_for_the_client_and_stops_when_it_does(bigquery, storage):
    bigquery.set_table(Table(name="long"), pa.table({"text": ["x" * 100_000] * 60}))
    bigquery.set_message_rows(1)
    made = storage.session(f"projects/{PROJECT}/datasets/billing/tables/long")
    found = storage.messages(made, timeout=30)
    next(found)
    sent = -1
    while sent != bigquery.bytes_sent(READ):
        sent = bigquery.bytes_sent(READ)

    # what fits into the windows of the connection, and not all 6 MB
    assert sent < 2_000_000
    assert [("0", 0)] == calls(bigquery)
    found.cancel()
    while calls(bigquery) == [("0", 0)]:
        pass
    assert [("0", 499)] == calls(bigquery)
    assert bigquery.bytes_sent(READ) < 2_000_000
