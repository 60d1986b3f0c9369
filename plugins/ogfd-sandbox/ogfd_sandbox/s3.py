"""
An S3 store on a loopback port, in a process of its own, with a log of requests and faults.

The store is moto's server; keys are kept literally, with leading and double slashes. The same port
answers for the services ``sustainability`` and ``ce``, says whose the credentials are and which
organisation they are in, and knows reports and exports that are defined.
"""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import boto3  # type: ignore[import-untyped]  # ships no types
from botocore.config import Config

from ogfd_sandbox.faults import Rule
from ogfd_sandbox.s3_app import CONTROL, SEEDER

REGION: Final = "us-east-1"
ACCESS_KEY_ID: Final = "test"
SECRET_ACCESS_KEY: Final = "test"  # noqa: S105 - the stand-in checks no signature
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One request that a client made.

    Attributes:
        bucket: empty where the operation has none.
        key: of the object; of carbon, what was asked, see `Rule`.
        status: 0 while, or if never, it was answered.
        at: when it came, in seconds since the epoch; two requests that differ in it alone are equal.
    """

    operation: str
    bucket: str
    key: str
    status: int
    at: float = field(default=0.0, compare=False)


class S3Server:
    """
    An S3 stand-in; use it as a context manager, or `start` and `close` it.

    All methods block. What this object itself puts and reads is not in the log of requests.
    """

    def __init__(self, *, port: int = 0) -> None:
        self._wanted_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Any = None
        self.port = 0

    @property
    def url(self) -> str:
        """The endpoint, such as ``http://127.0.0.1:40123``."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """
        Start the process and wait until it listens.

        Raises:
            RuntimeError: if it does not within half a minute, or the port is taken.
        """
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "ogfd_sandbox.s3_process", str(self._wanted_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self.port = self._announced_port(self._process)
        except BaseException:
            self.close()
            raise
        self._client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(
                user_agent_extra=SEEDER,
                s3={"addressing_style": "path"},
                proxies={},
                # so that no checksum tells a reader what its own checks must find
                request_checksum_calculation="when_required",
            ),
        )
        return self

    def close(self) -> None:
        """End the process. May be called again."""
        process, self._process = self._process, None
        if self._client is not None:
            self._client.close()
            self._client = None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def create_bucket(self, bucket: str) -> None:
        """Create *bucket*; nothing happens if it is there."""
        self._client.create_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, body: bytes | Path) -> None:
        """Store *body*, bytes or a local file, under exactly *key*."""
        if isinstance(body, bytes):
            self._client.put_object(Bucket=bucket, Key=key, Body=body)
            return
        with body.open("rb") as stream:
            self._client.put_object(Bucket=bucket, Key=key, Body=stream)

    def get(self, bucket: str, key: str) -> bytes:
        """Return the body stored under *key*."""
        with self._client.get_object(Bucket=bucket, Key=key)["Body"] as stream:
            body: bytes = stream.read()
        return body

    def delete(self, bucket: str, key: str) -> None:
        """Delete *key*; nothing happens if it is not there."""
        self._client.delete_object(Bucket=bucket, Key=key)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys of *bucket* that begin with *prefix*, sorted."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def set_emissions(self, account: str, months: Mapping[str, Any]) -> None:
        """
        Have carbon be *months* from now on, and the credentials be those of *account*.

        `ogfd_sandbox.carbon.publish` makes it of footprints.
        """
        self._control("PUT", "emissions", {"account": account, "months": months})

    def set_costs(self, account: str, told: Mapping[str, Any]) -> None:
        """
        Have Cost Explorer know *told* from now on, and the credentials be those of *account*.

        `ogfd_sandbox.explorer.publish` makes it of bills.
        """
        self._control("PUT", "costs", {"account": account, **told})

    def set_billing(
        self,
        *,
        reports: Sequence[Mapping[str, Any]] = (),
        exports: Sequence[Mapping[str, Any]] = (),
        manager: str | None = None,
    ) -> None:
        """
        Have the account define these from now on.

        Args:
            reports: as ``cur`` describes them.
            exports: as ``bcm-data-exports`` answers ``GetExport``.
            manager: account that manages the organisation; None means that there is none.
        """
        told = {"reports": list(reports), "exports": list(exports), "manager": manager}
        self._control("PUT", "billing", told)

    def requests(self) -> tuple[Request, ...]:
        """Return what clients asked for since the start or `forget_requests`, oldest first."""
        return tuple(Request(**entry) for entry in self._control("GET", "requests"))

    def forget_requests(self) -> None:
        """Empty the log of requests."""
        self._control("DELETE", "requests")

    def count(self, operation: str = "*", key: str = "*") -> int:
        """Return how many requests of *operation* were made for keys like the pattern *key*."""
        return sum(
            operation in {"*", request.operation} and fnmatchcase(request.key, key)
            for request in self.requests()
        )

    def inject(self, *rules: Rule) -> None:
        """Put *rules* in force instead of all earlier ones."""
        self._control("PUT", "faults", [rule.to_json() for rule in rules])

    def heal(self) -> None:
        """Take all rules away."""
        self.inject()

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_START_SECONDS)
        try:
            connection.request(method, CONTROL + name, json.dumps(body).encode())
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _announced_port(self, process: subprocess.Popen[bytes]) -> int:
        if process.stdout is None:  # never so: it was asked for as a pipe
            raise RuntimeError("the S3 stand-in has no standard output")
        ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        line = process.stdout.readline() if ready else b""
        if not line:
            raise RuntimeError(
                "the S3 stand-in did not start; is the port taken and moto[s3,server] installed?"
            )
        return int(json.loads(line)["port"])
