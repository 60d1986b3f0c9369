"""What ``ogfd check`` finds."""

import json
from datetime import UTC, datetime

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.config import AwsConfig
from ogfd_sandbox.carbon import publish
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel, Parked, Secret

OK, WARNING, ERROR = FindingLevel
BASE = "arn:aws:sts::111122223333:assumed-role/base/i-0abc"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234"
NO_KEY = (
    f"User: {BASE} is not authorized to perform: kms:Decrypt on resource: {KEY} because no "
    "identity-based policy allows the kms:Decrypt action"
)
OLDER = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access."
)


def denied(operation, message="Access Denied", code="AccessDenied", status=403):
    return Rule(
        action="status", operation=operation, status=status, code=code, message=message, times=99
    )


async def check(shop, config, ctx=None):
    return await ogfd_connector().check(config, ctx or shop.context())


async def findings(shop, **cost):
    return await check(shop, shop.config(**cost))


def statements(grant):
    """Return the statements of the JSON policy, by sid."""
    text = grant.partition("IAM policy:\n")[2].partition("\n\nthe same")[0]
    return {one["Sid"]: one for one in json.loads(text)["Statement"]}


async def test_a_readable_report_is_ok(shop, write):
    """Both permissions are there, and the newest month is named."""
    shop.put_month({"1.csv.gz": write([{}])})

    listing, reading = await findings(shop)
    assert (OK, OK) == (listing.level, reading.level)
    assert "legacy Cost and Usage Report acme under cur/acme/, 1 billing periods" == listing.message
    assert "2026-10 can be read" == reading.message


async def test_a_month_not_published_yet_is_no_error(shop):
    """AWS delivers within a day."""
    shop.put("cur/acme/20261001-20261101/x/acme-1.csv.gz", b"")

    _, reading = await findings(shop)
    assert (OK, "not published yet: pending") == (reading.level, reading.message)


async def test_a_bucket_that_may_not_be_listed_comes_with_the_policy_to_grant(shop, write):
    """Whether objects may be read cannot be probed without, so that is granted too."""
    shop.put_month({"1.csv.gz": write([{}])})
    shop.server.inject(denied("ListObjectsV2"))

    (listing,) = await findings(shop)
    assert (ERROR, ErrorClass.AUTH) == (listing.level, listing.error_class)
    arn = f"arn:aws:s3:::{shop.bucket}"
    found = statements(listing.grant)
    assert {
        "Sid": "OgfdListCost", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn,
        "Condition": {"StringLike": {"s3:prefix": "cur/*"}},
    } == found.pop("OgfdListCost")  # fmt: skip
    assert {"OgfdReadCost": f"{arn}/cur/*"} == {sid: s["Resource"] for sid, s in found.items()}


async def test_objects_that_may_not_be_read_come_with_that_alone(shop, write):
    """What is granted already is not in the policy, and no more than the report may be read."""
    shop.put_month({"1.csv.gz": write([{}])})
    shop.server.inject(denied("GetObject"))

    listing, reading = await findings(shop)
    assert (OK, None) == (listing.level, listing.grant)
    assert (ERROR, ErrorClass.AUTH) == (reading.level, reading.error_class)
    found = statements(reading.grant)
    assert {"OgfdReadCost": f"arn:aws:s3:::{shop.bucket}/cur/acme/*"} == {
        sid: one["Resource"] for sid, one in found.items()
    }
    assert 'data "aws_iam_policy_document" "ogfd" {' in reading.grant


