"""
Probes of ``ogfd check``: each asks for what a stream needs, and says what is missing if refused.

A missing permission comes with the statements that grant it. Credentials that are refused, an
explicit deny, and whatever else goes wrong come without: no grant would mend them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ogfd.plugin import Context, Finding, FindingLevel, Parked, Period, SourceError
from ogfd_aws import policies
from ogfd_aws.bucket import Bucket
from ogfd_aws.carbon.export.choice import choose
from ogfd_aws.carbon.export.months import catalogue, find_export
from ogfd_aws.carbon.publication import FIRST_MONTH
from ogfd_aws.carbon.service import OPERATION as EMISSIONS
from ogfd_aws.carbon.service import open_emissions
from ogfd_aws.carbon.stream import CarbonStream
from ogfd_aws.config import AwsConfig, CarbonExportConfig, CostConfig
from ogfd_aws.cur.reports import find_report, months
from ogfd_aws.denials import Denial, denial_in
from ogfd_aws.exports.manifest import MAX_BYTES
from ogfd_aws.faults import lacks_permission
from ogfd_aws.identity import Payer
from ogfd_aws.policies import Statement
from ogfd_aws.session import Clients

_EVER: Final = Period.months("2006-01", "2100-12")
_PENDING: Final = "not published yet: pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found, and the statements that are missing."""

    finding: Finding
    missing: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """
    What lies in a bucket, by listing it alone.

    Attributes:
        message: what was found.
        root: where its keys begin.
        manifest: of the newest month; None if there is none yet.
        month: name of that month.
    """

    message: str
    root: str
    manifest: str | None
    month: str


Find = Callable[[Bucket], Awaitable[Delivered]]


def failed(subject: str, exc: SourceError | Parked, message: str | None = None) -> Finding:
    """Return *exc* as a finding, in its own words if *message* is not given."""
    return Finding(
        level=FindingLevel.ERROR,
        subject=subject,
        message=message or str(exc),
        error_class=exc.error_class,
    )


def refused(
    subject: str, exc: SourceError | Parked, granting: Callable[[Denial], Sequence[Statement]]
) -> Probed:
    """
    Return what a probe ran into, with the statements to grant if that is a missing permission.

    Args:
        subject: what was probed.
        exc: what it ran into.
        granting: says what mends a refusal.
    """
    if not lacks_permission(exc):
        return Probed(finding=failed(subject, exc))
    said = str(exc.args[0])  # without the hint, which the policy takes the place of
    denial = denial_in(said)
    message = said if denial.advice is None else f"{said}; {denial.advice}"
    missing = () if denial.deny is not None else tuple(granting(denial))
    return Probed(finding=failed(subject, exc, message), missing=missing)


def fine(subject: str, message: str) -> Probed:
    """Return that *subject* works."""
    return Probed(finding=Finding(level=FindingLevel.OK, subject=subject, message=message))


async def probe_cost(ctx: Context, clients: Clients, config: AwsConfig) -> list[Probed]:
    """Probe listing and reading of the cost export."""
    if (cost := config.cost) is None:
        return []

    async def find(bucket: Bucket) -> Delivered:
        report = await find_report(bucket, cost)
        found = months(report, _EVER)
        newest = next((one for one in reversed(found) if one.period.start <= ctx.now()), None)
        return Delivered(
            message=f"{report.layout.value} {report.name} under {report.root}, "
            f"{len(found)} billing periods",
            root=report.root,
            manifest=newest.manifest if newest is not None else None,
            month=newest.key if newest is not None else "",
        )

    return await _Store(ctx, clients, config, cost, "Cost").probe(find)


