"""
The commands that give an account what it needs, and nothing more.

https://cloud.google.com/bigquery/docs/access-control (2026)
"""

from __future__ import annotations

import shlex
from typing import Final

from ogfd_gcp.identifiers import TableName

_UNKNOWN: Final = "serviceAccount:EMAIL"


def member(email: str | None) -> str:
    """Return how policies call an account; a place to fill in if nobody knows its name."""
    if email is None:
        return _UNKNOWN
    return f"serviceAccount:{email}" if email.endswith("gserviceaccount.com") else f"user:{email}"


def run_jobs(project: str, who: str) -> str:
    """Return what lets *who* run queries in *project*: ``bigquery.jobs.create``."""
    return (
        f"gcloud projects add-iam-policy-binding {shlex.quote(project)} "
        f"--member={shlex.quote(who)} --role=roles/bigquery.jobUser --condition=None"
    )


def read_sessions(project: str, who: str) -> str:
    """Return what lets *who* use the Storage Read API: ``bigquery.readsessions.create``."""
    return (
        f"gcloud projects add-iam-policy-binding {shlex.quote(project)} "
        f"--member={shlex.quote(who)} --role=roles/bigquery.readSessionUser --condition=None"
    )


def read_dataset(table: TableName, who: str) -> str:
    """Return what lets *who* read the tables of a dataset, and no other."""
    grant = (
        f"GRANT `roles/bigquery.dataViewer` ON SCHEMA `{table.project}`.`{table.dataset}` "
        f'TO "{who}"'
    )
    return f"bq query --use_legacy_sql=false --project_id={table.project} {shlex.quote(grant)}"
