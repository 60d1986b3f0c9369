"""The content of a URL, downloaded over real sockets that break in every way."""

import gzip
import hashlib
import random
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from traffic.web.store import Store, answer, chunked, chunked_cut, cut, drip, reset, stall

from ogfd.plugin import (
    AuthError,
    ErrorClass,
    FatalError,
    NotFoundError,
    SourceChanged,
    TransientError,
)
from ogfd.traffic import DownloadSettings, Spool

MIB = 1 << 20
CONTENT = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(300_000)


@pytest.fixture
def fetch(make_traffic: Any, raw_server: Any) -> Any:
    """Downloads the object of a store by `content`, and returns what came."""

    async def run(
        store: Any, *, size: Any = None, digest: Any = None, settings: Any = None, **options: Any
    ) -> Any:
        async with (
            raw_server(store) as server,
            make_traffic(allowed_origins=[server.url], **settings or {}) as traffic,
        ):
            open_at = traffic.content(f"{server.url}/o?sig=secret", **options)
            path = await traffic.download(
                "s3:Get", open_at, size=size, digest=digest, name="big.csv"
            )
            return path.read_bytes()

    return run


def files(spool: Any) -> Any:
    return sorted(spool.directory.iterdir()) if spool.directory.exists() else []


HASTY = DownloadSettings(
    open_timeout=timedelta(seconds=5),
    stall_timeout=timedelta(milliseconds=200),
    window=timedelta(milliseconds=200),
    least_rate=100_000,
)


async def test_an_object_is_asked_for_once(fetch: Any) -> None:
    """As it is, from its start, in the version that is there."""
    store = Store(CONTENT)

    assert CONTENT == await fetch(store, headers={"X-A": "1"})
    assert [None] == store.starts
    assert ("identity", "1") == (store.asked[0]["accept-encoding"], store.asked[0]["x-a"])
    assert "if-match" not in store.asked[0]


async def test_a_known_version_is_asked_for_from_the_start(fetch: Any) -> None:
    """One that is not there any more was replaced since it was listed."""
    store = Store(CONTENT)
    assert CONTENT == await fetch(store, etag='"v1"')
    assert '"v1"' == store.asked[0]["if-match"]

    with pytest.raises(SourceChanged, match="was replaced"):
        await fetch(Store(CONTENT), etag='"v0"')


@pytest.mark.parametrize(
    "fault", [cut, reset, drip, stall, chunked_cut], ids=lambda fault: str(fault.__name__)
)
async def test_a_broken_transfer_goes_on_where_it_broke_off(
    fetch: Any, recorder: Any, fault: Any
) -> None:
    """Under the version that it began with."""
    store = Store(CONTENT, fault(100_000))

    assert CONTENT == await fetch(store, settings={"download": HASTY})
    assert [None, 100_000] == [start and min(start, 100_000) for start in store.starts]
    assert '"v1"' == store.asked[1]["if-match"]
    assert ["transient", "ok"] == recorder.results


