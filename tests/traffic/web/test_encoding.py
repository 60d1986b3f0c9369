"""Bodies are decoded to their proven end, and no further than they may go."""

import gzip
import zlib

import pytest

from ogfd.traffic.web.encoding import Undecodable, decoded

EMPTY = gzip.compress(b"")
REAL = zlib.decompressobj


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 300_000])
async def test_members_of_any_length_are_put_together(size):
    """Whatever is left of the piece in which one ends belongs to the next."""
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    body = gzip.compress(content, 1) + EMPTY + gzip.compress(b"end")

    assert content + b"end" == await decoded(body, "gzip", size + 3)
    assert content == await decoded(zlib.compress(content), "deflate", size)
    for lost in (1, 9, len(EMPTY) + len(gzip.compress(b"end")) + 1):
        with pytest.raises(Undecodable, match="was cut"):
            await decoded(body[:-lost], "gzip", size + 3)
    with pytest.raises(Undecodable, match=f"longer than {size + 2} bytes"):
        await decoded(body, "gzip", size + 2)


async def test_a_body_of_nothing_but_members_is_not_copied_for_each_of_them(monkeypatch):
    """What follows a member is: 64 MiB of empty ones took most of an hour, in a thread."""
    given = []

    class Counting:
        def __init__(self, *arguments):
            self.member = REAL(*arguments)

        def decompress(self, piece, most):
            given.append(len(piece))
            return self.member.decompress(piece, most)

        def __getattr__(self, name):
            return getattr(self.member, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)

    assert b"" == await decoded(EMPTY * 5000, "gzip", 1000)
    assert 5000 <= len(given)
    assert 64 << 10 >= max(given)
