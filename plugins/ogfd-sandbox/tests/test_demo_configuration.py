"""What the demonstration configures, and the commands of the sandbox."""

import json
import tomllib
from decimal import Decimal

from click.testing import CliRunner
from ogfd_sandbox.__main__ import main
from ogfd_sandbox.azure.bill import Place as AzurePlace
from ogfd_sandbox.azure.server import AzureServer
from ogfd_sandbox.configuration import Gcp as GcpAccess
from ogfd_sandbox.configuration import environment, ogfd_toml
from ogfd_sandbox.cur import Month, Place
from ogfd_sandbox.demo import demo
from ogfd_sandbox.demo.clouds import GCP_CARBON, GCP_COST
from ogfd_sandbox.demo.command import secret


def test_the_configuration_is_toml_whatever_the_directory_is_called(tmp_path):
    """Quotes and backslashes in paths are escaped."""
    directory = tmp_path / 'a "b" \\c'
    text = ogfd_toml(
        endpoint_url="http://127.0.0.1:1",
        place=Place(bucket="billing", report="acme", prefix="cur/"),
        directory=directory,
        start=Month(2026, 1),
        listen="127.0.0.1:2",
    )
    found = tomllib.loads(text)

    assert str(directory / "ogfd.db") == found["sinks"]["main"]["path"]
    assert {"bucket": "billing", "prefix": "cur/", "report": "acme"} == found["connectors"][
        "aws-demo"
    ]["cost"]
    assert found["connectors"]["aws-demo"]["secret_access_key"].startswith("env:")
    assert ["aws-demo"] == list(found["connectors"])


def test_the_configuration_names_azure_and_whom_it_trusts(tmp_path):
    """Its certificates, its endpoints, and the secret by reference."""
    text = ogfd_toml(
        endpoint_url="http://127.0.0.1:1",
        place=Place(bucket="billing", report="acme"),
        directory=tmp_path,
        start=Month(2026, 1),
        listen="127.0.0.1:2",
        azure=AzureServer(),
        export=AzurePlace(container="bills"),
    )
    found = tomllib.loads(text)
    connector = found["connectors"]["azure-demo"]

    assert "ca_file" in found["daemon"]
    assert ("bills", "costs/acme-costs/") == tuple(
        connector["cost"][key] for key in ("container", "prefix")
    )
    assert {} == connector["carbon"]
    assert connector["client_secret"].removeprefix("env:") in environment({})


def test_the_configuration_names_google_cloud_and_where_its_key_lies(tmp_path):
    """The key itself is nowhere in it."""
    key = tmp_path / "gcp.json"
    text = ogfd_toml(
        endpoint_url="http://127.0.0.1:1",
        place=Place(bucket="billing", report="acme"),
        directory=tmp_path,
        start=Month(2026, 1),
        listen="127.0.0.1:2",
        gcp=GcpAccess(
            endpoint="http://127.0.0.1:3", credentials=key, cost=GCP_COST, carbon=GCP_CARBON
        ),
    )
    connector = tomllib.loads(text)["connectors"]["gcp-demo"]

    assert f"file:{key}" == connector["credentials"]
    assert "http://127.0.0.1:3" == connector["endpoint"]
    assert GCP_COST.path == connector["cost"]["table"]
    assert GCP_CARBON.path == connector["carbon"]["table"]


def test_a_key_is_written_for_its_owner_alone(tmp_path):
    """Also in place of one that others could read."""
    path = tmp_path / "gcp.json"
    path.write_text("old")
    path.chmod(0o644)
    written = secret(path, "new")

    assert path == written
    assert 0o600 == path.stat().st_mode & 0o777
    assert "new" == path.read_text()


def test_settings_of_the_user_do_not_reach_the_demonstration():
    """Neither a configuration, nor a cloud account, nor a predecessor's variables."""
    foreign = (
        "OGFD_CONFIG",
        "AWS_PROFILE",
        "AZURE_TENANT_ID",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "OFFGRIDFLOW_AWS_REGION",
    )
    found = environment({"PATH": "/bin"} | dict.fromkeys(foreign, "x"))

    assert "/bin" == found["PATH"]
    assert not {*foreign} & set(found)


def test_demo_is_announced_with_its_options():
    """The command loads without starting anything."""
    found = CliRunner().invoke(demo, ["--help"])

    assert 0 == found.exit_code
    assert "--once" in found.output
    assert "--keep" in found.output


def test_cur_writes_files_and_prints_their_truth(tmp_path):
    """For benchmarks: objects on disk, exact totals on stdout."""
    arguments = ["cur", "--rows", "300", "--files", "2", "--month", "2026-02", "--months", "2"]
    found = CliRunner().invoke(main, [*arguments, "--restated", "--out", str(tmp_path)])
    document = json.loads(found.output)

    assert ["2026-01", "2026-02", "2026-02"] == [each["month"] for each in document["assemblies"]]
    assert 300 == document["assemblies"][0]["rows"]
    for assembly in document["assemblies"]:
        assert Decimal(assembly["billed"]["USD"]) > 0
        assert all((tmp_path / entry["key"]).is_file() for entry in assembly["objects"])


def test_cur_refuses_what_is_no_month(tmp_path):
    """Before anything is written."""
    found = CliRunner().invoke(main, ["cur", "--month", "2026-13", "--out", str(tmp_path)])

    assert 2 == found.exit_code
    assert [] == list(tmp_path.iterdir())
