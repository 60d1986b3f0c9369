"""
``ogfd check --discover``: which exports there are, in the projects that the configuration names.

Tables are listed and told by how their names begin: the rest of a name is the billing account's,
and Google writes it in more than one way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ogfd.plugin import Context, Finding, FindingLevel, Parked, SourceError
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.identifiers import DatasetName
from ogfd_gcp.session import LIST_DATASETS, LIST_TABLES, Session, open_session

_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "gcp_billing_export_resource_v1_": ("cost", "detailed billing export"),
    "gcp_billing_export_v1_": ("cost", "standard billing export"),
    "gcp_billing_export_focus_": ("cost", "FOCUS billing export (preview)"),
}
_CARBON: Final = "carbon_footprint"
_USED: Final = "in use"
_RETIRED: Final = "carbon_footprint_export"


async def discover(config: GcpConfig, ctx: Context) -> Sequence[Finding]:
    """Look for exports; changes nothing and reads none."""
    found: list[Finding] = []
    async with open_session(ctx, config) as session:
        for project in _projects(config):
            try:
                datasets = await session.datasets(project)
            except (SourceError, Parked) as exc:
                found.append(_failed(f"{LIST_DATASETS} {project}", exc))
                continue
            for dataset in datasets:
                found += await _in_dataset(session, dataset, _configured(config))
            if not datasets:
                found.append(
                    _told(f"{LIST_DATASETS} {project}", "no dataset that this account may see")
                )
    if any(one.suggestion or one.message == _USED for one in found):
        return found
    message = "no export found; name the project that has one in a table, or turn exports on: "
    links = (
        "https://cloud.google.com/billing/docs/how-to/export-data-bigquery-setup and "
        "https://cloud.google.com/carbon-footprint/docs/export"
    )
    return [*found, _told("exports", message + links)]


async def _in_dataset(
    session: Session, dataset: DatasetName, used: frozenset[str]
) -> list[Finding]:
    try:
        tables = await session.tables(dataset)
    except (SourceError, Parked) as exc:
        return [_failed(f"{LIST_TABLES} {dataset}", exc)]
    return [
        finding
        for table in sorted(tables)
        if (finding := _recognised(dataset, table, used)) is not None
    ]


def _recognised(dataset: DatasetName, table: str, used: frozenset[str]) -> Finding | None:
    path = f"{dataset}.{table}"
    if path in used:
        return _told(path, _USED)
    if table == _RETIRED:
        message = f"a carbon export of before July 2022; the one that counts is {_CARBON}"
        return _told(path, message)
    if table == _CARBON:
        return _found(path, "Carbon Footprint export", {"carbon": {"table": path}})
    for start, (stream, what) in _KINDS.items():
        if table.startswith(start):
            return _found(path, what, {stream: {"table": path}})
    return None


def _projects(config: GcpConfig) -> list[str]:
    """Return the projects that the configuration names, that of the jobs first."""
    named = [config.job_project]
    if config.carbon is not None:
        named.append(config.carbon.of(config.job_project).project)
    if config.cost is not None:
        named.append(config.cost.name.project)
    return list(dict.fromkeys(named))


def _configured(config: GcpConfig) -> frozenset[str]:
    carbon = [] if config.carbon is None else [config.carbon.of(config.job_project)]
    cost = [] if config.cost is None else [config.cost.name]
    return frozenset(map(str, [*carbon, *cost]))


def _found(path: str, message: str, suggestion: Mapping[str, Any]) -> Finding:
    return Finding(level=FindingLevel.OK, subject=path, message=message, suggestion=suggestion)


def _told(subject: str, message: str) -> Finding:
    return Finding(level=FindingLevel.OK, subject=subject, message=message)


def _failed(subject: str, exc: SourceError | Parked) -> Finding:
    return Finding(
        level=FindingLevel.ERROR, subject=subject, message=str(exc), error_class=exc.error_class
    )
