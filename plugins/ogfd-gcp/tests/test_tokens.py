"""The token of a run: who sees it, and what others do while it is renewed."""

import threading

import anyio
import pytest
from ogfd_gcp.session import open_session
from ogfd_gcp.tokens import Tokens

from ogfd.plugin import AuthError

KNOWN = "ogfd-reader@acme-finops.iam.gserviceaccount.com"


async def test_while_a_token_is_renewed_it_is_known_whose_it_is(cloud, monkeypatch):
    """A job that is named meanwhile is named after the same account, and no second one is paid."""
    going, go = threading.Event(), threading.Event()
    tokens = Tokens(cloud.context(), cloud.config())
    await tokens.ready()
    before = tokens.headers()
    slow = tokens._signed_in

    def waiting():
        going.set()
        assert go.wait(10)
        return slow()

    monkeypatch.setattr(tokens, "_signed_in", waiting)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tokens._renew)
        while not going.is_set():
            await anyio.sleep(0.005)
        meanwhile = tokens.email, tokens.headers(), tokens._good
        go.set()
    tokens.close()

    assert (KNOWN, before, False) == meanwhile
    assert tokens._good


async def test_a_token_that_cannot_be_renewed_is_not_taken_for_a_good_one(cloud, monkeypatch):
    """Whoever asks next tries to sign in once more."""
    tokens = Tokens(cloud.context(), cloud.config())
    await tokens.ready()
    monkeypatch.setenv("OGFD_TEST_KEY", "{}")

    for attempt in (tokens._renew, tokens.ready):
        with pytest.raises(AuthError, match="of no type"):
            await attempt()
    tokens.close()


@pytest.mark.parametrize("token", ["", "sesame\n", "sesame sesame", "s\u00e9same"])
async def test_what_no_header_can_hold_is_not_quoted(cloud, monkeypatch, token):
    """As the library would, in the error of the request."""
    monkeypatch.setattr(
        "google.oauth2.service_account.Credentials.refresh",
        lambda self, _: setattr(self, "token", token),
    )

    async with open_session(cloud.context(), cloud.config()) as session:
        with pytest.raises(AuthError, match="what is no token") as caught:
            await session.datasets("acme-finops")

    assert "same" not in str(caught.value)


async def test_a_netrc_is_none_of_ours(cloud, monkeypatch, tmp_path):
    """Its password would go to Google in the place of the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password sesame\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    async with open_session(cloud.context(), cloud.config()) as session:
        assert await session.datasets("acme-finops") == []
