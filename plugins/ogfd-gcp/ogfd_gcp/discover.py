"""
``ogfd check --discover``: which exports there are, in the projects that the configuration names.

Tables are listed and told by how their names begin: the rest of a name is the billing account's,
and Google writes it in more than one way. All billing exports of an account hold the same money, so
one of them is to be read, and another one to be compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ogfd.plugin import Context, Finding, FindingLevel, Parked, SourceError
from ogfd_gcp.config import CostConfig, GcpConfig
from ogfd_gcp.identifiers import DatasetName, TableName
from ogfd_gcp.session import LIST_DATASETS, LIST_TABLES, Session, open_session

_BILLS: Final[Mapping[str, str]] = {
    "gcp_billing_export_v1_": "standard billing export",
    "gcp_billing_export_resource_v1_": "detailed billing export",
    "gcp_billing_export_focus_": "FOCUS billing export (preview)",
}
"""How names begin; which is to be read comes first, as the detailed one costs more to query."""
_ACCOUNT_LENGTH: Final = len("012345_6789AB_CDEF01")  # a location may follow
_CARBON: Final = "carbon_footprint"
_USED: Final = "in use"
_ELSE: Final = "to read it too, name it in another connector"
_RETIRED: Final = "carbon_footprint_export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """
    A table that is a billing export by its name.

    Attributes:
        account: whose it is, as far as the name tells.
        rank: place of *what* in `_BILLS`.
        what: kind of export.
    """

    path: str
    account: str
    rank: int
    what: str

    @classmethod
    def of(cls, path: str, table: str) -> Bill | None:
        """Return what the table at *path* is; None if it is no such export."""
        for rank, (start, what) in enumerate(_BILLS.items()):
            if table.startswith(start):
                account = table.removeprefix(start).replace("-", "_").upper()[:_ACCOUNT_LENGTH]
                return cls(path=path, account=account, rank=rank, what=what)
        return None


async def discover(config: GcpConfig, ctx: Context) -> Sequence[Finding]:
    """Look for exports; changes nothing and reads none."""
    found: list[Finding] = []
    bills: list[Bill] = []
    async with open_session(ctx, config) as session:
        for project in _projects(config):
            try:
                datasets = await session.datasets(project)
            except (SourceError, Parked) as exc:
                found.append(_failed(f"{LIST_DATASETS} {project}", exc))
                continue
            for dataset in datasets:
                found += await _in_dataset(session, dataset, config, bills)
            if not datasets:
                found.append(
                    _told(f"{LIST_DATASETS} {project}", "no dataset that this account may see")
                )
    found += _billed(bills, config.cost)
    if any(one.suggestion or one.message.endswith((_USED, _ELSE)) for one in found):
        return found
    message = "no export found; name the project that has one in a table, or turn exports on: "
    links = (
        "https://cloud.google.com/billing/docs/how-to/export-data-bigquery-setup and "
        "https://cloud.google.com/carbon-footprint/docs/export"
    )
    return [*found, _told("exports", message + links)]


async def _in_dataset(
    session: Session, dataset: DatasetName, config: GcpConfig, bills: list[Bill]
) -> list[Finding]:
    """Return what is found in *dataset*, but for billing exports, which go into *bills*."""
    try:
        tables = sorted(await session.tables(dataset))
    except (SourceError, Parked) as exc:
        return [_failed(f"{LIST_TABLES} {dataset}", exc)]
    found = []
    for table in tables:
        path = f"{dataset}.{table}"
        if (bill := Bill.of(path, table)) is not None:
            bills.append(bill)
        elif (finding := _other(path, table, config)) is not None:
            found.append(finding)
    return found


def _other(path: str, table: str, config: GcpConfig) -> Finding | None:
    if path in map(str, _named(config)):
        return _told(path, _USED)
    if table == _RETIRED:
        message = f"a carbon export of before July 2022; the one that counts is {_CARBON}"
        return _told(path, message)
    if table == _CARBON:
        if config.carbon is not None:
            return _told(path, f"another Carbon Footprint export; {_ELSE}")
        return _found(path, "Carbon Footprint export", {"carbon": {"table": path}})
    return None


def _billed(bills: Sequence[Bill], cost: CostConfig | None) -> Iterator[Finding]:
    """Tell of the exports of one account which to read, and which to compare with."""
    accounts: dict[str, list[Bill]] = {}
    for bill in sorted(bills, key=lambda bill: (bill.account, bill.rank, bill.path)):
        accounts.setdefault(bill.account, []).append(bill)
    chosen = None if cost is None else cost.table
    for same in accounts.values():
        if cost is not None and any(bill.path == cost.table for bill in same):
            yield from _beside(same, cost)
        elif chosen is None:
            chosen = same[0].path
            yield from _anew(same)
        else:
            yield _told(same[0].path, f"{same[0].what} of another account; {_ELSE}")
            yield from _compared(same)


def _anew(same: Sequence[Bill]) -> Iterator[Finding]:
    """Suggest the first of an account's exports, and the second beside it."""
    read, *others = same
    beside = {"reference": others[0].path} if others else {}
    yield _found(read.path, read.what, {"cost": {"table": read.path, **beside}})
    yield from _compared(same)


def _compared(same: Sequence[Bill]) -> Iterator[Finding]:
    """Tell of all exports of an account but the first."""
    for other in same[1:]:
        yield _told(other.path, f"{other.what} of the same account, to compare with")


def _beside(same: Sequence[Bill], cost: CostConfig) -> Iterator[Finding]:
    """Suggest one to compare with, unless there is one."""
    wanted = cost.reference is None
    for bill in same:
        if bill.path in {cost.table, cost.reference}:
            yield _told(bill.path, _USED)
            continue
        message = f"{bill.what} of an account that is read, to compare with"
        if wanted:
            yield _found(bill.path, message, {"cost": {"reference": bill.path}})
        else:
            yield _told(bill.path, message)
        wanted = False


def _projects(config: GcpConfig) -> list[str]:
    """Return the projects that the configuration names, that of the jobs first."""
    return list(dict.fromkeys([config.job_project, *(one.project for one in _named(config))]))


def _named(config: GcpConfig) -> list[TableName]:
    carbon = [] if config.carbon is None else [config.carbon.of(config.job_project)]
    cost = [] if config.cost is None else [config.cost.name, config.cost.other]
    return [*carbon, *(one for one in cost if one is not None)]


def _found(path: str, message: str, suggestion: Mapping[str, Any]) -> Finding:
    return Finding(level=FindingLevel.OK, subject=path, message=message, suggestion=suggestion)


def _told(subject: str, message: str) -> Finding:
    return Finding(level=FindingLevel.OK, subject=subject, message=message)


def _failed(subject: str, exc: SourceError | Parked) -> Finding:
    return Finding(
        level=FindingLevel.ERROR, subject=subject, message=str(exc), error_class=exc.error_class
    )
