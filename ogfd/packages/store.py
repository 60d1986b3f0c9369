"""Where packages are made and wait for their sinks: ``state_dir/packages``."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from ogfd.packages.sealed import DamagedPackage, SealedPackage, open_package

log = logging.getLogger(__name__)

_OPEN: Final = ".tmp"


class PackageStore:
    """
    The directory of packages that are open or wait for delivery. Methods block.

    Args:
        directory: made if absent, readable by the owner only.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def workplace(self) -> Iterator[tuple[Path, Path]]:
        """
        Give a fresh directory to work in and the path that it shall get when it is sealed.

        What was not sealed is removed when the block is left.
        """
        name = uuid4().hex
        temporary = self._directory / f"{name}{_OPEN}"
        temporary.mkdir(mode=0o700)
        try:
            yield temporary, self._directory / name
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def sweep(self) -> list[SealedPackage]:
        """
        Remove what a dead process left unfinished, and return the sealed packages.

        A package that does not verify is removed: its rows are read again. Of two packages of one
        slice, as a kill between sealing and putting the older away leaves them, the newer stays.
        """
        packages: dict[str, SealedPackage] = {}
        for path in sorted(self._directory.iterdir(), key=lambda each: each.stat().st_mtime_ns):
            if path.name.endswith(_OPEN):
                shutil.rmtree(path, ignore_errors=True)
                continue
            try:
                package = open_package(path)
            except DamagedPackage as exc:
                log.warning("removed a damaged package", extra={"reason": str(exc)})
                shutil.rmtree(path, ignore_errors=True)
                continue
            older = packages.get(package.info.slice)
            if older is not None:
                self.discard(older)
            packages[package.info.slice] = package
        return list(packages.values())

    def discard(self, package: SealedPackage) -> None:
        """Remove a package that nobody waits for."""
        shutil.rmtree(package.path, ignore_errors=True)
