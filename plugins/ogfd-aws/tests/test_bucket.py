"""Stores that are not quite S3: nothing is cut or mixed without a word."""

import pytest
from ogfd_aws.bucket import Bucket

from ogfd.plugin import FatalError, SourceChanged, TransientError
from ogfd.testing import FakeContext


class Body:
    """The body of an answer."""

    def __init__(self, content):
        self.content = content
        self.closed = False

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed = True

    async def iter_chunks(self, _):
        yield self.content


class Store:
    """A client whose answers are the next of *answers*; keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def get_object(self, **ask):
        self.asked.append(ask)
        return self.answers.pop(0)

    list_objects_v2 = get_object


def bucket(store, tmp_path):
    return Bucket(FakeContext(spool=tmp_path), store, "bills")


def part(content, offset=0, etag='"a"', **fields):
    told = {"ContentRange": f"bytes {offset}-9/10"} if offset else {}
    return {"Body": Body(content), "ETag": etag, "ContentLength": len(content)} | told | fields


async def test_a_listing_that_breaks_off_is_an_error(tmp_path):
    """More is there, and the store does not say where: half a month must not pass for one."""
    store = Store({"KeyCount": 1, "IsTruncated": True, "Contents": [{"Key": "a", "ETag": '"1"'}]})
    with pytest.raises(FatalError, match="breaks off"):
        await bucket(store, tmp_path).level("")


async def test_a_listing_goes_on_wherever_the_store_says_so(tmp_path):
    """IsTruncated may be left out beside a token; where it says no, that counts."""
    store = Store(
        {"KeyCount": 1, "NextContinuationToken": "t", "Contents": [{"Key": "a", "ETag": '"1"'}]},
        {"KeyCount": 1, "NextContinuationToken": "u", "IsTruncated": False},
    )
    assert {"a": "1"} == (await bucket(store, tmp_path).level("")).objects
    assert [None, "t"] == [ask.get("ContinuationToken") for ask in store.asked]


class Resuming(FakeContext):
    """Opens an object at each of *offsets*, as a transfer does that breaks off there."""

    def __init__(self, *offsets):
        super().__init__()
        self.offsets = offsets
        self.came = []

    async def download(self, operation, open_at, **_):
        for offset in self.offsets:
            async with open_at(offset) as chunks:
                self.came.append(b"".join([chunk async for chunk in chunks]))


@pytest.mark.parametrize(
    ("second", "error"),
    [
        (part(b"56789", 5, '"b"'), SourceChanged),
        (part(b"456789", 4), TransientError),
        (part(b"0123456789"), TransientError),
        ({"Body": Body(b"<html>"), "ContentRange": "bytes 5-9/10"}, TransientError),
    ],
    ids=["other version", "other place", "all of it", "no answer of S3"],
)
async def test_what_a_store_gives_instead_of_the_rest_is_refused(second, error):
    """Not every store knows If-Match and ranges; a file is never a mix of two versions."""
    ctx = Resuming(0, 5)
    with pytest.raises(error):
        await Bucket(ctx, Store(part(b"01234"), second), "bills").download("key")

    assert [b"01234"] == ctx.came
    assert second["Body"].closed


async def test_the_rest_of_the_same_version_is_taken():
    """With the ETag of the first opening asked for."""
    ctx, store = Resuming(0, 5), Store(part(b"01234"), part(b"56789", 5))
    fetched = await Bucket(ctx, store, "bills").download("key")

    assert [b"01234", b"56789"] == ctx.came
    assert ("a", '"a"', "bytes=5-") == (
        fetched.etag,
        store.asked[1]["IfMatch"],
        store.asked[1]["Range"],
    )


async def test_a_small_object_of_another_version_is_none(tmp_path):
    """From a store that does not know If-Match; an answer of somebody else is an error."""
    small = bucket(Store(part(b"{}", etag='"b"'), {"Body": Body(b"<html>")}), tmp_path).small
    assert await small("key", etag="a", limit=9) is None
    with pytest.raises(TransientError, match="not one of S3"):
        await small("key", etag="a", limit=9)
