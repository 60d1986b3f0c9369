"""The tables of the configuration."""

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.config import ENVIRONMENT, AwsConfig, CostConfig, principal
from pydantic import ValidationError

from ogfd.plugin import Secret

ROLE = "arn:aws:iam::123456789012:role/ogfd"


def test_nothing_has_to_be_said():
    """The default chain of the SDK finds credentials."""
    assert "us-east-1" == AwsConfig().region
    assert AwsConfig().cost is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"regon": "x"}, "Extra inputs"),
        ({"region": "virginia"}, "region"),
        ({"role_arn": "ogfd"}, "role_arn"),
        (
            {"endpoint_url": "s3.example.com"},
            "endpoint_url\n.* must begin with http:// or https://",
        ),
        ({"endpoint_url": "ftp://s3.example.com"}, "must begin with http:// or https://"),
        ({"endpoint_url": "http://"}, "it names no host"),
        ({"endpoint_url": "https:///bucket"}, "it names no host"),
        ({"endpoint_url": "https://:9000"}, "it names no host"),
        ({"endpoint_url": "http://s3 .example.com"}, "a space"),
        ({"endpoint_url": "http://s3.example.com\n"}, "a space"),
        ({"endpoint_url": "http://s3.example.com:port"}, "host or port is malformed"),
        ({"endpoint_url": "http://[::1"}, "host or port is malformed"),
        ({"access_key_id": "AKIA"}, "belong together"),
        ({"secret_access_key": Secret("env:X")}, "belong together"),
        ({"session_token": Secret("env:X")}, "session_token needs"),
        ({"external_id": "xy"}, "external_id needs role_arn"),
        ({"role_arn": ROLE, "external_id": "a b"}, "external_id"),
        ({"cost": {}}, "bucket"),
        ({"cost": {"bucket": "s3://b"}}, "bucket"),
        ({"cost": {"bucket": "bbb", "report": "a/b"}}, "report"),
        ({"carbon_export": {}}, "bucket"),
        ({"carbon_export": {"bucket": "bbb", "export": "a/b"}}, "export"),
        ({"carbon_export": {"bucket": "bbb", "model_version": "3"}}, "model_version"),
        ({"carbon": {}, "carbon_export": {"bucket": "bbb"}}, "same emissions, .* remove one"),
        ({"access_key_id": "A", "secret_access_key": Secret("env:X"), "profile": "p"}, "not both"),
    ],
)
def test_mistakes_are_refused(values, words):
    """When the configuration is loaded, not at the first request."""
    with pytest.raises(ValidationError, match=words):
        AwsConfig.model_validate(values)


@pytest.mark.parametrize(
    "url", ["http://localhost:9000", "https://s3.example.com/path", "http://[::1]:9000"]
)
def test_an_endpoint_is_taken_as_it_is_written(url):
    """A text, nothing added."""
    assert url == AwsConfig(endpoint_url=url).endpoint_url


def test_plain_secrets_are_refused():
    """They are references."""
    with pytest.raises(ValidationError, match="plain secrets"):
        AwsConfig.model_validate({"access_key_id": "A", "secret_access_key": "plain"})


@pytest.mark.parametrize(
    "region", ["us-gov-west-1", "cn-north-1", "eusc-de-east-1", "mx-central-1"]
)
def test_regions_of_every_partition_are_taken(region):
    """GovCloud, China, the sovereign cloud."""
    assert region == AwsConfig(region=region).region


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "default"),
        ({"profile": "billing"}, "billing"),
        ({"profile": "billing", "role_arn": ROLE}, "123456789012"),
        ({"access_key_id": "AKIA1", "secret_access_key": Secret("env:X")}, "AKIA1"),
        ({"profile": "billing", "endpoint_url": "http://u@minio:9000"}, "billing at minio"),
    ],
)
def test_connectors_of_one_account_share_its_limit(values, expected):
    """As far as the configuration tells which account it is."""
    assert expected == principal(AwsConfig.model_validate(values))


def test_every_variable_of_the_predecessor_names_a_setting():
    """Dotted keys of the table."""
    assert "region" == ENVIRONMENT["OFFGRIDFLOW_AWS_REGION"]
    assert "cost.bucket" == ENVIRONMENT["OFFGRIDFLOW_AWS_CUR_BUCKET"]
    for key in ENVIRONMENT.values():
        model, _, name = key.rpartition(".")
        assert name in (CostConfig if model else AwsConfig).model_fields


def test_the_plugin_announces_the_connector():
    """Its streams, its limits, its check."""
    spec = ogfd_connector()

    assert {"cost", "carbon", "carbon_export"} <= set(spec.streams)
    assert ("aws", "aws") == (spec.name, spec.provider)
    assert (5, 10) == (spec.limits["sustainability"].rate, spec.limits["sustainability"].burst)
    assert (50, 100) == (spec.limits["s3"].rate, spec.limits["s3"].burst)
    assert (5, 100) == (spec.limits[""].rate, spec.limits[""].burst)
