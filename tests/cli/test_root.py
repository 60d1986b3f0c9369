"""The root command: help, version, plugins' commands, exit codes."""

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest

from ogfd import __version__
from ogfd.cli import main
from ogfd.cli.options import config_option, config_path
from ogfd.cli.root import COMMANDS, Commands, root
from ogfd.config import ConfigError, Mistake
from ogfd.control.protocol import OperationError
from ogfd.plugin import OgfdError

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
HEAVY = ("pyarrow", "aiohttp", "numpy", "pydantic", "prometheus_client", "rich", "anyio")


def ours():
    """Return every command of this package by its full name."""
    ctx = click.Context(root, info_name="ogfd")
    for name in COMMANDS:
        if name in {"config", "plugins"}:
            continue
        command = root.get_command(ctx, name)
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", each) for sub, each in command.commands.items())


@pytest.mark.parametrize("args", ["--version", "--help", "sync --help", "run --help"])
def test_help_and_version_are_quick(args):
    """They import neither Arrow nor aiohttp nor anything else that takes long."""
    code = (
        "import sys; from ogfd.cli import main; "
        f"print(main({args.split()!r}), [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "0 []" == done.stdout.splitlines()[-1]


def test_the_version_is_that_of_the_package(capsys):
    """One line."""
    assert 0 == main(["--version"])
    assert f"ogfd {__version__}\n" == capsys.readouterr().out


def test_help_says_what_each_command_says_of_itself():
    """The list of commands is kept apart so that help imports none of them."""
    for name, command in ours():
        if name in COMMANDS:
            assert COMMANDS[name] == command.short_help, name


def test_every_command_and_option_is_documented():
    """In docs/cli.md."""
    text = DOCS.read_text()
    for name, command in ours():
        assert f"ogfd {name}" in text, name
        for param in command.params:
            if isinstance(param, click.Option):
                assert all(f"`{opt}" in text for opt in param.opts), (name, param.opts)


def test_every_command_takes_the_configuration_behind_its_name():
    """As well as before it."""
    for name, command in ours():
        if name != "completion":
            assert any("--config" in param.opts for param in command.params), name


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["status"], None),
        (["-c", "a.toml", "status"], Path("a.toml")),
        (["status", "-c", "b.toml"], Path("b.toml")),
        (["-c", "a.toml", "status", "--config", "b.toml"], Path("b.toml")),
        (["slices", "-c", "a.toml", "list"], Path("a.toml")),
    ],
)
def test_the_configuration_may_stand_before_or_behind_the_command(ogfd, args, expected):
    """The one behind wins."""
    ogfd.results["status"] = ogfd.results["slices.list"] = OperationError("enough")
    ogfd(*args)

    assert [expected] == ogfd.loaded


@pytest.mark.parametrize(
    ("args", "expected"), [([], "warning"), (["-v"], "info"), (["-vvv"], "debug")]
)
def test_commands_log_warnings_unless_asked_for_more(ogfd, args, expected):
    """Their result is what counts."""
    ogfd.results["status"] = OperationError("enough", 1)
    ogfd(*args, "status")

    assert [expected] == ogfd.levels


