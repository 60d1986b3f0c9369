"""What has to be there before a row comes: packages, a role, an address."""

import sys

import pytest
from ogfd_gcp import ogfd_connector
from ogfd_gcp.config import STORAGE_ENDPOINT, GcpConfig
from ogfd_gcp.session import open_session
from ogfd_sandbox.faults import Rule
from pydantic import ValidationError

from ogfd.plugin import ErrorClass, FatalError, FindingLevel


@pytest.fixture
def keys(cloud, lasting):
    """Of a connector whose rows come over the Storage Read API."""
    cloud.put_bill()
    return {"storage_api": True, "storage_endpoint": cloud.server.storage_url}


async def checked(cloud, **keys):
    """Return what a check finds about sessions of reading."""
    config = cloud.config(cost=cloud.table("none"), **keys)
    found = await ogfd_connector().check(config, cloud.context())
    [one] = [one for one in found if "readsessions" in one.subject]
    return one


async def test_check_reads_a_row_and_names_the_role(cloud, keys):
    """Which is none of those that queries need."""
    well = await checked(cloud, **keys)
    cloud.server.deny("bigquery.readsessions.create")
    closed = await checked(cloud, **keys)

    assert FindingLevel.OK is well.level
    assert (FindingLevel.ERROR, ErrorClass.AUTH) == (closed.level, closed.error_class)
    assert "--role=roles/bigquery.readSessionUser" in closed.grant


@pytest.mark.parametrize(
    ("status", "error_class"),
    [(None, ErrorClass.TRANSIENT), ("UNIMPLEMENTED", ErrorClass.FATAL)],
)
async def test_check_names_the_key_of_an_address_that_is_wrong(cloud, keys, status, error_class):
    """Where nobody listens, or another service does: no role would help."""
    if status is None:
        keys["storage_endpoint"] = "http://127.0.0.1:9"
    else:
        cloud.server.inject(Rule(action="status", operation="CreateReadSession", code=status))

    found = await checked(cloud, **keys)

    assert (FindingLevel.ERROR, error_class, None) == (found.level, found.error_class, found.grant)
    assert "storage_endpoint" in found.message


async def test_what_is_not_installed_is_named_with_the_command(cloud, monkeypatch):
    """By a sync, and by a check."""
    config = cloud.config(storage_api=True, storage_endpoint="http://127.0.0.1:9")
    for name in ("reading", "connection"):
        monkeypatch.delitem(sys.modules, f"ogfd_gcp.storage.{name}")
    monkeypatch.setitem(sys.modules, "grpc.aio", None)

    with pytest.raises(FatalError, match=r"storage_api is on.*pip install 'ogfd-gcp\[storage\]'"):
        async with open_session(cloud.context(), config):
            pass
    (finding,) = await ogfd_connector().check(config, cloud.context())

    assert ("storage_api", FindingLevel.ERROR) == (finding.subject, finding.level)
    assert "pip install" in finding.message


def test_a_stand_in_never_leads_to_google_nor_google_to_the_clear():
    """Either would be found out too late."""
    base = {"job_project": "my-project"}
    stand_in = {"endpoint": "http://127.0.0.1:1", "storage_api": True}

    assert STORAGE_ENDPOINT == GcpConfig(**base, storage_api=True).storage_url
    for keys, word in (
        (stand_in, "would ask Google's"),
        ({"storage_endpoint": "http://127.0.0.1:1"}, "not encrypted"),
        ({"storage_endpoint": "https://example.com/v1"}, "host and port alone"),
        ({"storage_endpoint": "example.com:443"}, "no URL"),
    ):
        with pytest.raises(ValidationError, match=word):
            GcpConfig(**base, **keys)
