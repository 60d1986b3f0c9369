"""The process of the Azure stand-in: its life, its log, its faults, and the dashboard."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from contextlib import closing, nullcontext
from http.client import HTTPSConnection
from pathlib import Path

import aiohttp
import pytest
from ogfd_sandbox.azure.footprint import footprint
from ogfd_sandbox.azure.server import AzureServer, Request
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule
from yarl import URL

SUBSCRIPTIONS = "/subscriptions?api-version=2022-12-01"
DASHBOARD = "c3163bf1-092f-436b-b260-7ade5973e5b9/.default"
KEY = {"Ocp-Apim-Subscription-Key": "sandbox-key"}
EMISSIONS = "/api/v1.0/instances/main/enrollments/e-1/emissions"
MADE = footprint(5, [Month(2026, month) for month in range(1, 13)], resources=40)


async def ask(client):
    status, headers, body = await client.ask("GET", SUBSCRIPTIONS)
    return status, headers, body


async def test_a_status_comes_with_headers_and_a_body(azure, client):
    """Those of the rule, else the service's own error."""
    header = "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"
    azure.inject(
        Rule(
            action="status",
            operation="ListSubscriptions",
            status=429,
            code="429",
            retry_after="7",
            headers=((header, "9"),),
        ),
        Rule(
            action="status", operation="ListSubscriptions", first=2, status=403, body='{"odd": 1}'
        ),
    )
    status, headers, body = await ask(client)

    assert (429, "7", "9") == (status, headers["Retry-After"], headers[header])
    assert "429" == json.loads(body)["error"]["code"]
    assert (403, b'{"odd": 1}') == (await ask(client))[::2]
    assert 200 == (await ask(client))[0]


async def test_a_status_of_a_rule_may_be_a_success(azure, client):
    """So that a body may say what the stand-in never would."""
    foreign = json.dumps({"value": [], "nextLink": "https://elsewhere.example/next"})
    azure.inject(Rule(action="status", operation="ListSubscriptions", status=200, body=foreign))

    assert (200, foreign.encode()) == (await ask(client))[::2]


async def test_a_reset_gives_no_answer(azure, client):
    """Nor does the log know one. Of a GET, aiohttp would hide it, and ask again."""
    azure.inject(Rule(action="reset", operation="POST"))

    with pytest.raises(aiohttp.ClientConnectionError):
        await client.ask("POST", "/nowhere", scope=None)
    assert (Request(operation="POST", key="/nowhere", status=0),) == azure.requests()
    assert 404 == (await client.ask("POST", "/nowhere", scope=None))[0]


async def test_a_truncated_body_breaks_the_promised_length(azure, client):
    """Unless the length is hidden: then it looks complete."""
    azure.inject(Rule(action="truncate", operation="ListSubscriptions", keep_bytes=5))
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(client)

    azure.inject(
        Rule(action="truncate", operation="ListSubscriptions", keep_bytes=5, hide_length=True)
    )
    assert 5 == len((await ask(client))[2])


@pytest.mark.parametrize("action", ["stall", "hang"])
async def test_slow_answers_are_complete_in_the_end(azure, client, action):
    """However long they take."""
    whole = (await ask(client))[2]
    azure.inject(Rule(action=action, operation="ListSubscriptions"))

    assert whole == (await ask(client))[2]


def test_slow_answers_try_the_patience_of_clients(azure):
    """A stalled one stops within the body, a hanging one before the first byte."""
    tls = ssl.create_default_context(cafile=azure.ca_file)
    azure.inject(
        Rule(action="hang", operation="GET", seconds=60.0),
        Rule(action="stall", operation="GET", first=2, seconds=60.0),
    )
    for answered in (False, True):
        connection = HTTPSConnection("127.0.0.1", azure.port, timeout=0.2, context=tls)
        with closing(connection):
            connection.request("GET", "/nowhere")
            with nullcontext() if answered else pytest.raises(TimeoutError):
                response = connection.getresponse()
            if answered:
                with closing(response), pytest.raises(TimeoutError):
                    response.read()


async def test_a_portal_answers_with_a_page_of_html(azure, client):
    """With status 200."""
    azure.inject(Rule(action="html", operation="ListSubscriptions"))
    status, headers, body = await ask(client)

    assert (200, True) == (status, body.startswith(b"<!doctype html>"))
    assert "text/html" == headers["Content-Type"]