async def test_an_object_that_was_replaced_in_the_middle_is_never_mixed(
    fetch: Any, spool: Any
) -> None:
    """Whether the server keeps to If-Match, or ignores it and just says what it sends."""
    replaced = {"ETag": '"v2"', "body": OTHER[100_000:]}
    whole = {"ETag": '"v2"', "body": OTHER, "status": 200, "Content-Range": None}
    longer = {"Content-Range": "bytes 100000-300000/300001", "body": OTHER[100_000:] + b"x"}
    for change in (answer(412), replaced, whole, longer):
        store = Store(CONTENT, cut(100_000), change)
        with pytest.raises(SourceChanged, match=r"GET http://127\.0\.0\.1:\d+/o was replaced"):
            await fetch(store)

        assert [None, 100_000] == store.starts
        assert [] == files(spool)


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 200, "body": CONTENT, "Content-Range": None},
        {"ETag": None},
        {"Content-Range": None},
        {"Content-Range": "bytes 0-299999/300000", "body": CONTENT},
        {"Content-Range": "bytes 50000-249999/300000", "body": CONTENT[50_000:250_000]},
        {"Content-Range": "items 100000-299999/300000"},
        answer(416, b"", b"Content-Range: bytes */300000"),
        b'HTTP/1.1 206 P\r\nTransfer-Encoding: chunked\r\nETag: "v1"\r\n'
        b"Content-Range: bytes 100000-299999/300000\r\n\r\n"
        b"30d41\r\n%s\r\n0\r\n\r\n" % (b"x" * 200_001),
    ],
    ids=["no-ranges", "no-etag", "no-range", "whole", "other", "no-bytes", "416", "too-long"],
)
async def test_what_cannot_be_put_together_starts_over(
    fetch: Any, recorder: Any, refusal: Any
) -> None:
    """In the next attempt, still in the same version, and the rest is not asked for again."""
    store = Store(CONTENT, cut(100_000), refusal, cut(200_000))

    assert CONTENT == await fetch(store)
    assert [None, 100_000, None, None] == store.starts
    assert ['"v1"'] * 3 == [asked["if-match"] for asked in store.asked[1:]]
    assert ["transient", "transient", "transient", "ok"] == recorder.results


async def test_a_range_of_an_object_of_unknown_length_starts_over(fetch: Any) -> None:
    """Its end could be that of the range alone."""
    told = {"Content-Range": "bytes 100000-299998/*", "body": CONTENT[100_000:-1]}
    whole = chunked(answer(200, b"", b'ETag: "v1"'), CONTENT) + b"0\r\n\r\n"
    for second in (told, whole):
        store = Store(CONTENT, chunked_cut(100_000), second)

        assert CONTENT == await fetch(store)
        assert [None, 100_000, None] == store.starts


async def test_a_range_that_ends_early_is_not_the_end(fetch: Any) -> None:
    """A server may send less than it was asked for."""
    part = {"Content-Range": "bytes 100000-199999/300000", "body": CONTENT[100_000:200_000]}
    for first in (cut(100_000), chunked_cut(100_000)):
        store = Store(CONTENT, first, part)

        assert CONTENT == await fetch(store)
        assert [None, 100_000, 200_000] == store.starts


@pytest.mark.parametrize("etag", ['W/"v1"', None, "v1"])
async def test_without_a_strong_etag_an_object_comes_in_one_go(fetch: Any, etag: Any) -> None:
    """What came so far cannot be told from another version."""
    store = Store(CONTENT, cut(100_000), cut(200_000), etag=etag)

    assert CONTENT == await fetch(store)
    assert [None, None, None] == store.starts
    assert not any("if-match" in asked for asked in store.asked)


async def test_an_object_that_never_comes_in_one_go_fails(fetch: Any, recorder: Any) -> None:
    """Bytes that are thrown away are no progress, however many more they are each time."""
    store = Store(bytes(9 * MIB), *[cut(count * MIB) for count in (2, 4, 6, 8)], etag=None)
    with pytest.raises(TransientError):
        await fetch(store)

    assert [None] * 4 == store.starts
    assert ["transient"] * 4 == recorder.results


async def test_a_version_that_the_answer_does_not_name_is_not_taken(fetch: Any) -> None:
    """It may be any; nor is one with another weak ETag the one that was listed."""
    with pytest.raises(FatalError, match="does not say which version"):
        await fetch(Store(CONTENT, {"ETag": None}), etag='"v1"')
    with pytest.raises(SourceChanged):
        await fetch(Store(CONTENT, etag='W/"v2"'), etag='W/"v1"')


async def test_an_encoding_that_was_not_asked_for_is_no_object(fetch: Any, spool: Any) -> None:
    """The file would hold something else; who asks for it gets the bytes as they are."""
    zipped = gzip.compress(CONTENT)
    told = {"Content-Encoding": "gzip", "body": zipped}
    store = Store(CONTENT, told)
    with pytest.raises(FatalError, match="encoded as gzip"):
        await fetch(store)
    assert ([None], []) == (store.starts, files(spool))

    asked = {"Accept-Encoding": "br;q=0.1, GZIP"}
    assert zipped == await fetch(Store(CONTENT, told), headers=asked)
    assert CONTENT == await fetch(Store(CONTENT, {"Content-Encoding": "identity"}))


