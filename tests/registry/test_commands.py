"""``ogfd plugins``."""

import json
import tomllib
from pathlib import Path

import click
import pytest

from ogfd.cli.installation import Installation
from ogfd.cli.root import invoke
from ogfd.cli.scaffold import scaffold

HELLO = Path(__file__).parents[2] / "plugins" / "ogfd-hello"


@pytest.fixture
def run(capsys, shelf, tmp_path, monkeypatch):
    """Return a function that runs ``ogfd plugins`` and returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    shelf.connector()
    shelf.sink()

    def plugins(*args, **environ):
        code = invoke(
            ["plugins", *map(str, args)],
            Installation(environ=environ, registry=shelf.registry),
        )
        said = capsys.readouterr()
        return code, said.out, said.err

    return plugins


def test_list_loads_only_what_the_configuration_names(run, shelf):
    """Used, available, broken, missing: each has its row and its reason."""
    Path("ogfd.toml").write_text(
        '[sinks.main]\ntype = "store"\npath = "x"\n'
        '[connectors.a]\ntype = "cloud"\n[connectors.a.carbon]\n'
        '[connectors.b]\ntype = "bad"\n[connectors.c]\ntype = "clod"\n'
    )
    shelf.add("bad", "ogfd.connectors", OSError("no"))
    unused = shelf.add("unused", "ogfd.connectors", OSError("no"))
    code, out, _ = run("list", "--json")
    rows = {row["name"]: row for row in json.loads(out)["plugins"]}

    assert 0 == code
    assert {
        "cloud": ("connector", "used", None),
        "store": ("sink", "used", None),
        "bad": ("connector", "broken", "broken"),
        "clod": ("connector", "broken", "missing"),
        "unused": ("connector", "available", None),
    } == {name: (row["type"], row["state"], row["reason"]) for name, row in rows.items()}
    assert ("a-dist", "1.2.3") == (rows["cloud"]["dist"], rows["cloud"]["version"])
    assert "OSError: no" in rows["bad"]["message"]
    assert 0 == unused.loads


def test_list_needs_no_configuration(run):
    """Without one, nothing is used."""
    code, out, _ = run("list")

    assert 0 == code
    assert ["cloud", "store"] == sorted(line.split()[0] for line in out.splitlines()[1:])
    assert "used" not in out


def test_info_shows_what_a_plugin_brings(run, shelf):
    """Streams, keys, limits, variables and permissions."""

    async def check(config, ctx):
        """Needs cloud:Read."""

    shelf.entries.clear()
    shelf.connector(check=check, summary="a cloud")
    code, out, _ = run("info", "cloud")
    described = json.loads(run("info", "cloud", "--json")[1])

    assert 0 == code
    for piece in (
        "cloud: a cloud",
        "connector plugin, some_module (a-dist 1.2.3)",
        "where the bucket is",
        "plain | rich",
        "(a change reads slices again)",
        "Stream cost (cost)",
        "name of the bucket",
        "(others)  1/s, burst 1",
        "OFFGRIDFLOW_CLOUD_BUCKET  cost.bucket",
        "Needs cloud:Read.",
    ):
        assert piece in out
    assert {"cost", "carbon"} <= described["streams"].keys()
    assert {"key": "secret_key", "type": "secret", "default": None, "about": ""} in (
        described["keys"]
    )


def test_info_works_for_sinks_and_commands(run, shelf):
    """A name that several plugins have needs --type."""
    shelf.sink("cloud")
    shelf.add("demo", "ogfd.commands", click.Command("demo", help="Run it all."))

    assert "path" in run("info", "store")[1]
    assert "Run it all." in run("info", "demo")[1]
    assert 64 == run("info", "cloud")[0]
    assert "sink plugin" in run("info", "cloud", "--type", "sink")[1]


def test_try_says_what_is_wrong(run, shelf):
    """Every fault in a line of its own, exit 1; warnings alone do no harm."""
    shelf.connector("faulty", mapping_version=0, provider="")
    shelf.add("bad", "ogfd.connectors", OSError("no"))
    good, faulty, bad = run("try", "cloud"), run("try", "faulty"), run("try", "bad")

    assert 0 == good[0]
    assert "warning: summary is empty" in good[1]
    assert "ok: the connector plugin cloud (some_module) can be used" in good[1]
    assert (1, 2) == (faulty[0], faulty[1].count("error: "))
    assert 1 == bad[0]
    assert "cannot be imported: OSError: no" in bad[1]


@pytest.mark.parametrize("command", ["info", "try"])
def test_a_name_that_is_not_installed_is_a_usage_error(run, command):
    """With a guess."""
    code, _, err = run(command, "clod")

    assert 64 == code
    assert "did you mean cloud?" in err


def test_new_writes_a_plugin_that_loads(run, shelf, tmp_path, module):
    """Its module announces a connector of the name that its entry point has."""
    code, out, _ = run("new", "my-cloud")
    made = tmp_path / "ogfd-my-cloud"
    project = tomllib.loads((made / "pyproject.toml").read_text())
    entries = project["project"]["entry-points"]["ogfd.connectors"]
    namespace = module("ogfd_my_cloud")
    source = (made / "ogfd_my_cloud.py").read_text()
    exec(compile(source, "ogfd_my_cloud.py", "exec"), vars(namespace))
    shelf.add("my-cloud", "ogfd.connectors", namespace)

    assert 0 == code
    assert "pip install -e ogfd-my-cloud" in out
    assert ({"my-cloud": "ogfd_my_cloud"}, "ogfd-my-cloud") == (entries, project["project"]["name"])
    assert "MyCloudConfig" == shelf.registry.load_connector("my-cloud").config.__name__
    compile((made / "tests" / "test_my_cloud.py").read_text(), "test", "exec")


def test_new_overwrites_nothing_and_takes_no_odd_names(run, tmp_path):
    """Usage errors, before anything is written."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()

    assert 64 == run("new", "x", "--dir", "full")[0]
    assert [64, 64, 64] == [run("new", name)[0] for name in ("My", "1x", "a--b")]
    assert ["full"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("directory", ["/proc/nowhere", "file/below", "s" * 300])
def test_new_says_in_one_line_that_it_cannot_write(run, tmp_path, directory):
    """No traceback."""
    (tmp_path / "file").touch()
    code, out, err = run("new", "x", "--dir", directory)

    assert (1, "", 1) == (code, out, len(err.splitlines()))
    assert f"{directory} cannot be written: " in err


@pytest.mark.parametrize("path", ["ogfd_hello.py", "tests/test_hello.py"])
def test_what_new_writes_is_the_plugin_that_is_tested_here(path):
    """The template is plugins/ogfd-hello itself, so it cannot rot."""
    ours = (HELLO / path).read_text()
    if ours.startswith("# ruff:"):
        ours = ours.split("\n", 1)[1]

    assert ours == scaffold("hello")[path]
