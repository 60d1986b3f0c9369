"""
What the stand-in is told to answer with: what the test knows of the customer.

Decimals travel as text. The answers give them as JSON numbers, which are exact up to 15 digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

ACCOUNT: Final = "acmecosts"
TENANT_ID: Final = "7a0e3b1c-5d2f-4e68-9b41-0c6d8e2f1a35"
CLIENT_ID: Final = "c1e7d5a2-3b84-4f09-a6d7-92f0b8c4e613"
CLIENT_SECRET: Final = "sandbox-secret"  # noqa: S105 - the stand-in's own, worth nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """
    What the authority knows, and how long its tokens live.

    Attributes:
        tenant_id: the only tenant.
        clients: secrets by client id. A client may have several.
        subject: of the tokens that workload federation trusts; any if empty.
        lifetime_seconds: of a token, for who asks and for what checks it.
        refresh_in_seconds: what the authority advises, if anything.
    """

    tenant_id: str = TENANT_ID
    clients: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {CLIENT_ID: (CLIENT_SECRET,)}
    )
    subject: str = ""
    lifetime_seconds: int = 3599
    refresh_in_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscription that the credential sees. State: ``Enabled``, ``Disabled``, ..."""

    subscription_id: str
    name: str
    state: str = "Enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingAccount:
    """One billing account that the credential sees; digits are the id of an enrollment."""

    account_id: str
    name: str
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonItem:
    """
    What one resource emitted in one month, in kilograms of CO2 equivalent.

    Attributes:
        subscription_id: in lower case.
        month: ``YYYY-MM``.
        name: of the resource.
        resource_group: its name, in lower case.
        resource_type: such as ``microsoft.compute/virtualmachines``.
        location: as the service spells it, such as ``east us``.
        scope1, scope2, scope3: Microsoft's own; scope 2 is market-based.
    """

    subscription_id: str
    month: str
    name: str
    resource_group: str
    resource_type: str
    location: str
    scope1: Decimal
    scope2: Decimal
    scope3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """
    One cost of one day.

    Attributes:
        scope: where it arose, such as ``subscriptions/ID``.
        within: wider scopes whose queries see it too.
        day: of the usage.
        cost: actual, in *currency*.
        amortized: what a query of the type ``AmortizedCost`` sees instead; *cost* if None.
        currency: of the bill.
        service: the dimension ``ServiceName``.
        resource_group: the dimension ``ResourceGroup``, and ``ResourceGroupName``.
        location: the dimension ``ResourceLocation``.
        dimensions: others, by name.
    """

    scope: str
    day: date
    cost: Decimal
    within: tuple[str, ...] = ()
    amortized: Decimal | None = None
    currency: str = "USD"
    service: str = ""
    resource_group: str = ""
    location: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardEmission:
    """
    One row of the Emissions Impact Dashboard, in metric tonnes of CO2 equivalent.

    Attributes:
        month: ``YYYY-MM``.
        scope: ``Scope1``, ``Scope2`` or ``Scope3``.
    """

    subscription_id: str
    subscription_name: str
    month: str
    service: str
    sub_service: str
    region: str
    scope: str
    tonnes: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """
    The definition of a cost export, as a listing of exports tells it.

    Attributes:
        scope: of the costs, such as ``subscriptions/ID``.
        name: of the export.
        dataset: ``FocusCost``, ``ActualCost``, ``AmortizedCost``, ``Usage``, ...
        data_version: such as ``1.0``.
        account: storage account that it writes to.
        container: there.
        directory: ``rootFolderPath``.
        format: ``Csv`` or ``Parquet``.
        compression: ``none``, ``gzip`` or ``snappy``.
        overwrite: ``CreateNewReport`` or ``OverwritePreviousReport``.
        status: of its schedule, ``Active`` or ``Inactive``.
        recurrence: ``Daily``, ``Weekly``, ``Monthly``.
        timeframe: ``MonthToDate``, ``TheLastMonth``, ...
    """

    scope: str
    name: str
    dataset: str = "FocusCost"
    data_version: str = "1.0"
    account: str = ACCOUNT
    container: str = "exports"
    directory: str = ""
    format: str = "Csv"
    compression: str = "gzip"
    overwrite: str = "OverwritePreviousReport"
    status: str = "Active"
    recurrence: str = "Daily"
    timeframe: str = "MonthToDate"
