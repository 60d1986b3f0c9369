"""
The archive: packages after commit, history for late sinks and audits.

    <archive>/<connector>/<stream>/<partition>/<committed at>-<target>-<package>/

Losing it loses history, never current rows.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from ogfd.packages.disk import sync
from ogfd.packages.sealed import DamagedPackage, SealedPackage, open_package, read_info
from ogfd.plugin import PackageInfo

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_NAME: Final = 200  # file systems take 255 bytes


class Keep(StrEnum):
    """Which packages of a slice are kept."""

    ALL = "all"
    LATEST = "latest"
    NONE = "none"


class Archive:
    """
    Keeps delivered packages. Methods block.

    Args:
        directory: made when the first package comes.
        keep: which packages of a slice are kept.
        quota_bytes: the oldest packages that are not their slice's latest go when the archive
            is larger; None means no limit.
    """

    def __init__(self, directory: Path, keep: Keep, quota_bytes: int | None = None) -> None:
        self._directory = directory
        self._keep = keep
        self._quota_bytes = quota_bytes

    def put(self, package: SealedPackage, now: datetime) -> None:
        """Move a delivered package here, or remove it if none are kept."""
        if self._keep is Keep.NONE:
            shutil.rmtree(package.path, ignore_errors=True)
            return
        folder = self._folder(package.info.slice)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{now:%Y%m%dT%H%M%S%fZ}-{package.info.target[:16]}-{package.path.name[:8]}"
        final = folder / name
        _move(package.path, final)
        sync(folder)
        if self._keep is Keep.LATEST:
            for path in self._packages(folder)[:-1]:
                shutil.rmtree(path, ignore_errors=True)

    def find(self, slice: str, target: str) -> SealedPackage | None:
        """Return the newest verified package of *slice* with that *target*."""
        return self._newest(slice, target, open_package, lambda package: package.info)

    def info(self, slice: str, target: str) -> PackageInfo | None:
        """Return what that package says of itself, without a look at its rows."""
        return self._newest(slice, target, read_info, lambda info: info)

    def enforce_quota(self) -> int:
        """Remove the oldest superseded packages until the quota holds; return how many."""
        if self._quota_bytes is None or not self._directory.is_dir():
            return 0
        sizes = {path.parent: _size(path.parent) for path in self._directory.rglob("manifest.json")}
        latest = {max(siblings, key=_name) for siblings in _by_folder(sizes).values()}
        total = sum(sizes.values())
        removed = 0
        for path in sorted(set(sizes) - latest, key=_name):
            if total <= self._quota_bytes:
                break
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]
            removed += 1
        return removed

    def _newest(
        self, slice: str, target: str, opened: Callable[[Path], T], info: Callable[[T], PackageInfo]
    ) -> T | None:
        for path in reversed(self._packages(self._folder(slice))):
            if path.name.split("-")[1:2] == [target[:16]]:
                try:
                    package = opened(path)
                except DamagedPackage as exc:
                    log.warning("skipped a damaged package", extra={"reason": str(exc)})
                    continue
                if info(package).target == target:
                    return package
        return None

    def _folder(self, slice: str) -> Path:
        connector, stream, partition = slice.split("/", 2)
        # "." is safe to quote(), but "." and ".." are no names for a folder.
        safe = quote(partition, safe="").replace(".", "%2E")
        if len(safe) > _LONGEST_NAME:
            safe = blake2b(partition.encode(), digest_size=16).hexdigest()
        return self._directory / connector / stream / safe

    def _packages(self, folder: Path) -> list[Path]:
        return sorted(folder.iterdir(), key=_name) if folder.is_dir() else []


def _name(path: Path) -> str:
    return path.name


def _by_folder(paths: dict[Path, int]) -> dict[Path, list[Path]]:
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    return folders


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _move(source: Path, final: Path) -> None:
    try:
        source.rename(final)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        # Another file system: copy, put in place by a rename, then remove the original.
        temporary = final.with_name(final.name + ".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary)
        for path in temporary.iterdir():
            sync(path)
        os.replace(temporary, final)  # noqa: PTH105 - the same call by its POSIX name
        shutil.rmtree(source, ignore_errors=True)
