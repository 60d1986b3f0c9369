"""The pages that are made of data say what the data says."""

import pytest
from pages.write import DOCS, PAGES


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_as_its_data_makes_it(name):
    """Who changes a table must not have to think of the page; `make docs` renews it."""
    written = (DOCS / name).read_text(encoding="utf-8")

    assert PAGES[name]() == written, f"docs/{name} is not up to date: run make docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_in_the_index(name):
    """Where readers look for it."""
    assert f"({name})" in (DOCS / "README.md").read_text(encoding="utf-8")
