"""What a kit says when a plugin breaks the contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class NotConformant(AssertionError):  # noqa: N818 - a verdict, raised to fail a test
    """
    A plugin breaks the contract.

    Attributes:
        findings: one sentence each.
    """

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = tuple(findings)


def require(holds: object, finding: str) -> None:
    """Raise `NotConformant` with *finding* unless it *holds*."""
    if not holds:
        raise NotConformant([finding])


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise what a task group raised on its own account, if it is but one exception."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
