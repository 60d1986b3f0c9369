"""Checksums that objects should have."""

import hashlib
from typing import Any

import pytest

from ogfd.plugin import FatalError
from ogfd.traffic.downloads.digest import Digest

EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"])
def test_the_right_bytes_pass_and_others_do_not(algorithm: Any) -> None:
    """In however many parts; the message has both digests."""
    right, wrong = (hashlib.new(algorithm, body).hexdigest() for body in (b"abc", b"abd"))
    digest = Digest(f"{algorithm}:{right.upper()}")
    for part in (b"a", b"", b"bc"):
        digest.add(part)
    digest.check("x.csv")

    digest.restart()
    digest.add(b"abd")
    with pytest.raises(FatalError) as raised:
        digest.check("x.csv")
    assert f"x.csv has the digest {algorithm}:{wrong} and should have {algorithm}:{right}" in str(
        raised.value
    )


def test_no_bytes_have_a_digest_too() -> None:
    """That of an empty file."""
    Digest(f"md5:{EMPTY_MD5}").check("x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "md5",
        EMPTY_MD5,
        "md5:",
        f"md5:{EMPTY_MD5[1:]}",
        f"md5:{EMPTY_MD5[1:]}g",
        f"md5:{EMPTY_MD5[1:]} ",
        f"sha256:{EMPTY_MD5}",
        f"crc32c:{EMPTY_MD5}",
        f"shake_128:{EMPTY_MD5}",
        "shake_128:",
    ],
)
def test_what_is_no_digest_is_refused(text: Any) -> None:
    """Unknown algorithms, and digits that are not as many as it has or not hexadecimal."""
    with pytest.raises(ValueError, match=r"hashlib knows|hex digits"):
        Digest(text)
