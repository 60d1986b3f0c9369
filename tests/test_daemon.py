"""The daemon says in one sentence why it cannot start."""

import socket

import pytest

from ogfd.config import ConfigError
from ogfd.control.protocol import OperationError
from ogfd.daemon import run
from ogfd.registry import Registry, load_bound


def bound_to(tmp_path, daemon: str, state="state"):
    """Return a configuration with one sink and these lines of ``[daemon]``."""
    path = tmp_path / "ogfd.toml"
    path.write_text(
        f'[daemon]\nstate_dir = "{tmp_path}/{state}"\n{daemon}\n'
        f'[sinks.main]\ntype = "sqlite"\npath = "{tmp_path}/ogfd.db"\n'
    )
    return load_bound(path, {}, Registry())


@pytest.mark.parametrize("key", ["listen", "metrics_listen"])
async def test_a_port_in_use_is_named(tmp_path, key):
    """With the exit code of a service that cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        lines = f'{key} = "{where}"' + ('\nlisten = ""' if key != "listen" else "")
        with pytest.raises(OperationError, match=f"cannot listen on {where}: Address") as caught:
            await run(bound_to(tmp_path, lines))

    assert 69 == caught.value.code


async def test_a_socket_with_too_long_a_path_is_a_mistake_of_the_configuration(tmp_path):
    """Said with the exit code for it, also where it follows from state_dir."""
    with pytest.raises(OperationError, match="the system allows 107") as caught:
        await run(bound_to(tmp_path, 'listen = ""', state="x" * 120))

    assert 78 == caught.value.code


async def test_a_listener_that_is_open_to_the_world_is_a_mistake_of_the_configuration(tmp_path):
    """Nothing listens, and the key is named."""
    with pytest.raises(ConfigError, match=r"daemon\.listen"):
        await run(bound_to(tmp_path, 'listen = "0.0.0.0:8090"'))


async def test_a_proxy_that_is_nowhere_to_be_found_is_a_mistake_of_the_configuration(tmp_path):
    """Said at the start, with what to do, and not by the first connector that needs it."""
    with pytest.raises(OperationError, match="set the environment variable NO_SUCH") as caught:
        await run(bound_to(tmp_path, 'proxy = "env:NO_SUCH"'))

    assert 78 == caught.value.code


async def test_an_empty_secret_is_no_proxy_and_no_leave_to_go_without(tmp_path):
    """Requests would leave by a way that the operator does not want."""
    (tmp_path / "proxy").write_text("\n")
    with pytest.raises(OperationError, match="the proxy must be an HTTP proxy") as caught:
        await run(bound_to(tmp_path, f'proxy = "file:{tmp_path}/proxy"'))

    assert 78 == caught.value.code