@pytest.mark.parametrize(
    ("message", "resource"), [(NO_KEY, KEY), (OLDER, "arn:aws:kms:us-east-1:*:key/*")]
)
async def test_an_encrypted_bucket_wants_the_key(shop, write, message, resource):
    """The object may be read, its key not: of an unknown key, for this bucket's objects alone."""
    shop.put_month({"1.csv.gz": write([{}])})
    shop.server.inject(denied("GetObject", message))

    (decrypting,) = statements((await findings(shop))[-1].grant).values()
    assert ("OgfdDecryptCost", "kms:Decrypt", resource) == (
        decrypting["Sid"],
        decrypting["Action"],
        decrypting["Resource"],
    )
    arn = f"arn:aws:s3:::{shop.bucket}"
    bound = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": [arn, f"{arn}/*"]}}
    assert decrypting.get("Condition") == (None if resource == KEY else bound)


async def test_a_missing_object_without_the_right_to_list_wants_the_right_to_list(shop, write):
    """S3 says so within an organisation."""
    shop.put_month({"1.csv.gz": write([{}])})
    said = 'is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::b" because no'
    shop.server.inject(denied("GetObject", f"{said} identity-based policy allows the action"))

    assert ["OgfdListCost"] == list(statements((await findings(shop))[-1].grant))


async def test_no_grant_helps_against_an_explicit_deny(shop, write):
    """It says which kind of policy has to change."""
    shop.put_month({"1.csv.gz": write([{}])})
    said = f'User: {BASE} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b"'
    deny = f"{said} with an explicit deny in a service control policy"
    shop.server.inject(denied("GetObject", deny))

    reading = (await findings(shop))[-1]
    assert (ERROR, None) == (reading.level, reading.grant)
    assert "take away the explicit deny in the service control policy" in reading.message


async def test_a_policy_of_somebody_else_is_named(shop, write):
    """The grant alone would not do."""
    shop.put_month({"1.csv.gz": write([{}])})
    said = f"User: {BASE} is not authorized to perform: kms:Decrypt on resource: {KEY} because no"
    shop.server.inject(denied("GetObject", f"{said} resource-based policy allows the action"))

    reading = (await findings(shop))[-1]
    assert reading.grant is not None
    assert "the resource-based policy must allow it as well" in reading.message


async def carbon_findings(shop, **keys):
    return await check(shop, shop.carbon(**keys))


async def test_readable_emissions_are_ok(shop, made):
    """Whose the credentials are, how far emissions go and by which model, and whose they are."""
    identity, emissions, whose = await carbon_findings(shop)

    payer = made[0].payer
    assert (OK, f"account {payer}, arn:aws:iam::{payer}:user/ogfd") == (
        identity.level,
        identity.message,
    )
    assert (OK, "sustainability:GetEstimatedCarbonEmissions") == (
        emissions.level,
        emissions.subject,
    )
    assert "2 months up to 2026-09, model v3.0.0" == emissions.message
    assert (OK, f"data of {payer}", "in no organisation: what is its own") == (
        whose.level,
        whose.subject,
        whose.message,
    )


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        (None, "in no organisation: what is its own"),
        ("self", "the management account: what is its own and of all its members"),
        ("000000000009", "seen from 000000000009, which must not be configured beside it"),
    ],
)
async def test_whose_footprint_is_seen_is_told(shop, made, manager, words):
    """A management account sees its members, a member sees itself."""
    shop.server.set_billing(manager=made[0].payer if manager == "self" else manager)
    whose = (await carbon_findings(shop))[-1]

    assert OK is whose.level
    assert words in whose.message


@pytest.mark.parametrize("status", [400, 503])
async def test_an_organisation_that_cannot_be_asked_about_is_no_error(shop, made, status):
    """Nothing else needs that permission."""
    code = {400: "AccessDeniedException", 503: "ServiceUnavailable"}[status]
    shop.server.inject(denied("DescribeOrganization", code=code, status=status))
    whose = (await carbon_findings(shop))[-1]

    assert (OK, None) == (whose.level, whose.grant)
    assert "organisation" in whose.message


async def test_emissions_not_published_yet_are_no_error(shop):
    """A young account has none."""
    publish(shop.server, [], payer="000000000042")
    _, found, _ = await carbon_findings(shop)

    assert (OK, "nothing published: pending") == (found.level, found.message)


async def test_a_missing_permission_for_carbon_comes_with_its_policy(shop, made):
    """One action; the service knows no resources."""
    shop.server.inject(denied("GetEstimatedCarbonEmissions", code="AccessDeniedException"))
    _, found, _ = await carbon_findings(shop)

    assert (ERROR, ErrorClass.AUTH) == (found.level, found.error_class)
    (statement,) = statements(found.grant).values()
    assert ("sustainability:GetEstimatedCarbonEmissions", "*") == (
        statement["Action"],
        statement["Resource"],
    )


async def test_all_that_is_missing_is_one_policy(shop, made, write):
    """Printed once, however many streams miss something."""
    shop.put_month({"1.csv.gz": write([{}])})
    shop.server.inject(
        denied("GetObject"),
        denied("GetEstimatedCarbonEmissions", code="AccessDeniedException"),
    )
    config = shop.carbon(cost={"bucket": shop.bucket, "prefix": "cur"})

    missing = [one for one in await check(shop, config) if one.grant]
    assert 2 == len(missing)
    (grant,) = {one.grant for one in missing}
    assert ["OgfdReadCost", "OgfdReadCarbon"] == list(statements(grant))


async def test_a_readable_carbon_export_is_ok_and_a_refused_one_has_statements_of_its_own(shop):
    """Listing, then the manifest of the newest month."""
    root = "carbon/footprint/metadata/model_version=v3.0.0"
    for month in ("2026-08", "2026-09"):
        shop.put(f"{root}/usage_period={month}/footprint-Manifest.json", b"{}")
    config = AwsConfig.model_validate(
        shop.config().model_dump(exclude={"cost"})
        | {"secret_access_key": Secret("test")}
        | {"carbon_export": {"bucket": shop.bucket, "prefix": "carbon"}}
    )

    listing, reading = await check(shop, config)
    said = "carbon export footprint under carbon/footprint/, 2 months, the newest by model v3.0.0"
    assert (OK, said) == (listing.level, listing.message)
    assert (OK, "2026-09 can be read") == (reading.level, reading.message)
    shop.server.inject(denied("GetObject"))
    reading = (await check(shop, config))[-1]
    assert ["OgfdReadCarbonExport"] == list(statements(reading.grant))


async def test_the_model_that_is_read_is_the_one_that_is_probed(shop):
    """The newest, or the pinned one; a pin that leads nowhere fails the check as it would a run."""
    for model in ("v3.9.0", "v3.10.0"):
        folder = f"exports/co2/metadata/model_version={model}/usage_period=2026-09"
        shop.put(f"{folder}/co2-Manifest.json", b"{}")

    for pin, model in ((None, "v3.10.0"), ("v3.9.0", "v3.9.0")):
        listing, reading = await check(shop, shop.carbon_export(model_version=pin))
        assert listing.message.endswith(f"1 months, the newest by model {model}")
        assert f"model_version={model}/" in reading.subject
    (listing,) = await check(shop, shop.carbon_export(model_version="v1.0.0"))
    assert (ERROR, ErrorClass.BAD_REQUEST) == (listing.level, listing.error_class)


EVERY = (
    "s3:ListObjectsV2",
    "sustainability:GetEstimatedCarbonEmissions",
    "ce:GetCostAndUsage",
    "sts:GetCallerIdentity",
    "organizations:DescribeOrganization",
)


@pytest.mark.parametrize("parked", EVERY)
async def test_a_probe_that_would_have_to_wait_is_a_finding_and_the_others_go_on(
    shop, made, write, parked
):
    """Such as after a ``Retry-After`` of an hour, or while a breaker is open."""
    shop.put_month({"1.csv.gz": write([{}])})
    config = shop.carbon(cost={"bucket": shop.bucket, "prefix": "cur"}, cost_explorer={})
    ctx = shop.context()

    async def before(call):
        if call.operation == parked:
            raise Parked("asked to wait", next_due=datetime(2026, 11, 21, tzinfo=UTC))

    ctx.before = before
    found = await ogfd_connector().check(config, ctx)

    fine = {one.subject for one in found if one.level is OK}
    waiting = [one for one in found if "asked to wait" in one.message]
    if parked == "organizations:DescribeOrganization":
        whole = await ogfd_connector().check(config, shop.context())
        assert {one.subject for one in whole} == fine
    else:
        assert 1 == len(waiting)
        assert OK is not waiting[0].level
        assert 3 <= len(fine) == len(found) - 1


@pytest.mark.parametrize(
    "parked", ["cur:DescribeReportDefinitions", "bcm-data-exports:ListExports"]
)
async def test_a_search_that_would_have_to_wait_is_a_finding_and_the_other_goes_on(shop, parked):
    """Reports are asked for at one service, exports at another."""
    shop.server.set_billing()
    ctx = shop.context()

    async def before(call):
        if call.operation == parked:
            raise Parked("asked to wait", next_due=datetime(2026, 11, 21, tzinfo=UTC))

    ctx.before = before
    (finding,) = await ogfd_connector().discover(shop.carbon(), ctx)

    assert (ERROR, parked, "asked to wait") == (finding.level, finding.subject, finding.message)


async def test_a_wrong_prefix_needs_no_grant(shop):
    """The permission is there, the report is not."""
    (listing,) = await findings(shop)

    assert (ERROR, ErrorClass.NOT_FOUND) == (listing.level, listing.error_class)
    assert listing.grant is None


async def test_a_connector_without_streams_is_warned_about(shop):
    """It would do nothing."""
    (finding,) = await check(shop, AwsConfig())

    assert WARNING is finding.level
