"""``ogfd check`` and ``--discover``: what is missing, and the command that mends it."""

from datetime import UTC, datetime

from ogfd_gcp import ogfd_connector
from ogfd_sandbox.bigquery.tables import Partitioning, Table

from ogfd.plugin import ErrorClass, FindingLevel

CARBON = Table(
    name="carbon_footprint",
    dataset="carbon",
    location="EU",
    partitioning=Partitioning(unit="MONTH", field="usage_month"),
)
BILL = Table(
    name="gcp_billing_export_v1_012345_6789AB_CDEF01", partitioning=Partitioning(unit="DAY")
)
DETAILED = Table(name="gcp_billing_export_resource_v1_012345_6789AB_CDEF01")
FOCUS = Table(name="gcp_billing_export_focus_012345_6789AB_CDEF01_US", dataset="immutable")
EMAIL = "ogfd-reader@acme-finops.iam.gserviceaccount.com"


async def found(cloud, **keys):
    spec = ogfd_connector()
    keys = {"carbon": CARBON, "cost": BILL} | keys
    return list(await spec.check(cloud.config(**keys), cloud.context()))


def of(findings, level):
    return [one for one in findings if one.level is level]


async def test_all_is_well(cloud, charged, emitted):
    """It says who asks and what there is; nothing is billed beyond the least."""
    cloud.put_carbon(emitted("2026-09"), emitted("2026-10"))
    cloud.put_bill(charged())

    findings = await found(cloud)

    assert {FindingLevel.OK} == {one.level for one in findings}
    assert any(EMAIL in one.message for one in findings)
    assert any("2 months up to 2026-10 of 1 accounts; in EU" in one.message for one in findings)
    assert any("1 days of export up to 2026-10-02; in US" in one.message for one in findings)


async def test_a_missing_role_comes_with_its_grant(cloud, charged, emitted):
    """Ready to paste, for the account that asks."""
    cloud.put_carbon(emitted())
    cloud.put_bill(charged())
    cloud.server.deny("bigquery.jobs.create")
    (refused,) = of(await found(cloud), FindingLevel.ERROR)
    cloud.server.deny("bigquery.tables.getData", "bigquery.tables.get")
    closed = of(await found(cloud), FindingLevel.ERROR)

    assert (
        f"gcloud projects add-iam-policy-binding acme-finops --member=serviceAccount:{EMAIL} "
        "--role=roles/bigquery.jobUser --condition=None"
    ) == refused.grant
    assert ErrorClass.AUTH is refused.error_class
    assert 2 == len(closed)
    assert all("roles/bigquery.dataViewer" in one.grant for one in closed)
    assert any("ON SCHEMA `acme-finops`.`carbon`" in one.grant for one in closed)


async def test_credentials_that_are_refused_are_one_finding(cloud, charged, monkeypatch):
    """No role would help; the key is never told."""
    monkeypatch.setenv("OGFD_TEST_KEY", '{"type": "service_account", "private_key": "sesame"}')

    findings = await found(cloud)

    assert 1 == len(findings)
    assert ErrorClass.AUTH is findings[0].error_class
    assert "sesame" not in str(findings)


async def test_months_that_google_corrected_are_named(cloud, charged, emitted):
    """With the day for which the data transfer has to run again."""
    times = {
        "202511": datetime(2025, 12, 15, tzinfo=UTC),
        "202610": datetime(2026, 11, 15, tzinfo=UTC),
    }
    cloud.put_carbon(emitted("2025-11"), emitted("2026-10"), modified=times)

    (finding,) = of(await found(cloud, cost=None), FindingLevel.WARNING)

    assert "corrections of 2025-11" in finding.subject
    assert "2025-12-15" in finding.message
    assert "Cloud Run" in finding.message


async def test_late_mixed_and_marketless_months_are_named(cloud, emitted):
    """What only their owner can mend."""
    cloud.put_carbon(
        emitted("2026-08", market=None),
        emitted("2026-08", market=None, model=13, project=("x", "9")),
    )

    warnings = of(await found(cloud, cost=None), FindingLevel.WARNING)

    assert ["months", "market-based figures", "model versions"] == [
        one.subject.partition(" of ")[0] for one in warnings
    ]
    assert ["2026-10 ", "not in 2026-08", "more than one in 2026-08"] == [
        one.message[: len(start)]
        for one, start in zip(
            warnings, ("2026-10 ", "not in 2026-08", "more than one in 2026-08"), strict=True
        )
    ]


