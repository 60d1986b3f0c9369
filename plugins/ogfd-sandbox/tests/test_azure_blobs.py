"""Blob storage of the Azure stand-in, seen through plain HTTP."""

import base64
import hashlib
from xml.etree import ElementTree as ET

import pytest
from ogfd_sandbox.azure.seeds import ACCOUNT
from ogfd_sandbox.faults import Rule
from yarl import URL

STORAGE = "https://storage.azure.com/.default"
VERSION = {"x-ms-version": "2025-11-05"}
BODY = bytes(range(256)) * 40


@pytest.fixture
def read(azure, client):
    """Ask for a blob, or for a list if its name is a question."""

    async def run(name, *, method="GET", scope=STORAGE, **headers):
        place = f"{azure.blob_endpoint}/exports{name if name[:1] == '?' else '/' + name}"
        shown = VERSION | {key.replace("_", "-"): value for key, value in headers.items()}
        return await client.ask(method, URL(place, encoded=True), scope=scope, headers=shown)

    return run


async def listed(read, query=""):
    status, _, body = await read(f"?restype=container&comp=list{query}")
    assert 200 == status
    return ET.fromstring(body)


def names(root, kind="Blob"):
    return [one.findtext("Name") for one in root.find("Blobs").iter(kind)]


async def test_a_blob_is_read_whole_and_in_ranges(azure, read):
    """With its digest and its ETag."""
    etag = azure.put_blob("exports", "a/b.csv", BODY)
    status, headers, body = await read("a/b.csv")
    partly, span, piece = await read("a/b.csv", x_ms_range="bytes=10-19")
    _, rest, tail = await read("a/b.csv", Range="bytes=10000-")

    digest = base64.b64encode(hashlib.md5(BODY).digest()).decode()
    assert (200, BODY, f'"{etag}"') == (status, body, headers["ETag"])
    assert digest == headers["Content-MD5"] == span["x-ms-blob-content-md5"]
    assert (206, BODY[10:20], "bytes 10-19/10240") == (partly, piece, span["Content-Range"])
    assert (BODY[10000:], "bytes 10000-10239/10240") == (tail, rest["Content-Range"])
    assert 416 == (await read("a/b.csv", Range="bytes=10240-"))[0]


async def test_a_head_tells_the_same_without_a_body(azure, read):
    """Errors too; their code is in a header."""
    azure.put_blob("exports", "a", BODY)
    status, headers, body = await read("a", method="HEAD")
    absent, other, _ = await read("b", method="HEAD")

    assert (200, b"", "10240") == (status, body, headers["Content-Length"])
    assert (404, "BlobNotFound") == (absent, other["x-ms-error-code"])
    assert 2 == azure.count("GetBlobProperties", f"{ACCOUNT}/exports/*")


async def test_conditions_hold_to_the_etag(azure, read):
    """A blob that was overwritten is no longer the one that was listed."""
    etag = azure.put_blob("exports", "a", BODY)
    assert 200 == (await read("a", If_Match=f'"{etag}"'))[0]
    assert 304 == (await read("a", If_None_Match=f'"{etag}"'))[0]

    azure.put_blob("exports", "a", b"other")
    status, headers, body = await read("a", If_Match=f'"{etag}"')

    assert (412, "ConditionNotMet") == (status, headers["x-ms-error-code"])
    assert "ConditionNotMet" == ET.fromstring(body).findtext("Code")
    assert 200 == (await read("a", If_None_Match=f'"{etag}"'))[0]


@pytest.mark.parametrize("name", ["ü +%20.gz", "a//b", "tail/", "[20260801-20260831]/x&y.json"])
async def test_names_are_kept_literally(azure, read, name):
    """In listings, and when asked for."""
    azure.put_blob("exports", name, name.encode())
    encoded = URL.build(path="/" + name).raw_path[1:].replace("+", "%2B")

    assert [name] == names(await listed(read)) == azure.blobs("exports")
    assert name.encode() == (await read(encoded))[2] == azure.get_blob("exports", name)


async def test_a_list_comes_in_pages(azure, read):
    """Of a prefix, with what a reader needs to know of each blob; it begins with a mark."""
    for number in range(5):
        azure.put_blob("exports", f"run/{number}", BODY[:number])
    azure.put_blob("exports", "another", b"")
    found, query = [], "&prefix=run%2F&maxresults=2"
    root = await listed(read, query)
    found += names(root)
    while marker := root.findtext("NextMarker"):
        root = await listed(
            read, f"{query}&marker={URL.build(query={'m': marker}).raw_query_string[2:]}"
        )
        found += names(root)

    assert [f"run/{number}" for number in range(5)] == found
    assert 3 == azure.count("ListBlobs", f"{ACCOUNT}/exports/run/")
    properties = root.find("Blobs/Blob/Properties")
    assert "4" == properties.findtext("Content-Length")
    assert properties.findtext("Etag").startswith("0x")
    assert (await read("?restype=container&comp=list"))[2].startswith(b"\xef\xbb\xbf<?xml")


async def test_a_delimiter_folds_what_lies_below(azure, read):
    """Into prefixes, which count as entries."""
    for name in ("focus/1/a", "focus/1/b", "focus/2/a", "focus/x"):
        azure.put_blob("exports", name, b"")
    root = await listed(read, "&prefix=focus%2F&delimiter=%2F")

    assert (["focus/1/", "focus/2/"], ["focus/x"]) == (names(root, "BlobPrefix"), names(root))


async def test_errors_are_those_of_the_service(azure, read):
    """By code: no container, no token, a foreign token, no version."""
    code = "x-ms-error-code"
    listing = "?restype=container&comp=list"
    assert (404, "ContainerNotFound") == _code(await read(listing), code)
    azure.create_container("exports")
    assert [] == names(await listed(read))

    assert (404, "BlobNotFound") == _code(await read("a"), code)
    found = await read("a", scope=None)
    assert (401, "NoAuthenticationInformation") == _code(found, code)
    assert "resource_id=https://storage.azure.com" in found[1]["WWW-Authenticate"]
    foreign = await read("a", scope="https://management.azure.com/.default")
    assert (401, "InvalidAuthenticationInfo") == _code(foreign, code)
    assert (400, "MissingRequiredHeader") == _code(await read("a", x_ms_version=""), code)


def _code(found, name):
    status, headers, _ = found
    return status, headers[name]


async def test_accounts_are_apart(azure, client):
    """Each has its own endpoint."""
    azure.put_blob("exports", "a", b"mine")
    azure.put_blob("exports", "a", b"theirs", account="other")
    url = azure.blob_endpoint_of("other") + "/exports/a"

    assert b"theirs" == (await client.ask("GET", URL(url), scope=STORAGE, headers=VERSION))[2]
    assert b"mine" == azure.get_blob("exports", "a")


async def test_a_rule_puts_or_deletes_just_before(azure, read, tmp_path):
    """The races of an export that overwrites its last run."""
    (tmp_path / "new").write_bytes(b"new")
    etag = azure.put_blob("exports", "a", b"old")
    azure.put_blob("exports", "b", b"old")
    bucket = f"{ACCOUNT}/exports"
    rules = {"*/a": (bucket, "a", str(tmp_path / "new")), "*/b": (bucket, "b", "")}
    azure.inject(
        *(
            Rule(action="replace", operation="GetBlob", key=key, objects=(change,))
            for key, change in rules.items()
        )
    )

    assert 412 == (await read("a", If_Match=f'"{etag}"'))[0]
    assert 404 == (await read("b"))[0]
    assert b"new" == azure.get_blob("exports", "a")
    with pytest.raises(KeyError):
        azure.get_blob("exports", "b")
