"""
Blob storage, as far as a client reads it: lists, ranges, conditions, and errors in XML.

As learn.microsoft.com/rest/api/storageservices describes it, 2026. A list begins with a byte order
mark, and its ETags stand without quotes, as the real ones do.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from itertools import count
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from ogfd_sandbox.azure.seeds import TENANT_ID
from ogfd_sandbox.azure.tokens import STORAGE, Tokens
from ogfd_sandbox.azure.wire import Answer, Asked, Call, RefusedError, Reply, guarded
from ogfd_sandbox.faults import Rule

_ROOT: Final = "/blob/"
_OLDEST_VERSION: Final = "2017-11-09"  # the first that takes a bearer token
_LARGEST_LIST: Final = 5000
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blob:
    """One blob. *etag* has no quotes, *modified* is in whole seconds since the epoch."""

    content: bytes
    etag: str
    modified: int

    @property
    def md5(self) -> str:
        return base64.b64encode(hashlib.md5(self.content, usedforsecurity=False).digest()).decode()


class BlobService:
    """Containers by ``account/container``, and their blobs by name."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._containers: dict[str, dict[str, _Blob]] = {}
        self._versions = count(0x8DC0000000000)

    def create(self, container: str) -> None:
        """Create a container; nothing happens if it is there."""
        self._containers.setdefault(container, {})

    def change(self, container: str, name: str, content: bytes | None) -> str:
        """Store a blob and return its ETag, or delete it if there is no content."""
        if content is None:
            self._containers.get(container, {}).pop(name, None)
            return ""
        etag = f"0x{next(self._versions):X}"
        blob = _Blob(content=content, etag=etag, modified=int(time.time()))
        self._containers.setdefault(container, {})[name] = blob
        return etag

    def names(self, container: str) -> list[str]:
        """Return the names in a container, sorted."""
        return sorted(self._containers.get(container, ()))

    def content(self, container: str, name: str) -> bytes | None:
        """Return what a blob holds, or None if it is not there."""
        blob = self._containers.get(container, {}).get(name)
        return None if blob is None else blob.content

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request."""
        if not call.path.startswith(_ROOT):
            return None
        account, _, rest = call.path.removeprefix(_ROOT).partition("/")
        container, _, name = rest.partition("/")
        place = f"{account}/{container}"
        if name and call.method in {"GET", "HEAD"}:
            operation = "GetBlob" if call.method == "GET" else "GetBlobProperties"
            return self._asked(
                call, operation, f"{place}/{name}", lambda _: self._get(call, place, name)
            )
        listing = call.query.get("restype") == "container" and call.query.get("comp") == "list"
        if call.method == "GET" and container and listing:
            prefix = call.query.get("prefix", "")
            return self._asked(
                call, "ListBlobs", f"{place}/{prefix}", lambda _: self._list(call, place)
            )
        return None

    def _asked(self, call: Call, operation: str, key: str, answer: Answer) -> Asked:
        def error(status: int, code: str, message: str) -> Reply:
            return _error(call, status, code, message)

        def checked(rule: Rule | None) -> Reply:
            self._check(call)
            return answer(rule)

        return Asked(operation=operation, key=key, answer=guarded(checked, error), error=error)

    def _check(self, call: Call) -> None:
        authority = f"{call.base}/{TENANT_ID}/oauth2/authorize"
        try:
            self._tokens.check(call.headers.get("authorization", ""), STORAGE, authority)
        except RefusedError as exc:
            missing = exc.code == "AuthenticationFailed"
            code = "NoAuthenticationInformation" if missing else "InvalidAuthenticationInfo"
            challenge = (
                f"Bearer authorization_uri={authority} resource_id=https://storage.azure.com"
            )
            raise RefusedError(401, code, exc.message, {"WWW-Authenticate": challenge}) from None
        if call.headers.get("x-ms-version", "") < _OLDEST_VERSION:
            message = "The x-ms-version header is missing, or older than what takes a bearer token."
            raise RefusedError(400, "MissingRequiredHeader", message)

    def _container(self, place: str) -> dict[str, _Blob]:
        try:
            return self._containers[place]
        except KeyError:
            message = "The specified container does not exist."
            raise RefusedError(404, "ContainerNotFound", message) from None

    def _get(self, call: Call, place: str, name: str) -> Reply:
        blob = self._container(place).get(name)
        if blob is None:
            raise RefusedError(404, "BlobNotFound", "The specified blob does not exist.")
        headers = {**_common(call), **_properties(blob)}
        if not _fulfilled(call.headers, blob):
            return Reply(status=304, headers=headers)
        span = _span(call, len(blob.content))
        if span is None:
            return Reply(body=blob.content, headers={**headers, "Content-MD5": blob.md5})
        first, end = span
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(blob.content)}"
        headers["x-ms-blob-content-md5"] = blob.md5
        return Reply(status=206, body=blob.content[first:end], headers=headers)

    def _list(self, call: Call, place: str) -> Reply:
        blobs, asked = self._container(place), call.query
        most = min(_whole(asked, "maxresults"), _LARGEST_LIST)
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        entries: dict[str, _Blob | None] = {}
        for name in sorted(blobs):
            if name.startswith(prefix):
                folder, found, _ = name[len(prefix) :].partition(delimiter or "\0")
                if delimiter and found:
                    entries.setdefault(prefix + folder + delimiter, None)
                else:
                    entries[name] = blobs[name]
        marker = _unmarked(asked.get("marker", ""))
        left = [name for name in sorted(entries) if name >= marker]
        shown, following = left[:most], left[most : most + 1]
        echoed = "".join(
            f"<{tag}>{escape(asked[name])}</{tag}>"
            for name, tag in _ECHOED.items()
            if asked.get(name)
        )
        account, container = place.split("/")
        endpoint = quoteattr(f"{call.base}{_ROOT}{account}/")
        body = (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint={endpoint}'
            f" ContainerName={quoteattr(container)}>{echoed}"
            f"<Blobs>{''.join(_entry(name, entries[name]) for name in shown)}</Blobs>"
            f"<NextMarker>{_marked(following[0]) if following else ''}</NextMarker>"
            "</EnumerationResults>"
        )
        headers = {**_common(call), "Content-Type": "application/xml"}
        return Reply(body=body.encode("utf-8-sig"), headers=headers)


_ECHOED: Final = {
    "prefix": "Prefix",
    "marker": "Marker",
    "maxresults": "MaxResults",
    "delimiter": "Delimiter",
}


def _entry(name: str, blob: _Blob | None) -> str:
    if blob is None:
        return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties>"
        f"<Creation-Time>{formatdate(blob.modified, usegmt=True)}</Creation-Time>"
        f"<Last-Modified>{formatdate(blob.modified, usegmt=True)}</Last-Modified>"
        f"<Etag>{blob.etag}</Etag><Content-Length>{len(blob.content)}</Content-Length>"
        "<Content-Type>application/octet-stream</Content-Type><Content-Encoding />"
        f"<Content-Language /><Content-CRC64 /><Content-MD5>{blob.md5}</Content-MD5>"
        "<Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType>"
        "<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>"
        "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        "<ServerEncrypted>true</ServerEncrypted></Properties><OrMetadata /></Blob>"
    )


def _properties(blob: _Blob) -> dict[str, str]:
    modified = formatdate(blob.modified, usegmt=True)
    return {
        "Content-Type": "application/octet-stream",
        "ETag": f'"{blob.etag}"',
        "Last-Modified": modified,
        "x-ms-creation-time": modified,
        "x-ms-blob-type": "BlockBlob",
        "Accept-Ranges": "bytes",
    }


def _common(call: Call) -> dict[str, str]:
    return {
        "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
        "x-ms-request-id": str(uuid.uuid4()),
        "x-ms-version": call.headers.get("x-ms-version", ""),
    }


def _fulfilled(headers: Mapping[str, str], blob: _Blob) -> bool:
    """Tell whether the content is wanted; a condition that fails otherwise raises 412."""
    wanted, known = headers.get("if-match"), headers.get("if-none-match")
    since, until = headers.get("if-modified-since"), headers.get("if-unmodified-since")
    missed = wanted is not None and not _named(wanted, blob)
    late = until is not None and blob.modified > parsedate_to_datetime(until).timestamp()
    if missed or late:
        message = "The condition specified using HTTP conditional header(s) is not met."
        raise RefusedError(412, "ConditionNotMet", message)
    if known is not None:
        return not _named(known, blob)
    return since is None or blob.modified > parsedate_to_datetime(since).timestamp()


def _named(text: str, blob: _Blob) -> bool:
    return any(tag.strip().strip('"') in {"*", blob.etag} for tag in text.split(","))


def _span(call: Call, size: int) -> tuple[int, int] | None:
    """Return the first byte wanted, and the end; None for all."""
    text = call.headers.get("x-ms-range") or call.headers.get("range")
    found = _RANGE.fullmatch(text) if text and call.method == "GET" else None
    if found is None:
        return None
    first = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if first >= end:
        message = "The range specified is invalid for the current size of the resource."
        raise RefusedError(416, "InvalidRange", message, {"Content-Range": f"bytes */{size}"})
    return first, end


def _error(call: Call, status: int, code: str, message: str) -> Reply:
    text = f"{escape(message)}\nRequestId:{uuid.uuid4()}\nTime:{formatdate(usegmt=True)}"
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(code)}</Code><Message>{text}</Message></Error>"
    )
    kind = {"Content-Type": "application/xml", "x-ms-error-code": code}
    content = b"" if call.method == "HEAD" else body.encode("utf-8-sig")
    return Reply(status=status, body=content, headers={**_common(call), **kind})


def _whole(asked: Mapping[str, Any], name: str) -> int:
    text = asked.get(name, str(_LARGEST_LIST))
    if not text.isdigit() or int(text) < 1:
        message = f"Value for one of the query parameters is out of range: {name}."
        raise RefusedError(400, "OutOfRangeQueryParameterValue", message)
    return int(text)


def _marked(name: str) -> str:
    return "2!" + base64.b64encode(name.encode()).decode()


def _unmarked(marker: str) -> str:
    if not marker:
        return ""
    try:
        return base64.b64decode(marker.removeprefix("2!"), validate=True).decode()
    except ValueError:
        message = "Value for one of the query parameters specified in the request URI is invalid."
        raise RefusedError(400, "InvalidQueryParameterValue", message) from None
