"""
Reads one run of an export: what its manifest names, in the versions that one listing showed.

    listing -> each blob If-Match its ETag, its rows counted -> the manifest still the same

A blob that is replaced or deleted meanwhile starts the slice again. One that was not there from the
start fails it: Azure writes the manifest last, so nothing is on its way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ogfd.plugin import Context, FatalError
from ogfd.plugin.tabular import fetch_ahead
from ogfd_azure.blob import Container, Listed
from ogfd_azure.exports.manifest import Part, Run

Take = Callable[[str, Path], Awaitable[int]]
"""Takes the rows out of a blob, given its name and the local copy, and returns how many."""


class MissingPartError(FatalError):
    """A blob that the manifest names is not in the container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    A run and the blobs of its container.

    Attributes:
        ctx: of the run of the connector.
        container: where it lies.
        run: what its manifest says.
        manifest: the manifest in the listing.
        blobs: the blobs of the run in the listing.
    """

    ctx: Context
    container: Container
    run: Run
    manifest: Listed
    blobs: Mapping[str, Listed]

    async def read(self, take: Take) -> None:
        """
        Hand the blobs to *take*, one after the other.

        Raises:
            SourceChanged: if a blob or the manifest was replaced or deleted since it was listed.
            MissingPartError: if a blob is missing.
            FatalError: if a blob does not have as many rows as the manifest says.
            SourceError, Parked: if it cannot be read.
        """
        expected = {part.name: part.rows for part in self.run.parts}
        await self._complete()
        total = 0

        async def fetch(name: str) -> Path:
            return await self.container.download(name, self.blobs[name])

        async def count(name: str, path: Path) -> None:
            nonlocal total
            rows = await take(name, path)
            total += rows
            await self._equal(f"{name} has", rows, expected[name])

        await fetch_ahead(list(expected), fetch, count, progress=self.ctx.progress)
        await self._equal("the blobs of the run have", total, self.run.rows)
        await self._check()

    async def _complete(self) -> None:
        missing = [part for part in self.run.parts if part.name not in self.blobs]
        if not missing:
            return
        await self._check()  # a newer run may have taken the place of this one
        raise MissingPartError(
            f"the manifest {self.run.manifest} names {_first(missing)}, which is not under the "
            "prefix",
            hint="someone may have deleted it, or prefix may be too long; the next run brings the "
            "month anew, or run the export for it again",
        )

    async def _equal(self, subject: str, rows: int, expected: int | None) -> None:
        if expected is None or rows == expected:
            return
        await self._check()
        raise FatalError(
            f"{subject} {rows} rows, but the manifest {self.run.manifest} says {expected}",
            hint="the run is damaged; run the export for this month again",
        )

    async def _check(self) -> None:
        await self.container.check(self.run.manifest, self.manifest)


def _first(missing: Sequence[Part]) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{missing[0].name}{more}"
