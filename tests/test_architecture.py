"""What import-linter cannot say about the shape of the project."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PROJECTS = sorted([REPOSITORY, *(p.parent for p in REPOSITORY.glob("plugins/*/pyproject.toml"))])
PLUGINS = [p for p in PROJECTS if p != REPOSITORY]
CLOUDS = {"aiobotocore", "azure", "boto3", "botocore", "duckdb", "google", "moto"}
# Libraries that speak in the types of another that they pin or are made for.
COMPANIONS = {
    "aiobotocore": {"botocore"},
    "aiohttp": {"multidict", "yarl"},
    "moto": {"boto3", "botocore", "werkzeug"},
    "pydantic": {"pydantic-core"},
}
VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
LONGEST_FILE_LINES = 400


def name_of(project: Path) -> str:
    """Return the name of a project's distribution."""
    table = tomllib.loads((project / "pyproject.toml").read_text())
    return str(table["project"]["name"])


def sources(project: Path) -> Iterator[Path]:
    """Yield the modules that *project* ships."""
    pattern = "ogfd" if project == REPOSITORY else "ogfd_*"
    for place in project.glob(pattern):
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


@cache
def imports(module: Path) -> list[str]:
    """Return the full names that *module* imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.append(node.module)
    return names


def normal(name: str) -> str:
    """Return the name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(text: str) -> str:
    """Return the distribution that a requirement names."""
    return normal(re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0])


def declared(project: Path) -> set[str]:
    """Return the distributions that *project* needs at run time, with all its extras."""
    table = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    extras = table.get("optional-dependencies", {}).values()
    return {
        requirement(text) for texts in (table.get("dependencies", []), *extras) for text in texts
    }


def constraints() -> list[str]:
    """Return the lines of constraints.txt that pin something."""
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("project", PLUGINS, ids=name_of)
def test_a_plugin_imports_the_public_contract_alone(project: Path) -> None:
    """First-party plugins must be written as a stranger's, or the contract lacks something."""
    inner = {
        f"{module.name}: {name}"
        for module in sources(project)
        for name in imports(module)
        if name.startswith("ogfd.") and not re.match(r"ogfd\.plugin\b", name)
    }

    assert set() == inner


@pytest.mark.parametrize("project", PROJECTS, ids=name_of)
def test_every_import_is_of_a_declared_dependency(project: Path) -> None:
    """What another dependency happens to bring may be gone with its next version."""
    owners = packages_distributions()
    own = {"ogfd"} | {place.stem for place in project.glob("ogfd_*")}
    tops = {name.split(".")[0] for module in sources(project) for name in imports(module)}
    foreign = tops - own - sys.stdlib_module_names
    # ogfd.testing stands on pytest and hypothesis, which its users have: authors of plugins.
    allowed = declared(project) | {"pytest", "hypothesis"}
    allowed |= {name for owner in allowed for name in COMPANIONS.get(owner, ())}
    missing = {top for top in foreign if not {normal(o) for o in owners.get(top, [])} & allowed}

    assert set() == missing


@pytest.mark.parametrize("project", PROJECTS, ids=name_of)
def test_every_dependency_is_pinned(project: Path) -> None:
    """What CI tested must be what a clone installs."""
    table = tomllib.loads((project / "pyproject.toml").read_text())
    wanted = {normal(requirement(text)) for text in table["build-system"]["requires"]}
    wanted |= declared(project)
    for group in table.get("dependency-groups", {}).values():
        wanted |= {requirement(text) for text in group}
    pinned = {requirement(line) for line in constraints()}

    assert set() == {name for name in wanted if not name.startswith("ogfd")} - pinned


def test_constraints_name_versions_and_no_hosts() -> None:
    """A pin must work behind any mirror, so it holds no address, path or hash."""
    pin = re.compile(r"[a-z0-9._-]+==[A-Za-z0-9.!+]+( ; [^@:/]+)?")

    assert [] == [line for line in constraints() if not pin.fullmatch(line)]


@pytest.mark.parametrize("project", PROJECTS, ids=name_of)
def test_files_stay_short_and_their_names_say_something(project: Path) -> None:
    """A file past 400 lines holds a second idea; a module called utils holds none."""
    modules = list(sources(project))
    long = [m.name for m in modules if len(m.read_text().splitlines()) > LONGEST_FILE_LINES]

    assert modules
    assert [] == long
    assert set() == {m.stem.strip("_") for m in modules} & VAGUE


@pytest.mark.parametrize("module", ["ogfd.plugin", "ogfd.cli"])
def test_importing_the_core_loads_no_cloud(module: str) -> None:
    """`ogfd --help` must be quick, and a machine with one cloud must not load three."""
    code = f"import sys, {module}; print(*sorted({CLOUDS!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert "" == done.stdout.strip()
