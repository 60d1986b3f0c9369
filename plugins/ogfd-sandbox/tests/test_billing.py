"""The stand-ins of what knows reports, exports and the organisation, seen through the SDK."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from ogfd_sandbox.faults import Rule
from ogfd_sandbox.s3 import S3Server

ARN = "arn:aws:bcm-data-exports:us-east-1:111122223333:export/one-0a1b"
EXPORT = {
    "Export": {"ExportArn": ARN, "Name": "one"},
    "ExportStatus": {"StatusCode": "HEALTHY"},
}


@pytest.fixture(scope="module")
def server():
    with S3Server() as running:
        yield running


@pytest.fixture
def store(server):
    server.heal()
    server.forget_requests()
    server.set_billing()
    return server


def client(store, service):
    return boto3.client(
        service,
        endpoint_url=store.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_reports_come_in_pages_of_five(store):
    """No other size may be asked for."""
    names = [f"r{number}" for number in range(7)]
    store.set_billing(reports=[{"ReportName": name} for name in names])
    cur = client(store, "cur")

    first = cur.describe_report_definitions(MaxResults=5)
    second = cur.describe_report_definitions(MaxResults=5, NextToken=first["NextToken"])
    found = [*first["ReportDefinitions"], *second["ReportDefinitions"]]
    assert names == [one["ReportName"] for one in found]
    assert "NextToken" not in second


def test_exports_are_listed_and_described(store):
    """A listing has names alone."""
    store.set_billing(exports=[EXPORT])
    exports = client(store, "bcm-data-exports")

    (listed,) = exports.list_exports(MaxResults=300)["Exports"]
    assert (ARN, "one", {"StatusCode": "HEALTHY"}) == (
        listed["ExportArn"],
        listed["ExportName"],
        listed["ExportStatus"],
    )
    assert "one" == exports.get_export(ExportArn=ARN)["Export"]["Name"]
    assert 1 == store.count("GetExport", ARN)


def test_refusals_are_those_of_the_services(store):
    """By code, as the SDK reads it."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client(store, "bcm-data-exports").get_export(ExportArn=ARN)
    with pytest.raises(ClientError, match="AWSOrganizationsNotInUseException"):
        client(store, "organizations").describe_organization()


def test_an_organisation_has_a_manager(store):
    """Whoever asks is a member, or it."""
    store.set_billing(manager="000000000009")

    found = client(store, "organizations").describe_organization()["Organization"]
    assert "000000000009" == found["MasterAccountId"]


@pytest.mark.parametrize(
    ("service", "operation", "asked"),
    [
        ("bcm-data-exports", "ListExports", {}),
        ("sts", "GetCallerIdentity", {}),
        ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::111122223333:role/r",
                               "RoleSessionName": "me"}),
    ],
)  # fmt: skip
def test_a_rule_refuses_in_the_words_of_the_service(store, service, operation, asked):
    """JSON or XML, whichever it speaks."""
    store.inject(
        Rule(
            action="status",
            operation=operation,
            status=403,
            code="AccessDenied",
            message="<no> & no",
        )
    )
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")

    with pytest.raises(ClientError) as raised:
        getattr(client(store, service), name)(**asked)
    assert {"Code": "AccessDenied", "Message": "<no> & no"} == {
        key: raised.value.response["Error"][key] for key in ("Code", "Message")
    }
