"""What a command does not need it does not import: every start of the program pays for it."""

import json
import sys
from importlib.util import find_spec

import anyio
import pytest

from ogfd.control.serve import Doors, serve

SDKS = {"aiobotocore", "azure.core", "azure.identity", "botocore", "google.auth", "google.cloud"}
CLOUDS = {"cryptography", "grpc", "msal", "requests", *SDKS}
DAEMON = {"aiohttp.web", "apscheduler", "ogfd.control.serve", "ogfd.runs.scheduler", "rich"}
ENGINE = {"aiohttp", "ogfd.daemon", "ogfd.packages", "ogfd.runs", "ogfd.traffic"}
ROWS = {"adbc_driver_manager", "numpy", "prometheus_client", "pyarrow", "sqlite3"}
CONTRACT = {"anyio", "asyncio", "ogfd.config", "ogfd.plugin", "ogfd.registry", "pluggy", "pydantic"}

NEEDLESS = {
    "--version": CLOUDS | DAEMON | ENGINE | ROWS | CONTRACT,
    "--help": CLOUDS | DAEMON | ENGINE | ROWS | CONTRACT | {"ogfd_sandbox"},
    "plugins list": CLOUDS | DAEMON | ENGINE | ROWS,
    "config validate": CLOUDS | DAEMON | ENGINE | ROWS,
    "status --json": CLOUDS | DAEMON | ENGINE | ROWS,
    "-c alone.toml status": CLOUDS | DAEMON,
}
"""By command, in the order in which one process runs them: what comes later may need more."""

SCRIPT = """
import contextlib, io, json, os, sys
from ogfd.cli import main

os.chdir(sys.argv[1])
loaded = {}
for command in json.loads(sys.argv[2]):
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(command.split())
    loaded[command] = [code, sorted(sys.modules)]
print(json.dumps(loaded))
"""

CONFIG = """
[daemon]
state_dir = "{name}"
socket = "{name}.sock"
[sinks.main]
type = "sqlite"
path = "{name}.db"
[sinks.lines]
type = "jsonl"
path = "{name}.jsonl"
[connectors.aws-prod]
type = "aws"
[connectors.aws-prod.carbon]
[connectors.azure-prod]
type = "azure"
auth = "default"
[connectors.azure-prod.carbon]
[connectors.gcp-prod]
type = "gcp"
job_project = "acme-billing"
[connectors.gcp-prod.carbon]
table = "acme-billing.exports.carbon_footprint"
"""


class Standing:
    """The operations of a daemon that has nothing to tell."""

    async def call(self, name, params, emit):
        return {"asked": name}


async def _beside_a_daemon(directory):
    """Run the commands in one process, beside a daemon that holds ``ogfd.toml``."""

    async def listen(*, task_status):
        await serve(
            Doors(socket=directory / "ogfd.sock"),
            exposition=lambda accept: (b"", "text/plain"),
            not_ready=list,
            operations=Standing(),
            task_status=task_status,
        )

    command = [sys.executable, "-c", SCRIPT, str(directory), json.dumps(list(NEEDLESS))]
    async with anyio.create_task_group() as tasks:
        await tasks.start(listen)
        done = await anyio.run_process(command, check=False)
        tasks.cancel_scope.cancel()
    assert 0 == done.returncode, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Return the exit code and all modules that are loaded after each command."""
    directory = tmp_path_factory.mktemp("imports")
    for name in ("ogfd", "alone"):
        (directory / f"{name}.toml").write_text(CONFIG.format(name=name))
    return anyio.run(_beside_a_daemon, directory)


@pytest.mark.parametrize("command", NEEDLESS)
def test_a_command_imports_what_it_needs(loaded, command):
    """Help shows at once, a daemon is asked without an engine, a state is shown without an SDK."""
    code, modules = loaded[command]
    needless = {
        name
        for name in modules
        if any(f"{name}.".startswith(f"{heavy}.") for heavy in NEEDLESS[command])
    }

    assert (0, set()) == (code, needless)


def test_the_lists_name_what_there_is():
    """A module that is named wrongly would never be found."""
    named = set().union(*NEEDLESS.values())

    assert set() == {name for name in named if find_spec(name) is None}
