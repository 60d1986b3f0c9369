"""A machine of one's own: this one's root under an overlay, booted by a real systemd."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NETWORK_VARIABLES = re.compile(r"PROXY|CERT|CA_|_CA|SSL|BUNDLE|^PIP_", re.IGNORECASE)
# Slow or noisy in a copy of a whole machine, and no part of what is tested.
MASKED = ("systemd-networkd-wait-online.service", "NetworkManager-wait-online.service")


def eventually(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait until *holds* is true; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"did not come true within {seconds} s: {holds}"
        time.sleep(0.05)


def readme_commands() -> list[str]:
    """Return the installation as systemd/README.md tells it."""
    text = (REPOSITORY / "systemd" / "README.md").read_text()
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert block

    return [line.replace("sudo -u ogfd", "runuser -u ogfd --") for line in block[1].splitlines()]


class Machine:
    """A booted systemd; commands run inside it, as root."""

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        self._leader = leader

    def run(self, *command: str, check: bool = True) -> str:
        """Run *command*; return its output without the last line end."""
        done = subprocess.run(
            ["nsenter", "--all", "--target", str(self._leader), "--", *command],
            capture_output=True,
            text=True,
            timeout=120,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"},
        )
        assert not check or done.returncode == 0, (
            f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}\n{self.journal()}"
        )
        return done.stdout.rstrip("\n")

    def journal(self) -> str:
        """Return what the service logged since the machine was booted."""
        return self.run(
            "journalctl", "-u", "ogfd", "--no-pager", "-o", "short-precise", check=False
        )

    def journal_of_this_start(self) -> str:
        """Return what systemd and the service logged since the service was last started."""
        self.run("journalctl", "--sync")
        _, _, lines = self.journal().rpartition("Starting ogfd.service")
        return lines

    def show(self, prop: str) -> str:
        """Return a property of the service."""
        return self.run("systemctl", "show", "ogfd", "--value", "-p", prop)

    def write(self, path: str, text: str) -> None:
        """Write a file of the machine."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def restart_cleanly(self) -> None:
        """Bring the service up afresh, whatever state the last test left it in."""
        self.run("systemctl", "stop", "ogfd", check=False)
        self.run("systemctl", "reset-failed", "ogfd", check=False)
        self.run("systemctl", "start", "ogfd")

    @staticmethod
    def eventually(holds: Callable[[], object], seconds: float = 30) -> None:
        """Wait until *holds* is true; fail after *seconds*."""
        eventually(holds, seconds)


def require(programs: Sequence[str]) -> None:
    """Fail, never skip, when what the test stands on is missing."""
    if os.geteuid() != 0:
        pytest.fail("these tests mount and boot things, so they need root: run make e2e")
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.fail(f"not found: {', '.join(missing)}; make e2e installs what is needed")


def sh(*command: str | Path, env: Mapping[str, str] | None = None) -> None:
    """Run *command* on the real machine and show its output if it fails."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=600, env=env
    )
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    )


def in_container(root: Path, line: str) -> None:
    """Run a shell *line* in */src* of the machine before it is booted, with the network."""
    passed = [f"--setenv={k}={v}" for k, v in os.environ.items() if NETWORK_VARIABLES.search(k)]
    sh(
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe"),
        *("--directory", root, "--chdir=/src", "--setenv=PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
        *passed,
        *("/bin/sh", "-ec", line),
    )


def mount_overlay(stack: ExitStack, base: Path) -> Path:
    """Mount a writable copy of the root file system; what is written to it stays in memory."""
    sh("mount", "-t", "tmpfs", "-o", "size=4g,mode=755", "tmpfs", base)
    stack.callback(sh, "umount", "--lazy", base)
    upper, work, root = base / "upper", base / "work", base / "root"
    for folder in (upper, work, root):
        folder.mkdir()
    options = f"lowerdir=/,upperdir={upper},workdir={work}"
    sh("mount", "-t", "overlay", "overlay", "-o", options, root)
    stack.callback(sh, "umount", "--lazy", root)
    return root


def boot(stack: ExitStack, root: Path, log: Path) -> Machine:
    """Boot *root*; power it off when *stack* is left."""
    command = (
        *("systemd-nspawn", "--quiet", "--directory", str(root), "--machine=ogfd-e2e"),
        *("--register=no", "--keep-unit", "--boot", "--link-journal=no", "--private-network"),
        *("--console=read-only", "systemd.unit=basic.target"),
    )
    with log.open("wb") as console:
        container = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )

    def power_off() -> None:
        for leader in leaders(container.pid):
            os.kill(leader, signal.SIGRTMIN + 4)
        try:
            container.wait(timeout=30)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()

    stack.callback(power_off)
    eventually(lambda: container.poll() is not None or leaders(container.pid))
    if container.poll() is not None:
        pytest.fail(f"the machine did not boot:\n{log.read_text(errors='replace')}")
    machine = Machine(root, leaders(container.pid)[0])
    eventually(
        lambda: (
            machine.run("systemctl", "is-system-running", check=False) in {"running", "degraded"}
        ),
        seconds=60,
    )
    return machine


def leaders(container: int) -> list[int]:
    """Return the process that is PID 1 inside, once it is systemd."""
    try:
        children = Path(f"/proc/{container}/task/{container}/children").read_text().split()
        return [int(c) for c in children if "systemd\n" == Path(f"/proc/{c}/comm").read_text()]
    except OSError:
        return []


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a machine with ogfd installed the way systemd/README.md says."""
    require(["systemd-nspawn", "nsenter", "mount", "dbus-daemon"])
    base = tmp_path_factory.mktemp("machine")
    with ExitStack() as stack:
        root = mount_overlay(stack, base)
        ignored = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", ".hypothesis")
        shutil.copytree(REPOSITORY, root / "src", ignore=ignored)
        shutil.copy(Path(__file__).parent / "service.toml", root / "src" / "ogfd.toml")
        for unit in MASKED:
            (root / "etc/systemd/system" / unit).unlink(missing_ok=True)
            (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        commands = readme_commands()
        in_container(root, "\n".join(c for c in commands if "venv/bin/pip" in c or "-m venv" in c))
        in_container(
            root, "/opt/ogfd/venv/bin/pip wheel -q --no-deps -w wheels ./plugins/ogfd-hello"
        )
        booted = boot(stack, root, base / "console.log")
        rest = [c for c in commands if "venv/bin/pip" not in c and "-m venv" not in c]
        booted.run("/bin/sh", "-ec", "\n".join(["cd /src", *rest]))
        yield booted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that gives a file system in memory of a size such as ``8m``, or resizes it."""
    require(["mount", "umount"])
    place = tmp_path / "disk"
    place.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place)

    def resize(size: str) -> Path:
        sh("mount", "-o", f"remount,size={size}", place)
        return place

    yield resize
    sh("umount", "--lazy", place)