def test_run_returns_what_the_daemon_returns(ogfd):
    """And logs as the configuration says."""
    ogfd.ran = 3

    assert (3, "", "") == ogfd("run")
    assert [""] == ogfd.levels


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OperationError("no daemon", 69), 69, "ogfd: no daemon\n"),
        (OgfdError("no sink", hint="make one"), 1, "ogfd: no sink (make one)\n"),
        (OgfdError("two\nlines\x1b"), 1, "ogfd: two\nogfd: lines\\u001b\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_exit_codes(ogfd, error, code, message):
    """Without a traceback."""
    ogfd.ran = error
    done, out, err = ogfd("run")

    assert (code, "", message) == (done, out, err.removeprefix("\n"))


def test_a_bug_keeps_its_traceback(ogfd):
    """It is not the operator's fault and must not look like it."""
    ogfd.ran = KeyError("x")

    with pytest.raises(KeyError):
        ogfd("run")


def test_all_mistakes_of_a_configuration_are_printed(ogfd):
    """One per line, exit 78, before anything runs."""
    ogfd.load_error = ConfigError(
        [
            Mistake(message="unknown key", file=Path("ogfd.toml"), line=3, key="daemon.listn"),
            Mistake(message="there is no sink", key="sinks"),
        ]
    )
    for command in ("run", "sync", "status"):
        code, out, err = ogfd(command)
        assert (78, "") == (code, out)
        assert {
            "ogfd: ogfd.toml:3: daemon.listn: unknown key",
            "ogfd: sinks: there is no sink",
        } == set(err.splitlines())
    assert [] == ogfd.calls


def test_an_unknown_command_is_a_usage_error(ogfd):
    """64, not 2."""
    code, out, err = ogfd("repot")

    assert (64, "") == (code, out)
    assert "No such command 'repot'" in err


def test_no_command_prints_the_help(capsys):
    """And is a usage error."""
    assert 64 == main([])
    assert "Commands:" in "".join(capsys.readouterr())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(ogfd, shell):
    """Those of click, for the program's name."""
    code, out, _ = ogfd("completion", shell)

    assert 0 == code
    assert "_OGFD_COMPLETE" in out


def test_completion_works():
    """The variable of the scripts is the one the program looks at."""
    code = "from ogfd.cli import main; import sys; sys.exit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "_OGFD_COMPLETE": "bash_complete",
            "COMP_WORDS": "ogfd sta",
            "COMP_CWORD": "1",
            "PATH": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "plain,status\n") == (done.returncode, done.stdout)


@click.command("hello")
@config_option
@click.pass_context
def hello(ctx):
    click.echo(f"hello {config_path(ctx)}")


no_command = "just text"


@pytest.fixture
def plugins(monkeypatch):
    """Put commands of plugins into the root: good, broken, of the wrong kind, in the way."""
    group = "ogfd.commands"
    module = sys.modules[__name__]
    monkeypatch.setitem(sys.modules, "ogfd_cli_test_plugin", module)
    entries = [
        EntryPoint("hello", "ogfd_cli_test_plugin:hello", group),
        EntryPoint("broken", "ogfd_there_is_no_such_module:command", group),
        EntryPoint("text", "ogfd_cli_test_plugin:no_command", group),
        EntryPoint("sync", "ogfd_there_is_no_such_module:command", group),
    ]
    assert isinstance(root, Commands)
    monkeypatch.setattr(root, "_plugins", lambda group: entries)


def test_commands_of_plugins_are_listed_without_being_imported(ogfd, plugins):
    """A broken one among them stops nothing."""
    code, out, _ = ogfd("--help")

    assert 0 == code
    assert re.findall(r"^  (\w+) +By ", out, re.MULTILINE) == ["broken", "hello", "text"]
    assert "ogfd_there_is_no_such_module" not in sys.modules


def test_a_command_of_a_plugin_runs(ogfd, plugins):
    """With the configuration from before its name."""
    assert (0, "hello a.toml\n", "") == ogfd("-c", "a.toml", "hello")


@pytest.mark.parametrize(
    ("name", "message"),
    [("broken", "ogfd_there_is_no_such_module"), ("text", "not a click command")],
)
def test_a_broken_command_says_so(ogfd, plugins, name, message):
    """Which plugin, and why; no traceback."""
    code, out, err = ogfd(name)

    assert (1, "") == (code, out)
    assert message in err
    assert name in err


def test_a_plugin_cannot_replace_a_built_in_command(ogfd, plugins):
    """Whatever its entry point is called."""
    ogfd.results["sync"] = {"outcome": "succeeded", "runs": []}

    assert 0 == ogfd("sync")[0]
