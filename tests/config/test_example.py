"""The annotated example that comes with the source."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from ogfd.config import (
    ACCOUNT_KEYS,
    ARCHIVE_KEYS,
    CONNECTOR_KEYS,
    DAEMON_KEYS,
    RETRY_KEYS,
    STREAM_KEYS,
)
from ogfd.registry import Registry, load_bound

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "ogfd.toml"
COMMENTED = re.compile(r"^# (?=\[|[a-z_]+ = |\"\d+\" = )", re.MULTILINE)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Keep a ``.env`` of the developer out."""
    monkeypatch.chdir(tmp_path)


def test_the_example_has_no_mistakes():
    """A copy of it starts once the names in it are one's own."""
    found = load_bound(EXAMPLE, {}, Registry())

    assert {"aws-prod"} == found.connectors.keys()
    assert {"cost", "carbon"} == found.connectors["aws-prod"].streams.keys()
    assert {"main"} == found.sinks.keys()
    assert {} == found.problems


def test_what_is_commented_out_has_no_mistakes_either(tmp_path, certificate):
    """All that the example shows can be switched on, if not all at once."""
    text = COMMENTED.sub("", EXAMPLE.read_text()).replace('profile = "billing"', "")
    text = text.replace("/etc/ssl/certs/company.pem", str(certificate))
    (tmp_path / "ogfd.toml").write_text(text)
    found = load_bound(tmp_path / "ogfd.toml", {}, Registry())

    assert {"main", "log"} == found.sinks.keys()
    assert "my-report" == found.connectors["aws-prod"].config.cost.report
    assert {"carbon", "cost", "cost_query"} == found.connectors["azure-eu"].streams.keys()
    assert {"emissions_dashboard"} == found.connectors["azure-history"].streams.keys()
    assert {"carbon", "cost"} == found.connectors["gcp"].streams.keys()
    assert found.settings.daemon.allow_plain_secrets


@pytest.mark.parametrize(
    "keys", [DAEMON_KEYS, ARCHIVE_KEYS, RETRY_KEYS, ACCOUNT_KEYS, CONNECTOR_KEYS, STREAM_KEYS]
)
def test_every_key_is_documented(keys):
    """The page of the configuration leaves none out."""
    page = (ROOT / "docs" / "configuration.md").read_text()

    assert [] == [key for key in keys if f"`{key}`" not in page]


@pytest.mark.parametrize("page", ["configuration.md", "plugins.md"])
def test_the_toml_in_the_documentation_parses(page):
    """Samples can be copied."""
    samples = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)

    assert samples
    for sample in samples:
        tomllib.loads(sample)


def test_the_walk_through_shows_the_connector_as_it_is():
    """The code in docs/plugins.md is the whole of plugins/ogfd-hello; the last sample is a test."""
    page = (ROOT / "docs" / "plugins.md").read_text()
    module = (ROOT / "plugins" / "ogfd-hello" / "ogfd_hello.py").read_text()
    *shown, test = re.findall(r"```python\n(.*?)\n```", page, re.DOTALL)

    assert "check_connector" in test
    assert module.partition("\n")[2].strip() == "\n\n\n".join(shown)


def test_the_walk_through_is_under_40_lines_of_code():
    """Apart from imports, docstrings and blank lines."""
    source = (ROOT / "plugins" / "ogfd-hello" / "ogfd_hello.py").read_text()
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, node.end_lineno + 1))
    lines = [
        line
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip() and not line.startswith("#") and number not in skipped
    ]

    assert len(lines) < 40