@pytest.mark.parametrize("status", [202, 204])
async def test_an_answer_that_is_no_content_is_refused(fetch: Any, status: Any) -> None:
    """Such as one that says to come again later."""
    with pytest.raises(FatalError, match=f"answered {status}, which is no content") as raised:
        await fetch(Store(b"", {"status": status}))

    assert status == raised.value.status


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [(302, FatalError, 1), (403, AuthError, 2), (404, NotFoundError, 2), (503, TransientError, 4)],
)
async def test_an_error_in_the_middle_has_its_class(
    fetch: Any, spool: Any, status: Any, kind: Any, requests: Any
) -> None:
    """And leaves no file; nothing of the query, which may be a signature, is said."""
    refusal = answer(status, b"", b"Location: https://elsewhere.example/?sig=secret")
    faults = [refusal] if status == 302 else [cut(100_000), *[refusal] * 9]
    store = Store(CONTENT, *faults)
    with pytest.raises(kind) as raised:
        await fetch(store)

    assert (status, requests, []) == (raised.value.status, len(store.asked), files(spool))
    assert "secret" not in str(raised.value)


class Token:
    """Gives out a token until it is told to drop it."""

    def __init__(self) -> None:
        self.given = 0
        self.dropped = 0

    async def __call__(self) -> Any:
        self.given += 1
        return {"Authorization": f"Bearer {self.dropped}"}

    async def refresh(self) -> Any:
        self.dropped += 1


async def test_a_token_that_expires_in_the_middle_is_renewed(fetch: Any, recorder: Any) -> None:
    """The transfer goes on at the byte where it broke off, with another token."""
    auth = Token()
    store = Store(CONTENT, cut(100_000), answer(401))

    assert CONTENT == await fetch(store, auth=auth)
    assert [None, 100_000, 100_000] == store.starts
    assert ["Bearer 0", "Bearer 0", "Bearer 1"] == [a["authorization"] for a in store.asked]
    assert ["transient", "auth", "ok"] == recorder.results


async def test_a_wait_in_the_middle_is_honoured(fetch: Any, recorder: Any) -> None:
    """Then it goes on where it was."""
    store = Store(CONTENT, cut(100_000), answer(429, b"", b"Retry-After: 0.05"))

    assert CONTENT == await fetch(store)
    assert [None, 100_000, 100_000] == store.starts
    assert (ErrorClass.TRANSIENT, 0.05) == recorder.retries[-1]


@pytest.mark.parametrize("faults", [[], [cut(100_000)], [cut(100_000), {"Content-Range": None}]])
async def test_a_digest_is_that_of_the_whole_object(fetch: Any, spool: Any, faults: Any) -> None:
    """Also if that came in parts, or started over; a wrong one removes the file."""
    for algorithm in ("md5", "sha256", "blake2b"):
        digest = hashlib.new(algorithm, CONTENT).hexdigest()
        assert CONTENT == await fetch(Store(CONTENT, *faults), digest=f"{algorithm}:{digest}")

    found = hashlib.md5(CONTENT).hexdigest()
    store = Store(CONTENT, *faults)
    with pytest.raises(FatalError, match=f"big.csv has the digest md5:{found} and .* md5:0000"):
        await fetch(store, digest=f"md5:{'0' * 32}")
    assert (len(faults) + 1, []) == (len(store.asked), files(spool))


