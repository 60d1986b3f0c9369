"""
IAM policies to paste: the same statements as a JSON document and as Terraform.

Actions and the resources they know are those of the service authorization reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/. ARNs are those of the partition
of the configured Region. A key may hold what IAM takes for a wildcard or a variable; such a letter
is written as the variable that stands for it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ogfd_aws.regions import partition_of

_VERSION: Final = "2012-10-17"
_WILD: Final = str.maketrans({"*": "${*}", "?": "${?}", "$": "${$}"})
_HCL: Final = str.maketrans({
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"
})  # fmt: skip
_SSO_ROLE: Final = "AWSReservedSSO_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a statement is bound to, such as ``StringLike``, ``s3:prefix``, one of ``cur/*``."""

    test: str
    variable: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    One statement that allows something.

    Attributes:
        sid: letters and digits; unique in a policy.
        actions: such as ``s3:GetObject``.
        resources: ARNs or ``*``; none in the trust policy of a role.
        conditions: all of which must hold.
        principal: ARN of who may, in the trust policy of a role.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    principal: str | None = None


def literal(text: str) -> str:
    """Return *text* as a policy means it, letter by letter."""
    return text.translate(_WILD)


def bucket_arn(region: str, bucket: str) -> str:
    """Return the ARN of *bucket* in the partition of *region*."""
    return f"arn:{partition_of(region)}:s3:::{bucket}"


def listing(region: str, bucket: str, prefix: str, *, sid: str) -> Statement:
    """Allow to list the keys of *bucket* that begin with *prefix*."""
    return Statement(
        sid=sid,
        actions=("s3:ListBucket",),
        resources=(bucket_arn(region, bucket),),
        conditions=(
            Condition(test="StringLike", variable="s3:prefix", values=(f"{literal(prefix)}*",)),
        ),
    )


def reading(region: str, bucket: str, prefix: str, *, sid: str) -> Statement:
    """Allow to read the objects of *bucket* whose keys begin with *prefix*."""
    arn = f"{bucket_arn(region, bucket)}/{literal(prefix)}*"
    return Statement(sid=sid, actions=("s3:GetObject",), resources=(arn,))


def decrypting(region: str, bucket: str, key: str | None, *, sid: str) -> Statement:
    """
    Allow to decrypt what lies in *bucket*.

    Args:
        region: of the bucket.
        bucket: its name.
        key: ARN of the key; None if it is not known. Then any key of the Region serves, for objects
            of this bucket alone: S3 tells KMS which one it is about.
            https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        sid: of the statement.
    """
    if key is not None:
        return Statement(sid=sid, actions=("kms:Decrypt",), resources=(key,))
    arn = bucket_arn(region, bucket)  # what S3 tells for a bucket with a key of its own
    return Statement(
        sid=sid,
        actions=("kms:Decrypt",),
        resources=(f"arn:{partition_of(region)}:kms:{region}:*:key/*",),
        conditions=(
            Condition(
                test="StringLike",
                variable="kms:EncryptionContext:aws:s3:arn",
                values=(arn, f"{arn}/*"),
            ),
        ),
    )


def on_all(sid: str, *actions: str) -> Statement:
    """Allow *actions* of services that know no resources."""
    return Statement(sid=sid, actions=actions, resources=("*",))


def trusting(caller: str, external_id: str | None) -> Statement:
    """
    Let *caller* assume the role whose trust policy this is.

    A session belongs to a role, and does not tell its path. Those of IAM Identity Center have one:
    https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html

    Args:
        caller: as ``sts:GetCallerIdentity`` tells its ARN.
        external_id: what it must give, if anything.
    """
    principal, conditions = caller, []
    account, session, rest = caller.replace(":sts:", ":iam:").partition(":assumed-role/")
    role = rest.partition("/")[0]
    if session and role.startswith(_SSO_ROLE):
        principal = f"{account}:root"
        path = f"{account}:role/aws-reserved/sso.amazonaws.com*/{role}"
        conditions = [Condition(test="ArnLike", variable="aws:PrincipalArn", values=(path,))]
    elif session:
        principal = f"{account}:role/{role}"
    if external_id is not None:
        told = Condition(test="StringEquals", variable="sts:ExternalId", values=(external_id,))
        conditions.append(told)
    return Statement(
        sid="OgfdTrust",
        actions=("sts:AssumeRole",),
        conditions=tuple(conditions),
        principal=principal,
    )


