"""Writers of packages in a temporary directory."""

from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from ogfd.packages import ByteBudget, PackageHeader, PackageStore, PackageWriter, Shape
from ogfd.plugin import Grain, Kind, Period, Wanted


@pytest.fixture
def workshop(tmp_path):
    """Return a function that makes package writers."""
    store = PackageStore(tmp_path / "packages")

    @contextmanager
    def make(
        grain: Grain = Grain.DAILY,
        *,
        tags: Iterable[str] = (),
        resource_ids: bool = False,
        version: str | None = "v1",
        memory_bytes: int = 1 << 24,
        kind: Kind = Kind.COST,
        account_kept=lambda _account: True,
        slice: str = "aws/cost/2026-10",
    ):
        connector, stream, partition = slice.split("/")
        header = PackageHeader(
            slice=slice,
            org_id="acme",
            provider="aws",
            connector=connector,
            stream=stream,
            partition=partition,
            kind=kind,
            period=Period.month("2026-10"),
            closed=False,
            source="s3://bucket/report",
            version=version,
            recipe="recipe",
            recipe_body={"grain": str(grain)},
        )
        wanted = Wanted(grain=grain, tags=tuple(tags), resource_ids=resource_ids)
        shape = Shape(kind=kind, wanted=wanted, account_kept=account_kept)
        with store.workplace() as (temporary, final):
            yield (
                PackageWriter(
                    temporary,
                    header,
                    shape,
                    budget=ByteBudget(1 << 26),
                    memory_bytes=memory_bytes,
                ),
                final,
            )

    return make


@pytest.fixture
def seal(workshop):
    """Return a function that writes batches and returns the sealed package."""

    async def sealed(batches: Sequence[pa.RecordBatch], **settings: Any):
        with workshop(**settings) as (writer, final):
            for batch in batches:
                await writer.write(batch)
            return await writer.seal(final, lambda version: f"target of {version}")

    return sealed
