"""Where Cost Explorer is, how requests to it are signed, and what they cost."""

from decimal import Decimal

import pytest
from ogfd_aws import ogfd_connector
from ogfd_aws.config import AwsConfig
from ogfd_aws.explorer.fee import OPERATION
from ogfd_aws.explorer.service import Query, open_explorer
from ogfd_aws.session import open_clients

from ogfd.plugin import Period, Price, Secret, UnknownError
from ogfd.testing import FakeContext


class StoppedError(Exception):
    """Nothing is sent."""


@pytest.mark.parametrize(
    ("region", "host", "signed_for"),
    [
        ("us-east-1", "ce.us-east-1.amazonaws.com", "us-east-1"),
        ("eu-west-1", "ce.us-east-1.amazonaws.com", "us-east-1"),
        ("cn-north-1", "ce.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
    ],
)
async def test_the_endpoint_is_that_of_the_partition(region, host, signed_for):
    """Whatever the Region of the bucket; only days are sent."""
    config = AwsConfig(
        region=region, access_key_id="AKIA", secret_access_key=Secret("x"), cost_explorer={}
    )
    sent = []

    def stop(request, **_):
        sent.append(request)
        raise StoppedError

    ctx = FakeContext()
    async with open_clients(ctx, config) as clients:
        explorer = await open_explorer(ctx, clients)
        explorer._client.meta.events.register_first("before-send", stop)
        with pytest.raises(UnknownError):
            async for _ in explorer.pages(Query(period=Period.month("2026-08"), monthly=True)):
                pass
    (request,) = sent

    assert f"https://{host}/" == request.url
    signature = request.headers["Authorization"]
    signature = signature if isinstance(signature, str) else signature.decode()
    assert f"/{signed_for}/ce/aws4_request" in signature
    assert b'{"Start": "2026-08-01", "End": "2026-09-01"}' in request.body
    assert b"GroupBy" not in request.body


def test_every_request_has_its_price_and_the_connector_its_budget():
    """Without the table nothing costs anything."""
    spec = ogfd_connector()
    cent = Decimal("0.01")

    assert {} == spec.prices(AwsConfig())
    assert {OPERATION: Price(usd=cent, monthly_budget_usd=Decimal("5.00"))} == spec.prices(
        AwsConfig(cost_explorer={})
    )
    assert {OPERATION: Price(usd=cent, monthly_budget_usd=Decimal("0.5"))} == spec.prices(
        AwsConfig(cost_explorer={"monthly_budget_usd": 0.5})
    )
