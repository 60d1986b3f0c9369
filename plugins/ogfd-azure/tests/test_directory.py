"""When the credentials end, as the directory tells it to ``ogfd check``."""

import json
from datetime import UTC, datetime

import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.directory import ending
from ogfd_azure.tokens import Tokens
from ogfd_sandbox.azure.footprint import footprint
from ogfd_sandbox.azure.seeds import CLIENT_ID, CLIENT_SECRET
from ogfd_sandbox.cur import Month
from ogfd_sandbox.faults import Rule

from ogfd.plugin import FindingLevel, Response, Secret
from ogfd.testing import FakeContext

OK, WARNING, ERROR = FindingLevel


def denied(operation, code, status):
    return Rule(action="status", operation=operation, status=status, code=code, times=99)


@pytest.fixture
def made(estate):
    """A subscription with emissions, so that nothing else is found wrong."""
    found = footprint(7, [Month(2026, 10)])
    found.publish(estate.azure)
    return found


async def ends(estate, **keys):
    keys = {"graph_endpoint": estate.azure.url} | keys
    found = await ogfd_connector().check(estate.config(carbon={}, **keys), estate.context())
    assert CLIENT_SECRET not in repr(found)
    return [one for one in found if one.subject.startswith("end of")]


@pytest.mark.parametrize(
    ("until", "level", "said"),
    [
        ("2027-05-01T00:00:00Z", OK, "2027-05-01"),
        ("2026-12-01T00:00:00.1234567Z", WARNING, "2026-12-01; make a new one"),
    ],
)
async def test_the_directory_may_tell_when_the_secret_ends(estate, made, until, level, said):
    """Of several, those that begin with other letters or have ended are not the one in use."""
    secrets = [
        ("other-secret", "2026-11-25T00:00:00Z"),
        (CLIENT_SECRET, "2026-11-01T00:00:00Z"),
        (CLIENT_SECRET, until),
        (CLIENT_SECRET, "2028-01-01T00:00:00Z"),
    ]
    estate.azure.set_directory(CLIENT_ID, secrets=secrets)
    (found,) = await ends(estate)

    assert ("end of the client secret", level, said) == (found.subject, found.level, found.message)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (None, "with the permission Application.Read.All"),
        (denied("GetApplication", "Request_ResourceNotFound", 404), "does not tell"),
        (denied("GetApplication", "ServiceUnavailable", 503), "does not tell"),
        (Rule(action="html", operation="GetApplication"), "does not tell"),
    ],
)
async def test_a_directory_that_does_not_tell_is_no_error(estate, made, rule, said):
    """Nothing else needs that permission."""
    if rule is not None:
        estate.azure.inject(rule)
    (found,) = await ends(estate)

    assert (OK, None) == (found.level, found.grant)
    assert said in found.message


async def test_the_end_is_not_asked_for_where_there_is_none_to_know(estate, made):
    """The directory of the cloud knows nothing of a login service elsewhere."""
    assert [] == await ends(estate, graph_endpoint=None)
    assert 0 == estate.azure.count("GetApplication")


async def test_a_certificate_ends_too(estate, desk_of):
    """The directory has no letters of it: the earliest that is good still counts."""
    told = {"keyCredentials": [{"endDateTime": f"2027-0{month}-01T00:00:00Z"} for month in (5, 3)]}
    body = json.dumps(told).encode()
    ctx = FakeContext(
        respond=lambda request: Response(status=200, headers={}, body=body, url=request.url),
        now=datetime(2026, 11, 20, tzinfo=UTC),
    )
    config = estate.config(
        auth="certificate", certificate=Secret("PEM"), client_secret=None, authority=None
    )
    async with Tokens(ctx, desk_of(3600)) as tokens:
        found = await ending(ctx, config, tokens)

    assert ("end of the certificate", OK, "2027-03-01") == (
        found.subject,
        found.level,
        found.message,
    )
    (asked,) = ctx.requests
    assert asked.url.startswith(
        f"https://graph.microsoft.com/v1.0/applications(appId='{CLIENT_ID}')"
    )
