"""What AWS says when it refuses."""

import pytest
from ogfd_aws.denials import Denial, denial_in

USER = "arn:aws:iam::111122223333:user/me"
SAID = f"User: {USER} is not authorized to perform: s3:GetObject"
BUCKET = "arn:aws:s3:::bills/cur/x"
OWN = f'{SAID} on resource: "{BUCKET}" because no identity-based policy allows the s3:GetObject'


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("AccessDenied: Access Denied [request R1]", Denial()),
        (
            f"AccessDenied: {OWN} action [request R1]",
            Denial(who=USER, action="s3:GetObject", resource=BUCKET),
        ),
        (
            f'{SAID} on resource: "{BUCKET}" with an explicit deny in a resource-based policy',
            Denial(who=USER, action="s3:GetObject", resource=BUCKET, deny="resource-based policy"),
        ),
        (
            f"{SAID} because no permissions boundary allows the s3:GetObject action",
            Denial(who=USER, action="s3:GetObject", lacking="permissions boundary"),
        ),
        (
            f"{SAID} on resource: * because no VPC endpoint policy allows the s3:GetObject action",
            Denial(who=USER, action="s3:GetObject", lacking="VPC endpoint policy"),
        ),
        (
            f"{SAID} with an explicit deny",
            Denial(who=USER, action="s3:GetObject", deny="policies"),
        ),
        ("KMS.AccessDeniedException: no", Denial(action="kms:Decrypt")),
        ("The ciphertext refers to a customer master key", Denial(action="kms:Decrypt")),
        ("", Denial()),
    ],
)
def test_the_words_of_aws_are_read(message, expected):
    """The operation, on what, whose policy; as far as they go."""
    assert expected == denial_in(message)


def test_advice_is_given_only_if_a_grant_is_not_all():
    """A policy of one's own is what the grant is."""
    assert Denial(action="s3:GetObject").advice is None
    assert "must allow it as well" in Denial(lacking="permissions boundary").advice
    assert (
        "explicit deny in the service control policy"
        in Denial(deny="service control policy").advice
    )
