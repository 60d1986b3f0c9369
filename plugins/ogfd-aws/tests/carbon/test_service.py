"""Where the service is, and how requests to it are signed. Nothing leaves the machine."""

import pytest
from ogfd_aws.carbon.service import open_emissions
from ogfd_aws.config import AwsConfig
from ogfd_aws.session import open_clients

from ogfd.plugin import Period, Secret, UnknownError
from ogfd.testing import FakeContext


class StoppedError(Exception):
    """Nothing is sent."""


@pytest.mark.parametrize(
    ("region", "host", "signed_for"),
    [
        ("us-east-1", "api.sustainability.us-east-1.api.aws", "us-east-1"),
        ("eu-west-1", "api.sustainability.us-east-1.api.aws", "us-east-1"),
        ("us-gov-east-1", "sustainability.us-gov.api.aws", "us-gov-west-1"),
        (
            "cn-northwest-1",
            "sustainability.global.api.amazonwebservices.com.cn",
            "cn-northwest-1",
        ),
    ],
)
async def test_the_endpoint_is_that_of_the_partition(region, host, signed_for):
    """Signed by SigV4 for its home, whatever the Region of the bucket."""
    config = AwsConfig(
        region=region, access_key_id="AKIA", secret_access_key=Secret("x"), carbon={}
    )
    sent = []

    def stop(request, **_):
        sent.append(request)
        raise StoppedError

    ctx = FakeContext()
    async with open_clients(ctx, config) as clients:
        emissions = await open_emissions(ctx, clients, config)
        emissions._client.meta.events.register_first("before-send", stop)
        with pytest.raises(UnknownError):
            async for _ in emissions.pages(Period.month("2026-08")):
                pass
    (request,) = sent

    assert f"https://{host}/v1/estimated-carbon-emissions" == request.url
    signature = request.headers["Authorization"]
    signature = signature if isinstance(signature, str) else signature.decode()
    assert signature.startswith("AWS4-HMAC-SHA256 ")
    assert f"/{signed_for}/sustainability/aws4_request" in signature
    assert b'"Start": "2026-08-01T00:00:00Z"' in request.body
    assert b'"MaxResults": 1000' in request.body
