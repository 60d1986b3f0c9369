"""
The WSGI layer around moto's S3: keeps a log of requests and spoils those that a rule names.

Requests to ``sustainability``, ``cur``, ``bcm-data-exports``, ``ce`` and ``organizations`` and for
``GetCallerIdentity`` it answers itself: moto does not know the first three, has no costs for the
fourth, and a fixed account for the others.
"""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

from werkzeug.test import Client

from ogfd_sandbox import billing
from ogfd_sandbox.carbon import service
from ogfd_sandbox.child import CONTROL, SEEDER
from ogfd_sandbox.explorer import service as explorer
from ogfd_sandbox.faults import Rule, Rules

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_ABORT: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST

# moto reads the access key of it and checks no signature
_SIGNED: Final = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}

_PORTAL: Final = "<!doctype html><html><body><h1>Welcome to our Wi-Fi</h1></body></html>"
_IDENTITY: Final = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/ogfd</Arn><UserId>SANDBOX</UserId>"
    "<Account>{account}</Account></GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>SANDBOX</RequestId></ResponseMetadata>"
    "</GetCallerIdentityResponse>"
)

_SUBRESOURCES: Final = {
    "location": "GetBucketLocation",
    "versions": "ListObjectVersions",
    "uploads": "ListMultipartUploads",
    "versioning": "GetBucketVersioning",
}
_BUCKET: Final = {
    "HEAD": "HeadBucket",
    "PUT": "CreateBucket",
    "DELETE": "DeleteBucket",
    "POST": "DeleteObjects",
}
_OBJECT: Final = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "DELETE": "DeleteObject",
    "POST": "MultipartUpload",
}


def operation_of(method: str, bucket: str, key: str, query: str) -> str:
    """Return the name of the S3 operation that a path-style request asks for."""
    if not bucket:
        return "ListBuckets"
    if key:
        return _OBJECT.get(method, method)
    if method != "GET":
        return _BUCKET.get(method, method)
    given = parse_qs(query, keep_blank_values=True)
    if given.get("list-type") == ["2"]:
        return "ListObjectsV2"
    return next((name for sub, name in _SUBRESOURCES.items() if sub in given), "ListObjects")