def assuming(role_arn: str) -> Statement:
    """Allow to assume the role."""
    return Statement(sid="OgfdAssumeRole", actions=("sts:AssumeRole",), resources=(role_arn,))


def grant(statements: Iterable[Statement], *, name: str = "ogfd") -> str:
    """Return one policy of all *statements*, each once, as JSON and as Terraform."""
    found = list(dict.fromkeys(statements))
    return "\n".join(
        (
            "IAM policy:",
            _json(found),
            "",
            "the same in Terraform:",
            _document(name, found),
            "",
            f'resource "aws_iam_policy" "{name}" {{',
            f'  name   = "{name}"',
            f"  policy = data.aws_iam_policy_document.{name}.json",
            "}",
        )
    )


def trust(caller: str, role_arn: str, external_id: str | None) -> str:
    """
    Return what lets *caller* assume the role: the role's trust policy, and a policy of its own.

    Args:
        caller: whose the credentials found are, as ``sts:GetCallerIdentity`` tells its ARN.
        role_arn: the role to assume.
        external_id: what it is assumed with, if anything.
    """
    statement = trusting(caller, external_id)
    return "\n".join(
        (
            f"trust policy of {role_arn}:",
            _json([statement]),
            "",
            "the same in Terraform, for assume_role_policy of that role:",
            _document("ogfd_trust", [statement]),
            "",
            f"and for {caller}, unless it may already:",
            grant([assuming(role_arn)], name="ogfd_assume"),
        )
    )


def _json(statements: Sequence[Statement]) -> str:
    told = {"Version": _VERSION, "Statement": [_statement(one) for one in statements]}
    return json.dumps(told, indent=2)


def _statement(one: Statement) -> Mapping[str, Any]:
    told: dict[str, Any] = {"Sid": one.sid, "Effect": "Allow"}
    if one.principal is not None:
        told["Principal"] = {"AWS": one.principal}
    told["Action"] = _only(one.actions)
    if one.resources:
        told["Resource"] = _only(one.resources)
    if one.conditions:
        told["Condition"] = {
            bound.test: {bound.variable: _only(bound.values)} for bound in one.conditions
        }
    return told


def _only(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def _document(name: str, statements: Sequence[Statement]) -> str:
    blocks = [_block(one) for one in statements]
    head = f'data "aws_iam_policy_document" "{name}" {{'
    return "\n".join((head, "\n\n".join(blocks), "}"))


def _block(one: Statement) -> str:
    lines = [("sid", _hcl(one.sid)), ("effect", _hcl("Allow")), ("actions", _list(one.actions))]
    if one.resources:
        lines.append(("resources", _list(one.resources)))
    parts = ["  statement {", _aligned(lines, "    ")]
    if one.principal is not None:
        told = [("type", _hcl("AWS")), ("identifiers", _list([one.principal]))]
        parts += ["", "    principals {", _aligned(told, "      "), "    }"]
    for bound in one.conditions:
        told = [
            ("test", _hcl(bound.test)),
            ("variable", _hcl(bound.variable)),
            ("values", _list(bound.values)),
        ]
        parts += ["", "    condition {", _aligned(told, "      "), "    }"]
    return "\n".join((*parts, "  }"))


def _aligned(lines: Sequence[tuple[str, str]], indent: str) -> str:
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{indent}{name:<{width}} = {value}" for name, value in lines)


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_hcl, values))}]"


def _hcl(text: str) -> str:
    """Quote *text* for Terraform, which would put its own values in place of ``${...}``."""
    quoted = text.translate(_HCL).replace("${", "$${").replace("%{", "%%{")
    return f'"{quoted}"'
