"""
What AWS says when it refuses an operation: whom, which, on what, and which policy is in the way.

    User: ARN is not authorized to perform: s3:GetObject on resource: "ARN" because no
    identity-based policy allows the s3:GetObject action
    ... on resource: ARN with an explicit deny in a service control policy

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html. Not every service
says it, and S3 only within an organisation; the operation may be another one than was asked for,
such as ``kms:Decrypt`` of an encrypted object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DENIED: Final = re.compile(
    r"(?:User: (?P<who>arn:\S+) is )?not authorized to perform: (?P<action>[\w-]+:\w+)"
    r'(?: on resource: "?(?P<resource>[^\s"]+)"?)?'
    r"(?: because no (?P<lacking>[\w -]+?) allows|(?P<denied> with an explicit deny)(?: in an? (?P<deny>[\w -]+))?)?"
)
_KMS: Final = re.compile(r"\bkms:|\bKMS\b|customer master key", re.IGNORECASE)
_ARN: Final = "arn:"
_OWN: Final = "identity-based policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """
    A refusal, as far as it was told.

    Attributes:
        who: ARN of who asked; None if it was not told.
        action: the action of IAM that is refused; None if it was not told.
        resource: its ARN; None if it was not told.
        lacking: the kind of policy that ought to allow it, if it is not one of who asks.
        deny: the kind of policy that denies it; then no grant helps.
    """

    who: str | None = None
    action: str | None = None
    resource: str | None = None
    lacking: str | None = None
    deny: str | None = None

    @property
    def advice(self) -> str | None:
        """What to do beside, or in place of, granting the action."""
        if self.deny is not None:
            return f"no grant helps: take away the explicit deny in the {self.deny}"
        if self.lacking is not None:
            return f"the {self.lacking} must allow it as well"
        return None


def denial_in(message: str) -> Denial:
    """Return what *message*, the words of AWS, tells of a refusal."""
    if (found := _DENIED.search(message)) is None:
        return Denial(action="kms:Decrypt" if _KMS.search(message) else None)
    resource, lacking, deny = found["resource"], found["lacking"], found["deny"]
    return Denial(
        who=found["who"],
        action=found["action"],
        resource=resource if resource is not None and resource.startswith(_ARN) else None,
        lacking=None if lacking == _OWN else lacking,
        deny=(deny or "policies").strip() if found["denied"] else None,
    )
