"""A container, as the stand-in has it and as odd stores have it."""

import base64
import gzip
import hashlib

import pytest
from ogfd_azure.blob import Container
from ogfd_azure.clouds import STORAGE_SCOPE
from ogfd_azure.credentials import SignIn
from ogfd_azure.tokens import Tokens
from ogfd_sandbox.faults import Rule

from ogfd.plugin import (
    AuthError,
    FatalError,
    NotFoundError,
    Response,
    SourceChanged,
    TransientError,
)
from ogfd.testing import FakeContext

ODD = "costs//ü +%20&#?/a 'b'.csv"


class NoToken:
    async def __call__(self):
        return {"Authorization": "Bearer t"}


@pytest.fixture
async def container(estate, tmp_path):
    """A container of the stand-in, asked with a real token."""
    ctx = estate.context(spool=tmp_path)
    async with Tokens(ctx, SignIn(config=estate.config())) as tokens:
        yield Container(
            ctx,
            tokens.auth(STORAGE_SCOPE),
            endpoint=estate.azure.blob_endpoint,
            account="acmecosts",
            name="exports",
        )


def told(body, status=200, headers=None):
    """Return a container whose every answer is *body*."""
    response = Response(status=status, headers=headers or {}, body=body, url="")
    ctx = FakeContext(respond=lambda _: response)
    return Container(ctx, NoToken(), endpoint="https://a.blob.example", account="a", name="c")


async def test_blobs_are_listed_and_read_by_their_literal_names(estate, container):
    """Double slashes, blanks, and letters that mean something in a URL."""
    estate.azure.put_blob("exports", ODD, b"1,2\n")
    estate.azure.put_blob("exports", "other/b", b"x")
    listed = await container.below("costs//")

    assert [ODD] == list(listed)
    assert 4 == listed[ODD].size
    assert hashlib.md5(b"1,2\n").hexdigest() == listed[ODD].md5
    path = await container.download(ODD, listed[ODD])
    assert b"1,2\n" == path.read_bytes()
    assert b"1,2\n" == await container.small(ODD, listed[ODD], limit=4)
    await container.check(ODD, listed[ODD])
    assert estate.azure.count("GetBlob", f"acmecosts/exports/{ODD.replace('?', '[?]')}") >= 2


async def test_a_listing_goes_through_all_pages(estate, container, monkeypatch):
    """The marker of a page leads to the next one."""
    for number in range(7):
        estate.azure.put_blob("exports", f"costs/{number}", b"x")
    ask = container._ctx.request

    async def few(method, url, *, params=None, **options):
        return await ask(method, url, params={**(params or {}), "maxresults": "3"}, **options)

    monkeypatch.setattr(container._ctx, "request", few)
    assert [f"costs/{number}" for number in range(7)] == list(await container.below("costs/"))
    assert 3 == estate.azure.count("ListBlobs")


@pytest.mark.parametrize("how", ["small", "check", "download"])
@pytest.mark.parametrize("change", ["replaced", "deleted"])
async def test_only_the_version_that_was_listed_is_read(estate, container, how, change):
    """Else the slice starts again; it is asked once."""
    estate.azure.put_blob("exports", "a", b"one")
    listed = (await container.below(""))["a"]
    if change == "replaced":
        estate.azure.put_blob("exports", "a", b"two")
    else:
        estate.azure.delete_blob("exports", "a")
    limit = {"limit": 10} if how == "small" else {}
    with pytest.raises(SourceChanged, match="was replaced"):
        await getattr(container, how)("a", listed, **limit)


async def test_what_grows_beyond_its_limit_is_refused(estate, container):
    """A manifest of gigabytes is none."""
    estate.azure.put_blob("exports", "a", b"one")
    listed = (await container.below(""))["a"]

    with pytest.raises(FatalError, match="has 3 bytes; at most 2 are read"):
        await container.small("a", listed, limit=2)


async def test_a_missing_container_is_not_found(container):
    """With a hint at the settings."""
    with pytest.raises(NotFoundError, match=r"ContainerNotFound.*check account, container"):
        await container.below("")


async def test_a_missing_role_is_named(estate, container):
    """As everywhere: what to assign, and where."""
    estate.azure.create_container("exports")
    estate.azure.inject(
        Rule(
            action="status",
            operation="ListBlobs",
            status=403,
            code="AuthorizationPermissionMismatch",
        )
    )
    with pytest.raises(AuthError, match="Storage Blob Data Reader on the container"):
        await container.below("")


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Sign in</body></html>",
        b"not xml",
        b"\xff\xfe",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><EnumerationResults><Blobs/></EnumerationResults>",
        b"<EnumerationResults></EnumerationResults>",
        b"<EnumerationResults><Blobs><Blob><Properties/></Blob></Blobs></EnumerationResults>",
        b"<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>",
    ],
)
async def test_what_is_no_listing_is_transient(body):
    """A proxy may have answered; nothing passes for an empty container."""
    with pytest.raises(TransientError, match="is not one of blob storage"):
        await told(body).below("")


async def test_names_that_xml_cannot_hold_are_decoded():
    """They say so; others with a percent sign are what they are. Times and digests may be missing."""
    entry = "<Blob><Name{}>{}</Name><Properties><Etag>{}</Etag><Content-Length>3</Content-Length>{}</Properties></Blob>"
    md5 = base64.b64encode(bytes(16)).decode()
    body = (
        "<EnumerationResults><Blobs>"
        + entry.format(' Encoded="true"', "a%01b", "0x1", f"<Content-MD5>{md5}</Content-MD5>")
        + entry.format("", "a%20b", '"0x2"', "<Content-MD5>?</Content-MD5>")
        + "</Blobs><NextMarker/></EnumerationResults>"
    )
    found = await told(body.encode("utf-8-sig")).below("")

    assert ["a\x01b", "a%20b"] == list(found)
    assert ['"0x1"', '"0x2"'] == [listed.etag for listed in found.values()]
    assert ["00" * 16, None] == [listed.md5 for listed in found.values()]


async def test_what_came_short_is_transient(estate, container):
    """A small blob must be as long as the listing says."""
    estate.azure.put_blob("exports", "a", gzip.compress(b"one"))
    listed = (await container.below(""))["a"]
    estate.azure.inject(
        Rule(action="truncate", operation="GetBlob", keep_bytes=2, hide_length=True)
    )
    with pytest.raises(TransientError):
        await container.small("a", listed, limit=100)
