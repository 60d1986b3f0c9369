"""
Datasets and tables, and the rows of a table without a query.

https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables, 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ogfd_sandbox.azure.wire import Asked, Call, RefusedError, Reply, guarded, json_reply
from ogfd_sandbox.azure.wire import page as cut
from ogfd_sandbox.bigquery import cells
from ogfd_sandbox.bigquery.errors import google_error
from ogfd_sandbox.bigquery.jobs import API
from ogfd_sandbox.bigquery.paging import page, start_text
from ogfd_sandbox.bigquery.tokens import Tokens
from ogfd_sandbox.bigquery.warehouse import Stored, Warehouse
from ogfd_sandbox.faults import Rule

_PATH: Final = re.compile(
    r"(?P<project>[^/]+)/datasets(?:/(?P<dataset>[^/]+)(?P<tables>/tables(?:/(?P<name>[^/]+?)"
    r"(?P<data>/data|:testIamPermissions)?)?)?)?"
)
_LISTED: Final = 50

_Work = Callable[[Rule | None], Reply]


class CatalogService:
    """Answers what concerns datasets and tables."""

    def __init__(self, tokens: Tokens, warehouse: Warehouse) -> None:
        self._tokens = tokens
        self._warehouse = warehouse

    def asked(self, call: Call) -> Asked | None:
        """Recognise a request."""
        path = call.path.removeprefix(API)
        found = _PATH.fullmatch(path)
        if path == call.path or found is None:
            return None
        if found["name"] is not None:
            return self._asked_table(call, found)
        project, dataset = found["project"], found["dataset"]
        start = call.query.get("pageToken", "0")
        if dataset is None:
            return self._get(call, "ListDatasets", project, partial(self._datasets, call, project))
        whole = f"{project}.{dataset}"
        if not found["tables"]:
            return self._get(call, "GetDataset", whole, lambda _: self._dataset(project, dataset))
        work = partial(self._tables, call, project, dataset)
        return self._get(call, "ListTables", f"{whole} {start}", work)

    def _asked_table(self, call: Call, found: re.Match[str]) -> Asked | None:
        project, dataset, name = found["project"], found["dataset"], found["name"]
        whole = f"{project}.{dataset}.{name}"
        if found["data"] == "/data":
            work = partial(self._data, call, project, dataset, name)
            return self._get(call, "ListTableData", f"{whole} {start_text(call.query)}", work)
        if found["data"]:
            return self._asked(call, "TestPermissions", whole, lambda _: self._permitted(call))
        return self._get(call, "GetTable", whole, lambda _: self._table(project, dataset, name))

    def _get(self, call: Call, operation: str, key: str, work: _Work) -> Asked | None:
        return self._asked(call, operation, key, work) if call.method == "GET" else None

    def _asked(self, call: Call, operation: str, key: str, work: _Work) -> Asked:
        def answer(rule: Rule | None) -> Reply:
            self._tokens.check(call.headers.get("authorization", ""))
            return work(rule)

        return Asked(
            operation=operation, key=key, answer=guarded(answer, google_error), error=google_error
        )

    def _datasets(self, call: Call, project: str, rule: Rule | None) -> Reply:
        self._need("bigquery.datasets.get", f"Project {project}", f"in project {project}")
        names = self._warehouse.datasets(project)
        items = [
            {
                "kind": "bigquery#dataset",
                "id": f"{project}:{name}",
                "datasetReference": {"projectId": project, "datasetId": name},
                "location": self._warehouse.location(project, name),
            }
            for name in names
        ]
        return _listed("datasets", items, call, rule)

    def _dataset(self, project: str, dataset: str) -> Reply:
        location = self._home(project, dataset)
        self._need_on("bigquery.datasets.get", "dataset", f"{project}:{dataset}")
        return json_reply(
            {
                "kind": "bigquery#dataset",
                "id": f"{project}:{dataset}",
                "datasetReference": {"projectId": project, "datasetId": dataset},
                "location": location,
            }
        )

    def _tables(self, call: Call, project: str, dataset: str, rule: Rule | None) -> Reply:
        self._home(project, dataset)
        self._need_on("bigquery.tables.list", "dataset", f"{project}:{dataset}")
        found = self._warehouse.tables(project, dataset)
        items = [{"kind": "bigquery#table", **_outline(stored)} for stored in found]
        return _listed("tables", items, call, rule)

    def _table(self, project: str, dataset: str, name: str) -> Reply:
        stored = self._stored(project, dataset, name)
        self._need_on("bigquery.tables.get", "table", f"{project}:{dataset}.{name}")
        counted = stored.table.kind == "TABLE"
        size = sum(one.size for one in stored.partitions) if counted else 0
        return json_reply(
            {
                "kind": "bigquery#table",
                "etag": f"{stored.place}-{int(stored.modified * 1000)}",
                "selfLink": f"https://bigquery.googleapis.com{API}{project}/datasets/{dataset}"
                f"/tables/{name}",
                **_outline(stored),
                "schema": {"fields": cells.fields(stored.schema)},
                "numBytes": str(size),
                "numTotalLogicalBytes": str(size),
                "numLongTermBytes": "0",
                "numRows": str(stored.rows if counted else 0),
                "lastModifiedTime": str(int(stored.modified * 1000)),
                "location": stored.table.location,
            }
        )

    def _data(self, call: Call, project: str, dataset: str, name: str, rule: Rule | None) -> Reply:
        name, _, partition = name.partition("$")
        stored = self._stored(project, dataset, name)
        self._need_on("bigquery.tables.getData", "table", f"{project}:{dataset}.{name}")
        if stored.table.kind != "TABLE":
            message = f"Cannot list a table of type {stored.table.kind}."
            raise RefusedError(400, "invalid", message)
        shown = ", ".join(f'"{column}"' for column in stored.schema.names)
        within = "TRUE"
        if partition:
            deciding = stored.deciding[0] if stored.deciding else "NULL"
            within = f'"{deciding}" IN (SELECT "{deciding}" FROM {stored.keys} WHERE id = $1)'
        with self._warehouse.cursor() as cursor:
            sql = f"SELECT {shown} FROM {stored.place} WHERE {within} ORDER BY rowid"
            rows = cursor.sql(sql, params=[partition] if partition else None).to_arrow_table()
        found = {"kind": "bigquery#tableDataList", "totalRows": str(rows.num_rows)}
        return page(found, rows, call.query, rule)

    def _permitted(self, call: Call) -> Reply:
        wanted = re.findall(r"bigquery\.[A-Za-z.]+", call.body.decode("utf-8", "replace"))
        return json_reply(
            {"permissions": [one for one in wanted if one not in self._warehouse.denied]}
        )

    def _home(self, project: str, dataset: str) -> str:
        location = self._warehouse.location(project, dataset)
        if location is None:
            raise RefusedError(404, "notFound", f"Not found: Dataset {project}:{dataset}")
        return location

    def _stored(self, project: str, dataset: str, name: str) -> Stored:
        self._home(project, dataset)
        stored = self._warehouse.find(project, dataset, name)
        if stored is None:
            raise RefusedError(404, "notFound", f"Not found: Table {project}:{dataset}.{name}")
        return stored

    def _need(self, permission: str, what: str, where: str) -> None:
        if permission in self._warehouse.denied:
            message = f"Access Denied: {what}: User does not have {permission} permission {where}."
            raise RefusedError(403, "accessDenied", message)

    def _need_on(self, permission: str, kind: str, whole: str) -> None:
        if permission in self._warehouse.denied:
            message = f"Access Denied: {kind.title()} {whole}: Permission {permission} denied on "
            raise RefusedError(
                403, "accessDenied", f"{message}{kind} {whole} (or it may not exist)."
            )


def _outline(stored: Stored) -> dict[str, Any]:
    """Return what a listing says of a table."""
    table, part = stored.table, stored.table.partitioning
    found: dict[str, Any] = {
        "id": f"{table.project}:{table.dataset}.{table.name}",
        "tableReference": {
            "projectId": table.project,
            "datasetId": table.dataset,
            "tableId": table.name,
        },
        "type": table.kind,
        "creationTime": str(int(stored.created * 1000)),
    }
    if table.labels:
        found["labels"] = dict(table.labels)
    if part is not None:
        found["timePartitioning"] = {"type": part.unit}
        if part.field is not None:
            found["timePartitioning"]["field"] = part.field
    return found


def _listed(name: str, items: list[dict[str, Any]], call: Call, rule: Rule | None) -> Reply:
    start = int(call.query.get("pageToken") or 0)
    size = int(call.query.get("maxResults") or _LISTED)
    until, following = cut(len(items), start, size, rule)
    found: dict[str, Any] = {
        "kind": f"bigquery#{name.removesuffix('s')}List",
        name: items[start:until],
        "totalItems": len(items),
    }
    if following is not None:
        found["nextPageToken"] = str(following)
    return json_reply(found)