async def test_an_object_of_another_length_is_an_error(fetch: Any) -> None:
    """A longer one at once; a shorter one is asked for anew: its length may have been wrong."""
    with pytest.raises(FatalError, match="longer than the 299999 bytes"):
        await fetch(Store(CONTENT), size=len(CONTENT) - 1)
    store = Store(CONTENT)
    with pytest.raises(TransientError, match="ended after 300000 of 300001 bytes"):
        await fetch(store, size=len(CONTENT) + 1)
    assert [None] * 4 == store.starts


async def test_a_body_without_an_end_needs_a_length_to_expect(fetch: Any, spool: Any) -> None:
    """It ends with the connection, so a cut could not be seen; with a length it is resumed."""

    def endless(count: Any) -> Any:
        async def fault(writer: Any, head: Any, body: Any) -> Any:
            writer.write(b'HTTP/1.1 200 OK\r\nETag: "v1"\r\n\r\n' + body[:count])
            await writer.drain()
            writer.close()

        return fault

    with pytest.raises(FatalError, match="has no length"):
        await fetch(Store(CONTENT, endless(None)))
    assert [] == files(spool)
    assert CONTENT == await fetch(Store(CONTENT, endless(None)), size=len(CONTENT))
    store = Store(CONTENT, endless(100_000))
    assert CONTENT == await fetch(store, size=len(CONTENT))
    assert [None, 100_000] == store.starts


async def test_an_empty_object_is_an_empty_file(fetch: Any) -> None:
    """With a length, and in chunks."""
    assert b"" == await fetch(Store(b""))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert b"" == await fetch(Store(b"", head))


async def test_the_quota_holds_for_what_has_no_length(fetch: Any, tmp_path: Any) -> None:
    """It ends when there is no more room, and is not tried again."""
    small = Spool(tmp_path / "small", 200_000)
    store = Store(CONTENT)
    with pytest.raises(FatalError, match="more than the spool"):
        await fetch(store, settings={"own_spool": small})

    assert ([None], [], 0) == (store.starts, files(small), await small.used_bytes())


async def test_what_cannot_be_asked_for_is_refused_before_anything_is(
    make_traffic: Any, recorder: Any
) -> None:
    """Hosts elsewhere, ETags without quotes, ranges of one's own."""
    async with make_traffic(allowed_hosts=["a.example"]) as traffic:
        for url, options, reason in (
            ("https://b.example/x", {}, "allowed hosts"),
            ("http://a.example/x", {}, "https"),
            ("https://a.example/x", {"etag": "v1"}, "quoted"),
            ("https://a.example/x", {"etag": "*"}, "quoted"),
            ("https://a.example/x", {"headers": {"range": "bytes=5-"}}, "Range"),
        ):
            with pytest.raises(ValueError, match=reason):
                traffic.content(url, **options)

    assert [] == recorder.attempts


@pytest.mark.parametrize("seed", range(30))
async def test_however_a_transfer_breaks_the_file_is_the_object(
    make_traffic: Any, raw_server: Any, seed: Any
) -> None:
    """Random faults at random bytes: every byte is there, and none that came is asked for again."""
    rng = random.Random(seed)
    content = rng.randbytes(rng.randrange(1, MIB))
    broken = [
        rng.choice([cut, reset, chunked_cut])(rng.randrange(1, len(content) // 4 + 2))
        for _ in range(rng.randrange(1, 4))
    ]
    store, came, offsets = Store(content, *broken), 0, []
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    async with (
        raw_server(store) as server,
        make_traffic(allowed_origins=[server.url]) as traffic,
    ):
        open_at = traffic.content(f"{server.url}/o")

        @asynccontextmanager
        async def counted(offset: Any) -> Any:
            offsets.append((offset, came))
            async with open_at(offset) as chunks:

                async def each() -> Any:
                    nonlocal came
                    async for chunk in chunks:
                        came += len(chunk)
                        yield chunk

                yield each()

        path = await traffic.download("s3:Get", counted, size=len(content), digest=digest)
        assert content == path.read_bytes()

    assert all(offset == received for offset, received in offsets)
    assert [offset for offset, _ in offsets] == [start or 0 for start in store.starts]
    assert len(content) == came
