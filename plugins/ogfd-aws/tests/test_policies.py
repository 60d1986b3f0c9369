"""Policies to paste."""

import json
import re
from itertools import chain

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


TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.]*|[{}\[\]=,]|\n|[ \t]+|(?P<bad>.)')


class Hcl:
    """Reads as much of Terraform's language as policies need, and refuses the rest."""

    def __init__(self, text):
        found = list(TOKENS.finditer(text))
        assert [] == [each[0] for each in found if each["bad"]]
        self.tokens = [each[0] for each in found if each[0].strip() or each[0] == "\n"]

    def body(self, end=None):
        """Return attributes and blocks, as pairs, up to *end*."""
        found = []
        while self.tokens and self.tokens[0] != end:
            name = self.tokens.pop(0)
            if name == "\n":
                continue
            assert re.fullmatch(r"[a-z_]+", name)
            labels = []
            while self.tokens[0].startswith('"'):
                labels.append(self.tokens.pop(0))
            opened = self.tokens.pop(0)
            if opened == "=":
                assert [] == labels
                found.append((name, self.value()))
            else:
                assert ("{", "\n") == (opened, self.tokens.pop(0))
                found.append((name, self.body("}")))
                assert "}" == self.tokens.pop(0)
            assert not self.tokens or "\n" == self.tokens.pop(0)  # one on each line
        return found

    def value(self):
        token = self.tokens.pop(0)
        if token == "[":
            found = []
            while self.tokens[0] != "]":
                found.append(self.value())
                assert self.tokens[0] in {",", "]"}
                if self.tokens[0] == ",":
                    self.tokens.pop(0)
            self.tokens.pop(0)
            return found
        if not token.startswith('"'):
            return token  # a reference
        assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", token)  # Terraform would fill it in
        return json.loads(token).replace("$${", "${").replace("%%{", "%{")


def as_json(block):
    """Return a statement of Terraform as IAM has it."""
    found = {}
    for name, value in block:
        match name:
            case "principals":
                told = dict(value)
                found["Principal"] = {told["type"]: told["identifiers"]}
            case "condition":
                told = dict(value)
                condition = found.setdefault("Condition", {}).setdefault(told["test"], {})
                condition[told["variable"]] = told["values"]
            case "sid" | "effect":
                found[name.capitalize()] = value
            case "actions" | "resources":
                found[name.capitalize().removesuffix("s")] = value
            case _:
                raise AssertionError(name)
    return found


def listed(told):
    """Return a policy of IAM with a list wherever one may stand."""
    if isinstance(told, dict):
        single = {"Sid", "Effect"}
        return {name: one if name in single else listed(one) for name, one in told.items()}
    return [told] if isinstance(told, str) else told


ODD = 'a*?$"\\%{x}${y}\t/'
GRANTS = {
    "cost": grant([LISTING, READING]),
    "odd keys": grant(
        [
            policies.listing("cn-north-1", "b", ODD, sid="L"),
            policies.reading("cn-north-1", "b", ODD, sid="R"),
        ]
    ),
    "a key": grant([policies.decrypting("us-gov-west-1", "b", None, sid="D")]),
    "several": grant([policies.on_all("OgfdSee", "a:B", "c:D"), LISTING]),
    "trust": trust("arn:aws:iam::111122223333:user/me", ROLE, "e1"),
    "identity center": trust(
        "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Billing_01/me@x", ROLE, "e1"
    ),
}


@pytest.mark.parametrize("text", GRANTS.values(), ids=GRANTS)
def test_the_policy_in_terraform_is_the_one_in_json(text):
    """Both can be read, and say the same, statement by statement; nobody may everything."""
    documents = [
        json.loads(part[: part.index("\n}") + 2])["Statement"]
        for part in re.split(r"(?m)^(?=\{$)", text)[1:]
    ]
    blocks = re.findall(r'(?ms)^(?:data|resource) "\w+" "\w+" \{.*?^\}$', text)
    read = [block for text in blocks for block in Hcl(text).body()]
    statements = [
        [as_json(block) for name, block in body if name == "statement"]
        for kind, body in read
        if kind == "data"
    ]

    assert [[listed(one) for one in document] for document in documents] == statements
    names = re.findall(r'^data "aws_iam_policy_document" "(\w+)"', text, re.MULTILINE)
    for kind, body in read:
        if kind == "resource":
            assert dict(body)["policy"].split(".")[2] in names
    for one in chain.from_iterable(documents):
        assert re.fullmatch(r"[A-Za-z0-9]+", one["Sid"])
        assert "*" not in one["Action"]
    for document in documents:
        assert len(document) == len({one["Sid"] for one in document})
