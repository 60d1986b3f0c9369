"""What ``ogfd check`` finds of credentials that are refused, and of a role."""

import json

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.config import AwsConfig
from ogfd_sandbox.faults import Rule

from ogfd.plugin import ErrorClass, FindingLevel

OK, WARNING, ERROR = FindingLevel
ROLE = "arn:aws:iam::123456789012:role/ogfd"
BASE = "arn:aws:sts::111122223333:assumed-role/base/i-0abc"


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


async def carbon_findings(shop, **keys):
    return await check(shop, shop.carbon(**keys))


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("ExpiredToken", 400, "credentials have expired"),
        ("InvalidClientTokenId", 403, "check access_key_id and secret_access_key"),
        ("SignatureDoesNotMatch", 403, "check access_key_id and secret_access_key"),
        ("RequestTimeTooSkewed", 403, "check NTP"),
    ],
)
async def test_refused_credentials_are_one_finding_without_a_grant(shop, made, code, status, words):
    """No policy helps somebody whom AWS does not let in; nothing else is probed."""
    shop.server.inject(denied("GetCallerIdentity", code=code, status=status))
    (found,) = await carbon_findings(shop)

    assert (ERROR, ErrorClass.AUTH, None) == (found.level, found.error_class, found.grant)
    assert code in found.message
    assert words in found.message


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("ExpiredToken", 400, "credentials have expired"),
        ("InvalidAccessKeyId", 403, "check access_key_id"),
        ("RequestTimeTooSkewed", 403, "check NTP"),
    ],
)
async def test_credentials_that_a_store_refuses_come_without_a_grant(shop, code, status, words):
    """A store that is S3 alone has nobody to ask whose they are."""
    shop.server.inject(denied("ListObjectsV2", code=code, status=status))
    (found,) = await findings(shop)

    assert (ERROR, ErrorClass.AUTH, None) == (found.level, found.error_class, found.grant)
    assert words in found.message


async def test_a_clock_that_is_off_is_told_by_its_words_too(shop, made):
    """Services without a code for it call the signature expired."""
    shop.server.inject(
        denied("GetCallerIdentity", "Signature expired: 20261120T000000Z is now earlier than "
               "20261120T001000Z", code="SignatureDoesNotMatch")
    )  # fmt: skip
    (found,) = await carbon_findings(shop)

    assert "check NTP" in found.message


async def test_a_role_that_may_not_be_assumed_comes_with_its_trust_policy(shop, made):
    """Whom it must trust is in the words of AWS; the external id goes with it."""
    said = f"User: {BASE} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    shop.server.inject(denied("AssumeRole", said))
    (found,) = await carbon_findings(shop, role_arn=ROLE, external_id="e-1")

    assert (ERROR, ErrorClass.AUTH) == (found.level, found.error_class)
    assert "AssumeRole: AccessDenied" in found.message
    text = found.grant.partition(":\n")[2].partition("\n\nthe same")[0]
    (statement,) = json.loads(text)["Statement"]
    assert {
        "Sid": "OgfdTrust", "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/base"},
        "Condition": {"StringEquals": {"sts:ExternalId": "e-1"}},
    } == statement  # fmt: skip
    assert ROLE == statements(found.grant)["OgfdAssumeRole"]["Resource"]


async def test_who_must_be_trusted_is_asked_for_if_it_is_not_told(shop, made):
    """The credentials before the role are good, but the connector is not signed in with them."""
    shop.server.inject(denied("AssumeRole"))
    ctx = shop.context()
    (found,) = await check(shop, shop.carbon(role_arn=ROLE), ctx)

    assert [] == ctx.identities
    assert f'"AWS": "arn:aws:iam::{made[0].payer}:user/ogfd"' in found.grant
    assert "ExternalId" not in found.grant


async def test_a_role_that_a_deny_keeps_from_being_assumed_has_no_grant(shop, made):
    """The deny has to go."""
    said = f"User: {BASE} is not authorized to perform: sts:AssumeRole on resource: {ROLE} with"
    shop.server.inject(denied("AssumeRole", f"{said} an explicit deny in an identity-based policy"))
    (found,) = await carbon_findings(shop, role_arn=ROLE)

    assert found.grant is None
    assert "take away the explicit deny in the identity-based policy" in found.message


async def test_a_role_that_can_be_assumed_is_who_asks(shop, made):
    """All streams are probed with it, and as that the connector is signed in."""
    shop.server.forget_requests()
    ctx = shop.context()
    found = await check(shop, shop.carbon(role_arn=ROLE), ctx)

    assert [OK] * 3 == [one.level for one in found]
    assert 1 == shop.server.count("AssumeRole")
    assumed, asked = ctx.identities
    assert assumed.startswith("arn:aws:sts::123456789012:assumed-role/ogfd/")
    assert found[0].message.endswith(asked)  # as AWS says when it is asked; the stand-in differs


async def test_an_identity_that_cannot_be_told_is_no_obstacle(shop, made):
    """A host may reach S3 and not STS."""
    shop.server.inject(denied("GetCallerIdentity", code="ServiceUnavailable", status=503))
    identity, emissions = await carbon_findings(shop)

    assert (WARNING, OK) == (identity.level, emissions.level)


async def test_missing_credentials_are_a_finding(shop):
    """Not a traceback."""
    config = AwsConfig.model_validate({"profile": "absent", "cost": {"bucket": "bills"}})
    (finding,) = await check(shop, config)

    assert (ERROR, ErrorClass.AUTH) == (finding.level, finding.error_class)
    assert "absent" in finding.message
