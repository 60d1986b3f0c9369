"""``ogfd check --discover``: what it prints can be pasted."""

import tomllib

import pytest
import starting
from ogfd_sandbox.carbon import publish
from ogfd_sandbox.configuration import SECRET_VARIABLE, environment

REPORT = {
    "ReportName": "acme", "TimeUnit": "DAILY", "Format": "textORcsv", "Compression": "GZIP",
    "AdditionalSchemaElements": [], "S3Bucket": "bills", "S3Prefix": "cur/2026",
    "S3Region": "eu-west-1", "ReportVersioning": "OVERWRITE_REPORT",
    "ReportStatus": {"lastStatus": "SUCCESS"},
}  # fmt: skip


@pytest.fixture
def ogfd(s3, tmp_path):
    """Run the program on a connector that has credentials and no stream yet."""
    s3.heal()
    publish(s3, [], payer="000000000042")
    config = tmp_path / "ogfd.toml"
    config.write_text(
        f"""
[daemon]
state_dir = "{tmp_path}/state"
listen = "127.0.0.1:0"
[sinks.main]
type = "sqlite"
path = "{tmp_path}/ogfd.db"
[connectors.aws-prod]
type = "aws"
endpoint_url = "{s3.url}"
access_key_id = "test"
secret_access_key = "env:{SECRET_VARIABLE}"
"""
    )

    def run(*arguments):
        return starting.run("-c", config, *arguments, environ=environment())

    return run


def test_what_is_suggested_is_a_configuration(ogfd, s3, tmp_path):
    """Beside the connector's own table, in a file of ogfd.d."""
    s3.set_billing(reports=[REPORT])
    found = ogfd("check", "--discover")
    _, _, printed = found.stdout.partition("To configure:\n")
    pasted = "\n".join(line for line in printed.splitlines() if line.startswith("  "))

    assert 0 == found.returncode
    cost = {"bucket": "bills", "prefix": "cur/2026", "report": "acme"}
    told = {"aws-prod": {"region": "eu-west-1", "cost": cost}}
    assert {"connectors": told} == tomllib.loads(pasted)
    (tmp_path / "ogfd.d").mkdir()
    (tmp_path / "ogfd.d" / "cost.toml").write_text(pasted)
    assert 0 == ogfd("config", "validate").returncode
