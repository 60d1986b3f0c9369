"""Reports over sinks that can be read."""

from ogfd.reports.query import DIMENSIONS, ReportError, ReportQuery, query_of
from ogfd.reports.report import Report, report

__all__ = ["DIMENSIONS", "Report", "ReportError", "ReportQuery", "query_of", "report"]
