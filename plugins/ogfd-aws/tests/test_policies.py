"""Policies to paste."""

import json

import pytest
from ogfd_aws import policies
from ogfd_aws.policies import Statement, grant, trust, trusting

LISTING = policies.listing("eu-west-1", "bills", "cur/", sid="OgfdListCost")
READING = policies.reading("eu-west-1", "bills", "cur/acme/", sid="OgfdReadCost")
ROLE = "arn:aws:iam::123456789012:role/ogfd"

BOTH = """IAM policy:
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "OgfdListCost",
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::bills",
      "Condition": {
        "StringLike": {
          "s3:prefix": "cur/*"
        }
      }
    },
    {
      "Sid": "OgfdReadCost",
      "Effect": "Allow",
      "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::bills/cur/acme/*"
    }
  ]
}

the same in Terraform:
data "aws_iam_policy_document" "ogfd" {
  statement {
    sid       = "OgfdListCost"
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::bills"]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["cur/*"]
    }
  }

  statement {
    sid       = "OgfdReadCost"
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::bills/cur/acme/*"]
  }
}

resource "aws_iam_policy" "ogfd" {
  name   = "ogfd"
  policy = data.aws_iam_policy_document.ogfd.json
}"""


def test_a_policy_comes_as_json_and_as_terraform():
    """The same statements in both, each once; as `terraform fmt` leaves it."""
    assert BOTH == grant([LISTING, READING, LISTING])


def test_several_actions_are_a_list():
    """One is a text."""
    text = grant([policies.on_all("OgfdSee", "a:B", "c:D")])

    assert '"Action": [\n        "a:B",\n        "c:D"\n      ]' in text
    assert 'actions   = ["a:B", "c:D"]' in text


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
    ],
)
def test_arns_are_of_the_partition_of_the_region(region, partition):
    """China and GovCloud refuse others."""
    made = [
        policies.listing(region, "b", "", sid="S"),
        policies.reading(region, "b", "", sid="S"),
        policies.decrypting(region, "b", None, sid="S"),
    ]

    assert {partition} == {arn.split(":")[1] for one in made for arn in one.resources}


def test_a_key_is_meant_letter_by_letter():
    """AWS lets a prefix hold an asterisk, which is a wildcard in a policy, and Terraform has its
    own use for a dollar and a brace."""
    text = grant([policies.reading("us-east-1", "b", 'a*?$"\\%{x}/', sid="S")])

    arn = 'arn:aws:s3:::b/a${*}${?}${$}"\\%{x}/*'
    (statement,) = json.loads(text.partition(":\n")[2].partition("\n\nthe")[0])["Statement"]
    assert arn == statement["Resource"]
    assert 'resources = ["arn:aws:s3:::b/a$${*}$${?}$${$}\\"\\\\%%{x}/*"]' in text


@pytest.mark.parametrize(
    ("caller", "principal"),
    [
        ("arn:aws:iam::111122223333:user/ops/me", "arn:aws:iam::111122223333:user/ops/me"),
        ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
        (
            "arn:aws-cn:sts::111122223333:assumed-role/base/i-0abc",
            "arn:aws-cn:iam::111122223333:role/base",
        ),
    ],
)
def test_a_trust_policy_names_whom_it_trusts(caller, principal):
    """A session belongs to its role."""
    assert Statement(sid="OgfdTrust", actions=("sts:AssumeRole",), principal=principal) == trusting(
        caller, None
    )


def test_a_role_of_identity_center_is_trusted_by_its_path():
    """Its ARN holds a path that a session does not tell."""
    role = "AWSReservedSSO_Billing_0123456789abcdef"
    statement = trusting(f"arn:aws:sts::111122223333:assumed-role/{role}/me@example.com", "e1")

    assert "arn:aws:iam::111122223333:root" == statement.principal
    bound = {one.variable: (one.test, *one.values) for one in statement.conditions}
    path = f"arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com*/{role}"
    assert {
        "aws:PrincipalArn": ("ArnLike", path),
        "sts:ExternalId": ("StringEquals", "e1"),
    } == bound


def test_a_trust_policy_comes_with_what_the_other_side_needs():
    """Who is in another account needs a permission of its own."""
    text = trust("arn:aws:iam::111122223333:user/me", ROLE, "e1")

    assert f"trust policy of {ROLE}:\n{{" in text
    assert 'data "aws_iam_policy_document" "ogfd_trust" {' in text
    assert (
        """    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::111122223333:user/me"]
    }
"""
        in text
    )
    assert "and for arn:aws:iam::111122223333:user/me, unless it may already:" in text
    assert f'resources = ["{ROLE}"]' in text