class SandboxApp:
    """
    Answers ``/_sandbox/requests`` and ``/_sandbox/faults`` itself and passes the rest on to *app*.

    Requests of the sandbox's own client, which seeds buckets, are neither logged nor spoiled.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._rules = Rules()
        self._lock = threading.Lock()
        self._log: list[dict[str, Any]] = []
        self._emissions: dict[str, Any] = {"account": "000000000000", "months": {}}
        self._billing = billing.NOTHING
        self._costs = explorer.NOTHING

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        if path.startswith(CONTROL):
            return self._control(path.removeprefix(CONTROL), environ, start_response)
        if SEEDER in environ.get("HTTP_USER_AGENT", ""):
            return self._app(environ, start_response)
        operation, bucket, key, app = self._routed(path, environ)
        entry = {"operation": operation, "bucket": bucket, "key": key, "status": 0}
        entry["at"] = time.time()
        with self._lock:
            self._log.append(entry)

        def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            entry["status"] = int(status.split(" ", 1)[0])
            return start_response(status, headers, exc_info)

        rule = self._rules.hit(operation, key)
        if rule is None:
            return app(environ, started)
        return self._spoil(rule, app, environ, started)

    def _routed(self, path: str, environ: Environ) -> tuple[str, str, str, App]:
        """Return the operation, its bucket and key, and what answers it."""
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        if path == service.PATH:
            return self._carbon(_body(environ))
        if target := environ.get("HTTP_X_AMZ_TARGET"):
            return self._told(target, _body(environ))
        if action := _action(environ):
            app = self._identity if action == "GetCallerIdentity" else self._app
            return action, "", "", app
        bucket, _, key = path[1:].partition("/")
        return operation_of(method, bucket, key, query), bucket, key, self._app

    def _carbon(self, body: bytes) -> tuple[str, str, str, App]:
        months = self._emissions["months"]

        def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
            if isinstance(query, str):
                return _refused(400, "ValidationException", query, start_response)
            rule: Rule | None = environ.get("ogfd_sandbox.rule")
            found = service.answer(
                query,
                months,
                page=rule.results if rule is not None and rule.action == "pages" else None,
                repeat=rule is not None and rule.action == "repeat",
            )
            return _sent(json.dumps(found), "application/json", start_response)

        try:
            query: service.Query | str = service.read_query(body)
        except service.ValidationError as exc:
            query = str(exc)
        key = query if isinstance(query, str) else query.key
        return service.OPERATION, "", key, app

    def _told(self, target: str, body: bytes) -> tuple[str, str, str, App]:
        """Return what answers a request to a service with JSON."""
        if target == explorer.TARGET:
            return self._explored(body)
        operation = billing.OPERATIONS.get(target)
        if operation is None:
            return target.rpartition(".")[2], "", "", self._app

        def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
            rule: Rule | None = environ.get("ogfd_sandbox.rule")
            page = rule.results if rule is not None and rule.action == "pages" else None
            try:
                found = billing.answer(operation, body, self._billing, page=page)
            except billing.RefusedError as exc:
                return _refused(400, exc.code, exc.message, start_response)
            return _sent(json.dumps(found), "application/x-amz-json-1.1", start_response)

        return operation, "", billing.key_of(body), app

    def _explored(self, body: bytes) -> tuple[str, str, str, App]:
        costs = self._costs

        def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
            rule: Rule | None = environ.get("ogfd_sandbox.rule")
            try:
                if isinstance(query, explorer.RefusedError):
                    raise query
                found = explorer.answer(
                    query,
                    costs,
                    body,
                    page=rule.results if rule is not None and rule.action == "pages" else None,
                    repeat=rule is not None and rule.action == "repeat",
                )
            except explorer.RefusedError as exc:
                return _refused(400, exc.code, exc.message, start_response)
            return _sent(json.dumps(found), "application/x-amz-json-1.1", start_response)

        try:
            query: explorer.Query | explorer.RefusedError = explorer.read_query(body)
        except explorer.RefusedError as exc:
            query = exc
        key = query.message if isinstance(query, explorer.RefusedError) else query.key
        return explorer.OPERATION, "", key, app

    def _identity(self, _environ: Environ, start_response: StartResponse) -> list[bytes]:
        text = _IDENTITY.format(account=escape(self._emissions["account"]))
        return _sent(text, "text/xml", start_response)

    def _control(self, name: str, environ: Environ, start_response: StartResponse) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer: Any = None
        with self._lock:
            match environ["REQUEST_METHOD"], name:
                case "GET", "requests":
                    answer = self._log
                case "DELETE", "requests":
                    self._log = []
                case "PUT", "faults":
                    self._rules.replace(Rule.from_json(rule) for rule in json.loads(body))
                case "PUT", "emissions":
                    self._emissions = json.loads(body)
                case "PUT", "costs":
                    self._costs = json.loads(body)
                    self._emissions = self._emissions | {"account": self._costs["account"]}
                case "PUT", "billing":
                    self._billing = json.loads(body)
                case _:
                    start_response("404 Not Found", [("Content-Length", "0")])
                    return []
            payload = json.dumps(answer).encode()
        start_response("200 OK", [("Content-Length", str(len(payload)))])
        return [payload]

    def _spoil(
        self, rule: Rule, app: App, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        match rule.action:
            case "status":
                return _error(rule, environ, start_response)
            case "reset":
                wire: socket.socket = environ["werkzeug.socket"]
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
                raise ConnectionResetError("cut by a rule of the sandbox")
            case "hang":
                threading.Event().wait(rule.seconds)
                return app(environ, start_response)
            case "replace":
                self._put(rule)
                return app(environ, start_response)
            case "truncate" | "stall":
                return self._cut(rule, app, environ, start_response)
            case "html":
                return _sent(_PORTAL, "text/html", start_response)
            case "pages" | "repeat":
                return app({**environ, "ogfd_sandbox.rule": rule}, start_response)
            case "lost" | "unsure" | "fail" | "run" | "expire":
                raise ValueError(f"the stand-in of AWS knows no fault {rule.action}")

    def _put(self, rule: Rule) -> None:
        client = Client(self._app)
        for bucket, key, path in rule.objects:
            client.put(f"/{bucket}/{quote(key)}", data=Path(path).read_bytes(), headers=_SIGNED)

    @staticmethod
    def _cut(
        rule: Rule, app: App, environ: Environ, start_response: StartResponse
    ) -> Iterator[bytes]:
        def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            kept = [
                (name, value)
                for name, value in headers
                if not (rule.hide_length and name.lower() == "content-length")
            ]
            return start_response(status, kept, exc_info)

        body = b"".join(app(environ, started))
        keep = len(body) // 2 if rule.keep_bytes is None else rule.keep_bytes
        yield body[:keep]
        if rule.action == "stall":
            threading.Event().wait(rule.seconds)
            yield body[keep:]


def _body(environ: Environ) -> bytes:
    """Return the body of a request, and leave it there for others."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _action(environ: Environ) -> str | None:
    """Return the operation of a service with forms, such as STS, that is asked for; or None."""
    if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != "/":
        return None
    form = parse_qs(_body(environ).decode("utf-8", "replace"))
    return form.get("Action", [None])[0]


def _sent(text: str, kind: str, start_response: StartResponse) -> list[bytes]:
    payload = text.encode()
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(payload)))])
    return [payload]


def _refused(
    status: int,
    code: str,
    message: str,
    start_response: StartResponse,
    retry_after: str | None = None,
) -> list[bytes]:
    """Answer an error as services with JSON do."""
    payload = json.dumps({"__type": code, "message": message}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(payload))),
        ("x-amzn-ErrorType", f"{code}:http://internal.amazon.com/coral/"),
    ]
    if retry_after is not None:
        headers.append(("Retry-After", retry_after))
    start_response(f"{status} Refused", headers)
    return [payload]


def _error(rule: Rule, environ: Environ, start_response: StartResponse) -> list[bytes]:
    if environ["PATH_INFO"] == service.PATH or "HTTP_X_AMZ_TARGET" in environ:
        return _refused(rule.status, rule.code, rule.message, start_response, rule.retry_after)
    text = (
        f"<Error><Code>{escape(rule.code)}</Code><Message>{escape(rule.message)}</Message>"
        "<RequestId>SANDBOX</RequestId></Error>"
    )
    if _action(environ):  # of STS, which wraps it
        text = f"<ErrorResponse>{text}</ErrorResponse>"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
    payload = b"" if environ["REQUEST_METHOD"] == "HEAD" else text.encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(payload)))]
    if rule.retry_after is not None:
        headers.append(("Retry-After", rule.retry_after))
    start_response(f"{rule.status} Spoiled", headers)
    return [payload]
