"""The checksum that an object should have, against that of the bytes that came."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ogfd.plugin import FatalError

_HEX: Final = re.compile(r"[0-9a-f]+")


class Digest:
    """
    Counts bytes in order and compares in the end. Hashing takes time: call `add` in a thread.

    Args:
        expected: ``algorithm:hex``, any algorithm of `hashlib` whose digests have one length.

    Raises:
        ValueError: if *expected* is anything else.
    """

    def __init__(self, expected: str) -> None:
        algorithm, _, digits = expected.partition(":")
        self._algorithm = algorithm
        self._expected = digits.lower()
        try:
            self.restart()
        except ValueError:
            raise ValueError(f"{algorithm!r} is no checksum that hashlib knows") from None
        length = 2 * self._sum.digest_size
        if len(digits) != length or not _HEX.fullmatch(self._expected):
            raise ValueError(f"a digest of {algorithm} is written with {length} hex digits")

    def restart(self) -> None:
        """Forget what was counted."""
        # A checksum against damage, so builds that ban MD5 as a signature may use it too.
        self._sum = hashlib.new(self._algorithm, usedforsecurity=False)

    def add(self, chunk: bytes) -> None:
        """Count the next bytes."""
        self._sum.update(chunk)

    def check(self, name: str) -> None:
        """
        Compare at the end of the object *name*.

        Raises:
            FatalError: if what came is something else.
        """
        found = self._sum.hexdigest()
        if found != self._expected:
            raise FatalError(
                f"{name} has the digest {self._algorithm}:{found} and should have "
                f"{self._algorithm}:{self._expected}",
                hint="the object is damaged, or was replaced after its digest was taken",
            )
