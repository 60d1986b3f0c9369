"""
An S3 store on a loopback port, in a process of its own, with a log of requests and faults.

The store is moto's server; keys are kept literally, with leading and double slashes. The same port
answers for the services ``sustainability`` and ``ce``, says whose the credentials are and which
organisation they are in, and knows reports and exports that are defined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import boto3  # type: ignore[import-untyped]  # ships no types
from botocore.config import Config

from ogfd_sandbox.child import SEEDER
from ogfd_sandbox.standin import StandIn

REGION: Final = "us-east-1"
ACCESS_KEY_ID: Final = "test"
SECRET_ACCESS_KEY: Final = "test"  # noqa: S105 - the stand-in checks no signature


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


class S3Server(StandIn[Request]):
    """An S3 stand-in, see `StandIn`."""

    title = "the S3 stand-in"
    module = "ogfd_sandbox.s3_process"
    request = Request

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._client: Any = None

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
        super().start()
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
        if self._client is not None:
            self._client.close()
            self._client = None
        super().close()

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
