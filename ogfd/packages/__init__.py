"""From a stream's batches to sealed packages, and where packages are kept."""

from ogfd.packages.allocation import spare_memory
from ogfd.packages.archive import Archive, Keep
from ogfd.packages.budget import ByteBudget
from ogfd.packages.days import Days, Span
from ogfd.packages.fate import RowFate
from ogfd.packages.months import Sums, monthly_sums
from ogfd.packages.sealed import DamagedPackage, SealedPackage, open_package
from ogfd.packages.shape import Shape
from ogfd.packages.store import PackageStore
from ogfd.packages.writer import PIPELINE_VERSION, PackageHeader, PackageWriter

__all__ = [
    "PIPELINE_VERSION",
    "Archive",
    "ByteBudget",
    "DamagedPackage",
    "Days",
    "Keep",
    "PackageHeader",
    "PackageStore",
    "PackageWriter",
    "RowFate",
    "SealedPackage",
    "Shape",
    "Span",
    "Sums",
    "monthly_sums",
    "open_package",
    "spare_memory",
]
