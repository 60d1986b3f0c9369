"""
What a customer has with each cloud: bills and emissions that are delivered, and delivered again.

Sums bear the names that a sink's ledger gives them: ``billed_cost:USD``, ``market_based_kg``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

from ogfd_sandbox import carbon, cur
from ogfd_sandbox.azure import bill as azure_bill
from ogfd_sandbox.azure import footprint as azure_footprint
from ogfd_sandbox.azure.seeds import CarbonItem, Subscription
from ogfd_sandbox.bigquery import bill as gcp_bill
from ogfd_sandbox.bigquery import footprint as gcp_footprint
from ogfd_sandbox.bigquery.customer import billing_account
from ogfd_sandbox.configuration import AZURE_CONNECTOR, CONNECTOR, GCP_CONNECTOR
from ogfd_sandbox.cur import Month
from ogfd_sandbox.tables import Amounts, added

AWS_PLACE: Final = cur.Place(bucket="demo-billing", report="acme", prefix="cur")
AZURE_PLACE: Final = azure_bill.Place(overwrite=azure_bill.Overwrite.PREVIOUS)
GCP_COST: Final = gcp_bill.table_of(billing_account(0))
GCP_CARBON: Final = gcp_footprint.TABLE
_KEPT_DECIMALS: Final = 18
"""Of an amount of money in a sink. Azure writes up to 28, so each row is rounded, half-even."""
_SEED: Final = 1
_CHANGED: Final = 3
_LATE_DAYS: Final = 19
_READING: Final = ("ogfd_cost", "ogfd_carbon")
"""How the ids of jobs begin that read what is kept."""


class Cloud(Protocol):
    """A cloud in which a customer has something."""

    provider: str
    connector: str

    def deliver(self, months: Sequence[Month]) -> None:
        """Deliver the bills of *months*, of which the last is not final, and other emissions."""
        ...

    def redeliver(self) -> None:
        """Deliver the last month again, changed, and publish its emissions."""
        ...

    @property
    def delivered(self) -> str:
        """What there is and where, in words."""
        ...

    @property
    def redelivered(self) -> str:
        """What is different in the last month, in words."""
        ...

    def sums(self) -> Amounts:
        """Return the exact sums of all that is there now."""
        ...

    def forget_requests(self) -> None:
        """Count requests from here."""
        ...

    def requests(self) -> tuple[int, int]:
        """Return the number of requests, and how many of them were for data."""
        ...


class AwsStore(cur.Store, carbon.Publisher, Protocol):
    """The stand-in of AWS, as far as it is used; `ogfd_sandbox.s3.S3Server` is one."""

    @property
    def url(self) -> str: ...
    def create_bucket(self, bucket: str) -> None: ...
    def forget_requests(self) -> None: ...
    def requests(self) -> Sequence[Any]: ...
    def count(self, operation: str, key: str) -> int: ...


class AzureStore(azure_bill.Store, Protocol):
    """The stand-in of Azure, as far as it is used; an `AzureServer` is one."""

    @property
    def url(self) -> str: ...
    def set_subscriptions(self, subscriptions: Iterable[Subscription]) -> None: ...
    def set_carbon(self, items: Iterable[CarbonItem]) -> None: ...
    def forget_requests(self) -> None: ...
    def requests(self) -> Sequence[Any]: ...
    def count(self, operation: str, key: str) -> int: ...


class GcpStore(gcp_bill.Store, Protocol):
    """The stand-in of BigQuery, as far as it is used; a `BigQueryServer` is one."""

    @property
    def url(self) -> str: ...
    def forget_requests(self) -> None: ...
    def requests(self) -> Sequence[Any]: ...
    def count(self, operation: str, key: str) -> int: ...


class Aws:
    """
    A payer of AWS: a Cost and Usage Report in a bucket, emissions with the carbon service.

    Args:
        store: the stand-in.
        settings: what shapes its bills.
    """

    provider: str = "aws"
    connector: str = CONNECTOR

    def __init__(self, store: AwsStore, settings: cur.CurSettings) -> None:
        self._store = store
        self._settings = settings
        self._bills: dict[Month, cur.Assembly] = {}
        self._emitted: list[carbon.Footprint] = []

    def deliver(self, months: Sequence[Month]) -> None:
        self._store.create_bucket(AWS_PLACE.bucket)
        for month in months:
            self._put(cur.assemble(self._settings, month, finalised=month != months[-1]))
        self._emitted = [carbon.footprint(self._settings, month) for month in months]
        carbon.publish(self._store, self._emitted[:-1])

    def redeliver(self) -> None:
        last = self._bills[max(self._bills)]
        self._put(cur.restate(last, cur.Changes(finalised=True)))
        carbon.publish(self._store, self._emitted)

    @property
    def delivered(self) -> str:
        return f"AWS at {self._store.url}: Cost and Usage Reports in USD, carbon footprints"

    @property
    def redelivered(self) -> str:
        return "AWS: other files, fewer of them; an older day metered anew; a credit"

    def sums(self) -> Amounts:
        return added(
            [
                *(_costs(bill.truth) for bill in self._bills.values()),
                *(_both_methods(one) for one in self._emitted),
            ]
        )

    def forget_requests(self) -> None:
        self._store.forget_requests()

    def requests(self) -> tuple[int, int]:
        return len(self._store.requests()), self._store.count("GetObject", "*.csv.gz")

    def _put(self, bill: cur.Assembly) -> None:
        cur.put_report(self._store, bill, AWS_PLACE)
        self._bills[bill.month] = bill


class Azure:
    """
    A billing account of Azure: a FOCUS export in a container, emissions with Microsoft.Carbon.

    Args:
        store: the stand-in.
        settings: what shapes its bills.
    """

    provider: str = "azure"
    connector: str = AZURE_CONNECTOR

    def __init__(self, store: AzureStore, settings: azure_bill.AzureSettings) -> None:
        self._store = store
        self._settings = settings
        self._bills: dict[Month, azure_bill.Bill] = {}
        self._emitted: tuple[CarbonItem, ...] = ()

    def deliver(self, months: Sequence[Month]) -> None:
        for month in months:
            self._put(azure_bill.assemble(self._settings, month))
        owners = [
            Subscription(subscription_id=one.id, name=one.name)
            for one in self._bills[months[0]].book.subscriptions
        ]
        self._emitted = azure_footprint.footprint(_SEED, months, of=owners).items
        self._store.set_subscriptions(owners)
        self._store.set_carbon(one for one in self._emitted if one.month != str(months[-1]))

    def redeliver(self) -> None:
        self._put(azure_bill.restate(self._bills[max(self._bills)]))
        self._store.set_carbon(self._emitted)

    @property
    def delivered(self) -> str:
        currencies = " and ".join(self._settings.currencies)
        return (
            f"Azure at {self._store.url}: FOCUS exports in {currencies}, kept to "
            f"{_KEPT_DECIMALS} of their 28 decimals; carbon emissions"
        )

    @property
    def redelivered(self) -> str:
        return "Azure: a new run in place of the old one; late and vanished rows; a refund"

    def sums(self) -> Amounts:
        truths = [bill.truth_rounded(_KEPT_DECIMALS) for bill in self._bills.values()]
        kg = [one.scope1 + one.scope2 + one.scope3 for one in self._emitted]
        return added([*map(_costs, truths), *({"market_based_kg": amount} for amount in kg)])

    def forget_requests(self) -> None:
        self._store.forget_requests()

    def requests(self) -> tuple[int, int]:
        return len(self._store.requests()), self._store.count("GetBlob", "*.csv.gz")

    def _put(self, bill: azure_bill.Bill) -> None:
        azure_bill.put(self._store, azure_bill.deliver(bill, AZURE_PLACE), AZURE_PLACE.container)
        self._bills[bill.month] = bill


class Gcp:
    """
    A billing account of Google Cloud: its billing export and its carbon footprint in BigQuery.

    The export was turned on on the day before the last month, and Google wrote what it had of the
    months before at once: https://cloud.google.com/billing/docs/how-to/export-data-bigquery-setup

    Args:
        store: the stand-in.
        settings: what shapes its bill, but for the months.
    """

    provider: str = "gcp"
    connector: str = GCP_CONNECTOR

    def __init__(self, store: GcpStore, settings: gcp_bill.BillSettings) -> None:
        self._store = store
        self._settings = settings
        self._emitted: gcp_footprint.Footprint
        self._bill: gcp_bill.Bill
        self._last: Month

    def deliver(self, months: Sequence[Month]) -> None:
        first, count, self._last = months[0], len(months), months[-1]
        settings = replace(self._settings, first=first, months=count)
        self._put(_exported(gcp_bill.assemble(settings), self._last))
        self._emitted = gcp_footprint.assemble(
            gcp_footprint.FootprintSettings(
                seed=_SEED, first=first, months=count, billing_accounts=1
            )
        )
        early = [part for part in self._emitted.parts if part.month != months[-1]]
        self._publish(replace(self._emitted, parts=tuple(early)))

    def redeliver(self) -> None:
        late = gcp_bill.add_late(_from(self._bill, self._last), rows=_CHANGED, days=_LATE_DAYS)
        before = _from(late, self._last.plus(-1))
        day = self._last.start.date() + timedelta(days=_LATE_DAYS)
        self._put(gcp_bill.correct(before, rows=_CHANGED, partition=day))
        self._publish(self._emitted)

    @property
    def delivered(self) -> str:
        currencies = " and ".join(self._settings.currencies)
        return f"GCP at {self._store.url}: a billing export in {currencies}, carbon footprints"

    @property
    def redelivered(self) -> str:
        return f"GCP: rows that came {_LATE_DAYS} days late; rows taken back under the next invoice"

    def sums(self) -> Amounts:
        net = self._bill.truth.by("net", "currency")
        emitted = {
            "location_based_kg": self._emitted.total("location_based")[()],
            "market_based_kg": self._emitted.total("market_based")[()],
        }
        return {
            **{f"billed_cost:{currency}": amount for (currency,), amount in net.items()},
            **{f"effective_cost:{currency}": amount for (currency,), amount in net.items()},
            **{name: amount for name, amount in emitted.items() if amount is not None},
        }

    def forget_requests(self) -> None:
        self._store.forget_requests()

    def requests(self) -> tuple[int, int]:
        """Return as `Cloud` says; jobs that ask what has changed are not for data."""
        read = (self._store.count("GetQueryResults", f"* {job}_*") for job in _READING)
        return len(self._store.requests()), sum(read)

    def _put(self, bill: gcp_bill.Bill) -> None:
        gcp_bill.put(self._store, bill)
        self._bill = bill

    def _publish(self, footprint: gcp_footprint.Footprint) -> None:
        self._store.set_table(GCP_CARBON, footprint.rows)


def _exported(bill: gcp_bill.Bill, last: Month) -> gcp_bill.Bill:
    """Return *bill* as it was after its *last* month: later days may not have been yet."""
    for day in bill.partitions:
        if day >= last.end.date():
            bill = gcp_bill.vanish(bill, day)
    return gcp_bill.turned_on(bill, last.start.date() - timedelta(days=1))


def _from(bill: gcp_bill.Bill, first: Month) -> gcp_bill.Bill:
    """Return *bill*, whose *first* month is what is changed next."""
    return replace(bill, settings=replace(bill.settings, first=first))


def _costs(truth: cur.Truth | azure_bill.Truth) -> Mapping[str, Decimal]:
    return {
        **{f"billed_cost:{currency}": amount for currency, amount in truth.billed().items()},
        **{f"effective_cost:{currency}": amount for currency, amount in truth.effective().items()},
    }


def _both_methods(made: carbon.Footprint) -> Mapping[str, Decimal]:
    kg = made.kg()
    return {
        "location_based_kg": kg["TOTAL_LBM_CARBON_EMISSIONS"],
        "market_based_kg": kg["TOTAL_MBM_CARBON_EMISSIONS"],
    }