async def test_exports_are_found_and_suggested(cloud, charged, emitted):
    """By how their names begin: one to read, and one of the same account to compare with."""
    cloud.put_carbon(emitted())
    for name in ("gcp_billing_export_resource_v1_X", DETAILED.name, BILL.name, "sales"):
        cloud.put_bill(charged(), table=Table(name=name))
    cloud.put_bill(charged(), table=FOCUS)
    spec = ogfd_connector()

    findings = await spec.discover(cloud.config(), cloud.context())

    assert [
        {"carbon": {"table": CARBON.path}},
        {"cost": {"table": BILL.path, "reference": DETAILED.path}},
    ] == [one.suggestion for one in findings if one.suggestion]
    told = {one.subject: one.message for one in findings}
    assert "of the same account, to compare with" in told[FOCUS.path]
    assert "in another connector" in told["acme-finops.billing.gcp_billing_export_resource_v1_X"]


async def test_an_account_that_is_read_is_not_to_be_read_twice(cloud, charged):
    """
    Another export of it may be its reference, if there is none yet.

    One of another account never takes the place of what is configured.
    """
    other = Table(name="gcp_billing_export_v1_0A0000_000000_000000")
    for table in (BILL, DETAILED, FOCUS, other):
        cloud.put_bill(charged(), table=table)
    spec = ogfd_connector()

    found = await spec.discover(cloud.config(cost=DETAILED), cloud.context())
    config = cloud.config(cost=DETAILED, reference=FOCUS)
    again = await spec.discover(config, cloud.context())

    assert [{"cost": {"reference": BILL.path}}] == [
        one.suggestion for one in found if one.suggestion
    ]
    assert "in use" == {one.subject: one.message for one in found}[DETAILED.path]
    assert not [one for one in again if one.suggestion]
    assert 2 == [one.message for one in again].count("in use")


async def test_a_reference_is_probed(cloud, charged):
    """As an export of its own, which may be in a dataset that is closed."""
    cloud.put_bill(charged())
    cloud.put_bill(charged(), table=DETAILED)
    config = cloud.config(cost=BILL, reference=DETAILED)
    spec = ogfd_connector()

    fine = await spec.check(config, cloud.context())
    cloud.put_bill(charged(), table=DETAILED, without=["invoice"])
    other = await spec.check(config, cloud.context())

    assert f"bigquery.tables.getData {DETAILED.path}" == fine[-1].subject
    assert "ogfd reconcile compares with it; in US" == fine[-1].message
    assert all(job.dry_run for job in cloud.queries("totals"))
    assert "is no billing export: it lacks invoice.month" in other[-1].message


async def test_accounts_that_a_table_lacks_are_named(cloud, charged, emitted):
    """With those that it has; of a bill, by the account's column of its last days alone."""
    there, nowhere = "012345-6789AB-CDEF01", "0A0000-000000-000000"
    cloud.put_carbon(emitted("2026-09"), emitted("2026-10"))
    cloud.put_bill(charged())

    some = await found(cloud, billing_account_ids=(there, nowhere))
    none = await found(cloud, billing_account_ids=(nowhere,))
    fine = await found(cloud, billing_account_ids=(there,))

    for findings in (some, none):
        warnings = of(findings, FindingLevel.WARNING)
        assert [f"billing_account_ids of {table.path}" for table in (CARBON, BILL)] == [
            one.subject for one in warnings
        ]
        for one in warnings:
            assert f"no rows of {nowhere}" in one.message
            assert f"there are rows of {there}:" in one.message
    assert {FindingLevel.OK} == {one.level for one in fine}
    assert any("2 months up to 2026-10 of 1 accounts" in one.message for one in some)
    assert not any("months up to" in one.message for one in none)


async def test_nothing_configured_and_nothing_there(cloud):
    """Both say what to do."""
    spec = ogfd_connector()
    config = cloud.config()

    checked = await spec.check(config, cloud.context())
    discovered = await spec.discover(config, cloud.context())

    assert FindingLevel.WARNING is checked[-1].level
    assert "export-data-bigquery-setup" in discovered[-1].message
