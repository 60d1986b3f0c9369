"""
Rows over the Storage Read API: Arrow batches by gRPC, in place of pages of JSON.

    table with the rows of a job
      |
    CreateReadSession --> its schema, and one stream; none if the table is empty
      |
    ReadRows(stream, row) --> messages, a batch of Arrow each
      |  ^
      |  +-- it broke: a new connection, from the row that is missing on
      v
    pages of some messages each

gRPC and Google's client are imported by the modules below this one alone, and these by nobody
before `opened` finds that the operator wants them: they take time and memory, and are an extra of
this distribution.
https://cloud.google.com/bigquery/docs/reference/storage
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from ogfd.plugin import Context, FatalError
from ogfd_gcp.config import GcpConfig
from ogfd_gcp.tokens import Tokens

if TYPE_CHECKING:
    from ogfd_gcp.storage.reading import Storage

_READING: Final = "ogfd_gcp.storage.reading"
_OURS: Final = "ogfd_gcp"


def opened(ctx: Context, config: GcpConfig, tokens: Tokens) -> Storage | None:
    """
    Return what reads by the Storage Read API; None if *config* does not want it.

    Raises:
        FatalError: if what it needs is not installed.
    """
    if not config.storage_api:
        return None
    try:
        reading = import_module(_READING)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == _OURS:
            raise
        raise FatalError(
            f"storage_api is on, but {exc.name} is not installed",
            hint="pip install 'ogfd-gcp[storage]', or set storage_api = false",
        ) from None
    storage: Storage = reading.Storage(ctx, config, tokens)
    return storage