async def test_the_log_has_headers_without_secrets(azure, client):
    """What a client says of itself is a promise that tests hold it to."""
    await client.ask("GET", SUBSCRIPTIONS, headers={"ClientType": "ogfd", **KEY})
    (logged,) = (one for one in azure.requests() if one.operation == "ListSubscriptions")

    assert "ogfd" == logged.headers["clienttype"]
    assert {"authorization", "ocp-apim-subscription-key"}.isdisjoint(logged.headers)
    assert 0 < time.time() - logged.at < 60


async def test_an_unknown_address_is_logged_as_such(azure, client):
    """A client that asks for what is not there must not go unnoticed."""
    assert 404 == (await client.ask("PUT", "/nowhere"))[0]
    assert 1 == azure.count("PUT", "/nowhere")
    assert 0 == azure.count("GET")


async def test_a_reset_of_the_stand_in_forgets_everything(azure, client):
    """Tokens too, so that tests do not lean on one another."""
    azure.put_blob("exports", "a", b"")
    token = await client.token()
    azure.inject(Rule(action="html", operation="*", times=9))
    azure.reset()

    assert ((), []) == (azure.requests(), azure.blobs("exports"))
    headers = {"Authorization": f"Bearer {token}"}  # no longer known, and no page of HTML
    assert 401 == (await client.ask("GET", SUBSCRIPTIONS, scope=None, headers=headers))[0]


async def test_the_dashboard_answers_in_pages(azure, client):
    """Of 1000 rows at most, whose links lead on; in tonnes."""
    rows = MADE.dashboard()
    azure.set_dashboard("e-1", rows)
    found, url, pages = [], EMISSIONS, 0
    while url:
        target = azure.url + url if url.startswith("/") else url
        status, _, body = await client.ask(
            "GET", URL(target, encoded=True), scope=DASHBOARD, headers=KEY
        )
        assert 200 == status
        page = json.loads(body)
        found += page["value"]
        url, pages = page.get("@odata.nextLink"), pages + 1

    assert (len(rows), -(-len(rows) // 1000)) == (len(found), pages)
    assert pages > 1
    assert [float(row.tonnes) for row in rows] == [one["totalEmissions"] for one in found]
    assert 20260101 == found[0]["dateKey"]


async def test_the_dashboard_filters(azure, client):
    """By comparisons of OData; anything else it refuses, as it does without its key."""
    azure.set_dashboard("e-1", MADE.dashboard())

    async def emissions(path=EMISSIONS, headers=KEY, **query):
        url = URL(azure.url + path).with_query(query)
        status, _, body = await client.ask("GET", url, scope=DASHBOARD, headers=headers)
        return status, json.loads(body)

    asked = "dateKey ge 20260301 and dateKey lt 20260401 and scope eq 'Scope2'"
    status, answer = await emissions(**{"$filter": asked, "$count": "true"})
    seen = {(one["dateKey"], one["scope"]) for one in answer["value"]}
    assert (200, {(20260301, "Scope2")}) == (status, seen)
    assert len(answer["value"]) == answer["@odata.count"]

    assert (400, 400) == _code(await emissions(**{"$filter": "contains(scope,'1')"}))
    assert (400, 400) == _code(await emissions(**{"$apply": "x"}))
    assert (401, 401) == _code(await emissions(headers={}))
    assert (404, 404) == _code(await emissions(EMISSIONS.replace("e-1", "e-2")))


def _code(found):
    status, answer = found
    return status, answer["code"]


def test_it_ends_with_its_parent():
    """Even one that was killed."""
    code = (
        "from ogfd_sandbox.azure.server import AzureServer; import time\n"
        "azure = AzureServer().start(); print(azure.port, azure._process.pid, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        _, child = map(int, parent.stdout.readline().split())
        parent.send_signal(signal.SIGKILL)
    for _ in range(500):
        if not _alive(child):
            break
        time.sleep(0.01)

    assert not _alive(child)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_taken_port_is_an_error(azure_server):
    """And leaves nothing behind."""
    with pytest.raises(RuntimeError, match="port"):
        AzureServer(port=azure_server.port).start()
