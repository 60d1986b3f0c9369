"""
The pages of docs/ that are made of the program's own tables.

    make docs        writes them
    make test        fails if one is not as it would be written
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from faults.page import faults
from pages.errors import errors

DOCS = Path(__file__).parents[2] / "docs"

PAGES: Mapping[str, Callable[[], str]] = {
    "errors.md": errors,
    "faults.md": faults,
}


def main() -> None:
    """Write all pages."""
    for name, text in PAGES.items():
        (DOCS / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
