"""Keys, and names that stand in queries."""

import json

import pytest
from ogfd_gcp.config import ENVIRONMENT, GcpConfig, principal
from ogfd_gcp.identifiers import DatasetName, TableName, column
from pydantic import ValidationError

BASE = {"job_project": "my-project"}


@pytest.mark.parametrize(
    "text",
    [
        "my-project.billing.gcp_billing_export_v1_012345_6789AB_CDEF01",
        "example.com:my-project.billing.table-1",
    ],
)
def test_tables_are_quoted_part_by_part(text):
    """Each part by itself, so that none can be more than a part."""
    name = TableName.parse(text)

    assert text == str(name)
    assert f"`{name.project}`.`{name.dataset}`.`{name.table}`" == name.quoted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dataset.table",
        "my-project.billing.t`; DROP TABLE x; --",
        "my-project.billing.t` UNION ALL SELECT",
        "my-project.billing.gcp_*",
        "my-project.billing.t$20260101",
        "my-project.bil ling.t",
        "my-project.billing.t\nx",
        "my-project`.billing.t",
        "My-Project.billing.t",
        "my-project.billing.information_schema.partitions",
        "my-project.billing.t' OR '1'='1",
    ],
)
def test_injection_by_a_table_is_refused(text):
    """In the configuration, before anything is asked."""
    for stream in ("cost", "carbon"):
        with pytest.raises(ValidationError) as caught:
            GcpConfig.model_validate({**BASE, stream: {"table": text}})
        assert "DROP" not in str(caught.value)


def test_a_reference_is_another_table():
    """Checked like the table: one and the same would prove nothing."""
    table = "my-project.billing.gcp_billing_export_v1_X"
    other = f"{table}Y"
    config = GcpConfig.model_validate({**BASE, "cost": {"table": table, "reference": other}})

    assert other == str(config.cost.other)
    for wrong, message in ((f" {table}", "is the table itself"), ("x` --", "is no table")):
        with pytest.raises(ValidationError, match=message):
            GcpConfig.model_validate({**BASE, "cost": {"table": table, "reference": wrong}})


@pytest.mark.parametrize("project", ["x", "my_project", "my-project`", "a b-c-d-e", "-project", ""])
def test_injection_by_a_project_is_refused(project):
    """It stands in addresses and names."""
    with pytest.raises(ValidationError):
        GcpConfig.model_validate({"job_project": project})


def test_injection_by_a_column_is_refused():
    """Should a name of one ever come from a schema."""
    assert "`usage_month`" == column("usage_month")
    with pytest.raises(ValueError, match="no plain name"):
        column("a` , (SELECT 1) AS `b")
    with pytest.raises(ValueError, match=r"project\.dataset"):
        DatasetName.parse("a.b.c")


def test_a_dataset_beside_the_table_names_the_export():
    """As the predecessor's two variables do."""
    config = GcpConfig.model_validate(
        {**BASE, "carbon": {"dataset": "carbon", "table": "carbon_footprint"}}
    )

    assert "my-project.carbon.carbon_footprint" == str(config.carbon.of(config.job_project))


@pytest.mark.parametrize(
    "keys",
    [
        {"billing_account_ids": ["012345"]},
        {"billing_account_ids": ["012345-6789AB-CDEF01", "012345-6789AB-CDEF01"]},
        {"maximum_bytes_billed": 1000},
        {"price_usd_per_tib": "-1"},
        {"endpoint": "ftp://example.com"},
        {"endpoint": "https://user:sesame@example.com"},
        {"endpoint": "https://example.com/?token=sesame"},
        {"tokens": "borrowed"},
        {"cost": {}},
        {"surprise": 1},
    ],
)
def test_mistakes_are_refused_without_being_quoted(keys):
    """They may hold a secret."""
    with pytest.raises(ValidationError) as caught:
        GcpConfig.model_validate({**BASE, **keys})

    assert "sesame" not in str(caught.value)


def test_accounts_may_be_one_text():
    """As a variable of the environment has them."""
    text = "012345-6789AB-CDEF01, AAAAAA-BBBBBB-CCCCCC"

    assert 2 == len(
        GcpConfig.model_validate({**BASE, "billing_account_ids": text}).billing_account_ids
    )


def test_limits_are_of_a_project_and_a_place():
    """A stand-in has its own."""
    at = GcpConfig.model_validate({**BASE, "endpoint": "http://127.0.0.1:9050/"})

    assert "my-project" == principal(GcpConfig.model_validate(BASE))
    assert "my-project at 127.0.0.1:9050" == principal(at)


def test_every_variable_leads_to_a_key():
    """Of the connector's table or of a stream's."""
    known = json.dumps(GcpConfig.model_json_schema())

    for key in ENVIRONMENT.values():
        assert f'"{key.rpartition(".")[2]}"' in known