async def probe_carbon_export(ctx: Context, clients: Clients, config: AwsConfig) -> list[Probed]:
    """Probe listing and reading of the carbon export."""
    if (carbon := config.carbon_export) is None:
        return []

    async def find(bucket: Bucket) -> Delivered:
        export = await find_export(bucket, carbon)
        found = choose(await catalogue(bucket, export), carbon.model_version).months
        newest = found[max(found)] if found else None
        told = f", the newest by model {newest.model}" if newest is not None else ""
        return Delivered(
            message=f"carbon export {export.name} under {export.root}, {len(found)} months{told}",
            root=export.root,
            manifest=newest.manifest if newest is not None else None,
            month=newest.key if newest is not None else "",
        )

    return await _Store(ctx, clients, config, carbon, "CarbonExport").probe(find)


async def probe_carbon(ctx: Context, clients: Clients, config: AwsConfig) -> list[Probed]:
    """Probe the emissions that AWS reports."""
    if config.carbon is None:
        return []
    needed = policies.on_all("OgfdReadCarbon", EMISSIONS)
    try:
        emissions = await open_emissions(ctx, clients, config)
        stream = CarbonStream(ctx, emissions, Payer(ctx, clients).account)
        published = await stream.published(FIRST_MONTH.start)
    except (SourceError, Parked) as exc:
        return [refused(EMISSIONS, exc, lambda _: [needed])]
    message = "nothing published: pending"
    if published:
        newest = max(published)
        message = f"{len(published)} months up to {newest}, model {published[newest].model}"
    return [fine(EMISSIONS, message)]


class _Store:
    """Probes of what a stream reads from a bucket; *name* goes into the sids of statements."""

    def __init__(
        self,
        ctx: Context,
        clients: Clients,
        config: AwsConfig,
        table: CostConfig | CarbonExportConfig,
        name: str,
    ) -> None:
        self._ctx = ctx
        self._clients = clients
        self._region = config.region
        self._table = table
        self._name = name

    async def probe(self, find: Find) -> list[Probed]:
        """Probe ``s3:ListBucket`` by *find*, then ``s3:GetObject`` by the newest manifest."""
        client = await self._clients.open("s3")
        name = self._table.bucket
        bucket = Bucket(self._ctx, client, name, requester_pays=self._table.requester_pays)
        subject = f"s3:ListBucket {name}"
        try:
            found = await find(bucket)
        except (SourceError, Parked) as exc:
            return [refused(subject, exc, self._to_list)]
        return [fine(subject, found.message), await self._read(bucket, found)]

    async def _read(self, bucket: Bucket, found: Delivered) -> Probed:
        if found.manifest is None:
            return fine(f"s3:GetObject {bucket.name}/{found.root}", _PENDING)
        subject = f"s3:GetObject {bucket.name}/{found.manifest}"
        try:
            etag = await bucket.etag(found.manifest)
            if etag is None:
                return fine(subject, _PENDING)
            await bucket.small(found.manifest, etag=etag, limit=MAX_BYTES)
        except (SourceError, Parked) as exc:
            return refused(subject, exc, lambda denial: [self._to_read(denial, found.root)])
        return fine(subject, f"{found.month} can be read")

    def _above(self) -> str:
        """Return where all keys of the stream begin, as far as the configuration tells it."""
        prefix = self._table.prefix
        return prefix and f"{prefix.rstrip('/')}/"

    def _to_list(self, _: Denial) -> Sequence[Statement]:
        """Without the one permission the other cannot be probed, so both are needed."""
        return [self._listing(), self._reading(self._above())]

    def _to_read(self, denial: Denial, root: str) -> Statement:
        match denial.action:
            case "s3:ListBucket":
                return self._listing()
            case "kms:Decrypt":
                bucket, sid = self._table.bucket, f"OgfdDecrypt{self._name}"
                return policies.decrypting(self._region, bucket, denial.resource, sid=sid)
            case _:
                return self._reading(root)

    def _listing(self) -> Statement:
        sid = f"OgfdList{self._name}"
        return policies.listing(self._region, self._table.bucket, self._above(), sid=sid)

    def _reading(self, root: str) -> Statement:
        sid = f"OgfdRead{self._name}"
        return policies.reading(self._region, self._table.bucket, root, sid=sid)
