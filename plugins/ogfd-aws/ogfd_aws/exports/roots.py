"""
Finds the folders of exports under a prefix: ``<prefix>/<name>/``.

AWS joins prefix and name with ``/`` and does no more: an empty prefix gives keys that begin with
``/``, a prefix that ends with ``/`` gives ``//``. So a prefix is tried as AWS joins it and as people
write it; the keys that are found are used literally.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from ogfd.plugin import BadRequestError
from ogfd_aws.bucket import Bucket

MAX_FOLDERS: Final = 100  # each costs a request; an export lies beside few other folders

T = TypeVar("T")
Look = Callable[[str, str, tuple[str, ...]], Awaitable[Sequence[T]]]
"""Given a root, its name and the folders in it: what of the kind that is looked for lies there."""


async def find(bucket: Bucket, prefix: str, name: str | None, look: Look[T]) -> list[T]:
    """
    Return what *look* finds in *prefix* itself, or else in the folders directly under it.

    Args:
        bucket: where to look.
        prefix: as given when the export was made, or as its keys begin.
        name: of the export; None looks into every folder.
        look: may be asked twice about one root.

    Raises:
        BadRequestError: if there are too many folders to look into.
        SourceError: if the bucket cannot be listed.
    """
    return [one for base in _bases(prefix) for one in await _under(bucket, base, name, look)]


def _bases(prefix: str) -> list[str]:
    joined = f"{prefix}/"
    return [joined, prefix] if not prefix or prefix.endswith("/") else [joined]


async def _under(bucket: Bucket, base: str, name: str | None, look: Look[T]) -> list[T]:
    own = base.rstrip("/").rpartition("/")[2]
    if name is not None:
        roots = [f"{base}{name}/", *([base] if own == name else [])]
        return [one for root in roots for one in await _at(bucket, root, name, look)]
    level = await bucket.level(base)
    if found := await look(base, own, level.folders):
        # The prefix names the export's own folder.
        return list(found)
    names = [folder.removeprefix(base).rstrip("/") for folder in level.folders]
    if len(names) > MAX_FOLDERS:
        raise BadRequestError(
            f"s3://{bucket.name}/{base} has {len(names)} folders, too many to look into",
            hint="set the prefix and the name as in the settings of the report or export",
        )
    return [
        found for one in names if one for found in await _at(bucket, f"{base}{one}/", one, look)
    ]


async def _at(bucket: Bucket, root: str, name: str, look: Look[T]) -> Sequence[T]:
    return await look(root, name, (await bucket.level(root)).folders)
