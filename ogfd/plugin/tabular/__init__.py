"""
Files of billing data as tables: CSV, gzip, ZIP and Parquet, by column and in bounded memory.

For connectors that read exports. A file's format is told by its first bytes; the connector chooses
columns from the header (`Selection`) and maps tables of them (`Rows`) to activities (`Mapped`),
`feed` does the rest, and `fetch_ahead` brings one file after the other. Text is worked on once a distinct value (`Combined`), decimals are
exact (`numbers`), bad rows are gathered with their place and reason (`Problems`).
"""

from ogfd.plugin.tabular.feeding import feed
from ogfd.plugin.tabular.fetching import fetch_ahead
from ogfd.plugin.tabular.mapped import Mapped
from ogfd.plugin.tabular.maps import TEXT, Maps
from ogfd.plugin.tabular.numbers import Numbers, numbers
from ogfd.plugin.tabular.opening import Tables, open_tables
from ogfd.plugin.tabular.problems import Problems, Rejected
from ogfd.plugin.tabular.reader import FileReader
from ogfd.plugin.tabular.rows import Rows
from ogfd.plugin.tabular.selection import Lookup, Selection
from ogfd.plugin.tabular.text import Codes, Combined, Mask, Text, absent, text_of

__all__ = [
    "TEXT",
    "Codes",
    "Combined",
    "FileReader",
    "Lookup",
    "Mapped",
    "Maps",
    "Mask",
    "Numbers",
    "Problems",
    "Rejected",
    "Rows",
    "Selection",
    "Tables",
    "Text",
    "absent",
    "feed",
    "fetch_ahead",
    "numbers",
    "open_tables",
    "text_of",
]
