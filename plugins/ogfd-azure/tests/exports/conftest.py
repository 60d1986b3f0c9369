"""Files of cost exports, made by hand and of a generated bill, and how a slice reads them."""

import csv
import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import pytest
from ogfd_azure.exports.charges import Dataset
from ogfd_azure.exports.columns import choose
from ogfd_azure.exports.mapping import Mapper
from ogfd_sandbox.azure.bill import AzureSettings, Month, Place, assemble, deliver, put

from ogfd.plugin import Period, Wanted
from ogfd.plugin.tabular import feed
from ogfd.testing import Collected

Row = dict[str, str]
ReadFile = Callable[..., Collected]

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
MONTH = Month(2026, 10)
WINDOW = Period.months("2026-01", "2026-12")
PLACE = Place()
KEYS = {"account": "acmecosts", "container": "exports", "prefix": "costs/"}
RESOURCE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Web/providers"

EA: Row = {
    "BillingAccountId": "8611537",
    "BillingPeriodStartDate": "09/01/2026",
    "BillingPeriodEndDate": "09/30/2026",
    "SubscriptionId": SUBSCRIPTION,
    "SubscriptionName": "Production",
    "Date": "09/21/2026",
    "MeterCategory": "Virtual Machines",
    "MeterSubCategory": "BS Series",
    "MeterRegion": "Virginia",
    "MeterName": "B1s",
    "Quantity": "24",
    "EffectivePrice": "0.01",
    "Cost": "0.24",
    "BillingCurrency": "USD",
    "ResourceLocation": "EastUS2",
    "ConsumedService": "Microsoft.Compute",
    "ResourceId": f"{RESOURCE}/Microsoft.Compute/virtualMachines/web-1",
    "AdditionalInfo": '{"UsageType":"ComputeHR","ServiceType":"Standard_B1s","VCPUs":1}',
    "Tags": '"env": "prod","org": "acme"',
    "UnitOfMeasure": "1 Hour",
    "ResourceGroup": "WEB",
    "ChargeType": "Usage",
    "Frequency": "UsageBased",
    "PublisherType": "Azure",
    "PricingModel": "OnDemand",
}

FOCUS: Row = {
    "BilledCost": "0.24",
    "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/8611537",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-09-01T00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-09-22T00:00Z",
    "ChargePeriodStart": "2026-09-21T00:00Z",
    "CommitmentDiscountId": "",
    "CommitmentDiscountStatus": "",
    "ConsumedQuantity": "24",
    "ConsumedUnit": "Hours",
    "EffectiveCost": "0.24",
    "PricingCategory": "Standard",
    "PricingQuantity": "24",
    "RegionId": "eastus2",
    "ResourceId": f"{RESOURCE}/Microsoft.Compute/virtualMachines/web-1",
    "ServiceCategory": "Compute",
    "ServiceName": "Virtual Machines",
    "SubAccountId": f"/subscriptions/{SUBSCRIPTION}",
    "SubAccountName": "Production",
    "Tags": '{"env":"prod"}',
    "x_BillingAccountId": "8611537",
    "x_BillingExchangeRate": "1",
    "x_EffectiveUnitPrice": "0.01",
    "x_InvoiceId": "G01",
    "x_PricingBlockSize": "1",
    "x_PricingUnitDescription": "1 Hour",
    "x_ResourceGroupName": "Web",
    "x_ResourceType": "microsoft.compute/virtualmachines",
    "x_SkuDetails": '{"ServiceType":"Standard_B1s"}',
    "x_SkuMeterCategory": "Virtual Machines",
    "x_SkuMeterName": "B1s",
    "x_SkuMeterSubcategory": "BS Series",
}


def csv_of(rows: Sequence[Row], mark: str = "") -> bytes:
    """Write rows that have the same columns as a file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return (mark + text.getvalue()).encode()


@pytest.fixture
def read(tmp_path: Path) -> ReadFile:
    """Read rows, or the content of a file, as a slice would."""

    def run(
        content: Sequence[Row] | bytes,
        dataset: Dataset | None = None,
        *,
        in_units: Sequence[str] = (),
        **wanted: object,
    ) -> Collected:
        path = tmp_path / "part.csv"
        path.write_bytes(content if isinstance(content, bytes) else csv_of(content))
        wants = Wanted(**wanted)  # type: ignore[arg-type]  # checked by the class
        out = Collected(wants)
        mapper = Mapper(wants, dataset, in_units=in_units)

        async def drain() -> None:
            await feed(
                path,
                "part.csv",
                out,
                choose=lambda headers, name: choose(headers, wants, name),
                map=mapper.map,
                plain=True,
            )

        anyio.run(drain)
        out.check()
        return out

    return run


@pytest.fixture
def ea() -> Callable[..., list[Row]]:
    """Make rows of cost details of an enterprise agreement; each argument is changes of one."""
    return lambda *changes: [EA | change for change in changes or ({},)]


@pytest.fixture
def focus() -> Callable[..., list[Row]]:
    """Make rows of FOCUS 1.0; each argument is changes of one."""
    return lambda *changes: [FOCUS | change for change in changes or ({},)]


@pytest.fixture(scope="session")
def bill():
    """The first delivery of the month."""
    return assemble(AzureSettings(seed=7, rows=600, currencies=("USD", "EUR")), MONTH)


@pytest.fixture(scope="session")
def written(bill):
    """Write a run; one of the first delivery is written once for all tests."""
    once = functools.cache(functools.partial(deliver, bill))

    def write(said, place, **options):
        return once(place, **options) if said is bill else deliver(said, place, **options)

    return write


class Shop:
    """A container, and what a test needs to read it."""

    def __init__(self, estate, spool, written):
        self.estate = estate
        self.azure = estate.azure
        self.spool = spool
        self._written = written

    def put(self, bill, place=PLACE, **options):
        delivery = self._written(bill, place, **options)
        put(self.azure, delivery, place.container)
        return delivery

    def context(self, **options):
        return self.estate.context(spool=self.spool, **options)

    def stream(self, ctx=None, **cost):
        keys = {name: value for name, value in cost.items() if name in {"cost_query", "cost"}}
        table = KEYS | {"blob_endpoint": self.azure.blob_endpoint}
        table |= {name: value for name, value in cost.items() if name not in keys}
        return self.estate.stream("cost", ctx or self.context(), **({"cost": table} | keys))

    async def partitions(self, **cost):
        async with self.stream(**cost) as stream:
            return await stream.partitions(WINDOW)

    async def read(self, *, wanted=None, ctx=None, between=None, **cost):
        """List, then read the only month; *between* happens after the listing."""
        out = Collected(wanted)
        async with self.stream(ctx, **cost) as stream:
            (partition,) = await stream.partitions(WINDOW)
            if between is not None:
                between()
            try:
                await stream.read(partition, out)
            finally:
                assert [] == list(self.spool.iterdir())
        out.check()
        return out


@pytest.fixture
def shop(estate, tmp_path, written):
    spool = tmp_path / "spool"
    spool.mkdir()
    return Shop(estate, spool, written)
