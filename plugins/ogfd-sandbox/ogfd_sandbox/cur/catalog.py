"""
What the imaginary customer can buy: regions and offers, with names and units as AWS writes them.

Prices are of the right size, not the right prices; nothing here is for billing anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Shape = Literal["hours", "count", "bytes", "seconds"]
"""How usage looks: hours up to 1, whole requests, GB with ten decimals, seconds with six."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region: its id, the prefix of usage types, its name, its price level in per cent."""

    id: str
    prefix: str
    name: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    Something that can be used in a region.

    Attributes:
        code: ``lineItem/ProductCode``.
        name: ``product/ProductName``.
        usage_type: without the region's prefix.
        rate: price per *unit* in the cheapest region, a decimal.
        shape: how usage looks.
        most: the largest usage of one line, in whole units.
        text: ``lineItem/LineItemDescription``; ``{rate}`` and ``{place}`` are filled in.
        resource: pattern of ``lineItem/ResourceId``; ``{hex}``, ``{region}``, ``{account}``.
        regional: whether the product has a region.
        product: further ``product/*`` attributes.
    """

    code: str
    name: str
    usage_type: str
    operation: str
    family: str
    unit: str
    rate: str
    shape: Shape
    most: int
    text: str
    resource: str
    regional: bool = True
    product: Mapping[str, str] = field(default_factory=dict)

    @property
    def instance(self) -> str | None:
        """The instance type, if savings plans and reservations cover the offer."""
        return self.product.get("instanceType") if self.code == "AmazonEC2" else None


def _regions() -> tuple[Region, ...]:
    table = """
        us-east-1      -     100 US East (N. Virginia)
        us-east-2      USE2  100 US East (Ohio)
        us-west-1      USW1  117 US West (N. California)
        us-west-2      USW2  100 US West (Oregon)
        ca-central-1   CAN1  111 Canada (Central)
        eu-west-1      EU    111 EU (Ireland)
        eu-west-2      EUW2  116 EU (London)
        eu-west-3      EUW3  117 EU (Paris)
        eu-central-1   EUC1  120 EU (Frankfurt)
        eu-north-1     EUN1  106 EU (Stockholm)
        eu-south-1     EUS1  117 EU (Milan)
        ap-south-1     APS3  105 Asia Pacific (Mumbai)
        ap-southeast-1 APS1  125 Asia Pacific (Singapore)
        ap-southeast-2 APS2  125 Asia Pacific (Sydney)
        ap-northeast-1 APN1  129 Asia Pacific (Tokyo)
        ap-northeast-2 APN2  123 Asia Pacific (Seoul)
        ap-east-1      APE1  138 Asia Pacific (Hong Kong)
        sa-east-1      SAE1  159 South America (Sao Paulo)
        me-south-1     MES1  122 Middle East (Bahrain)
        af-south-1     AFS1  132 Africa (Cape Town)
    """
    rows = [line.split(None, 3) for line in table.strip().splitlines()]
    return tuple(
        Region(id=row[0], prefix=row[1].strip("-") and f"{row[1]}-", name=row[3], level=int(row[2]))
        for row in rows
    )


def _box(kind: str, vcpu: int, memory: str, rate: str) -> Offer:
    return Offer(
        code="AmazonEC2",
        name="Amazon Elastic Compute Cloud",
        usage_type=f"BoxUsage:{kind}",
        operation="RunInstances",
        family="Compute Instance",
        unit="Hrs",
        rate=rate,
        shape="hours",
        most=1,
        text=f"${{rate}} per On Demand Linux {kind} Instance Hour",
        resource="i-0{hex}",
        product={
            "instanceType": kind,
            "instanceFamily": "General purpose",
            "instanceTypeFamily": kind.split(".", 1)[0],
            "vcpu": str(vcpu),
            "memory": f"{memory} GiB",
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "licenseModel": "No License required",
            "currentGeneration": "Yes",
            "preInstalledSw": "NA",
        },
    )


def _offer(  # noqa: PLR0917 - a table of offers reads best as one
    code: str,
    name: str,
    usage_type: str,
    operation: str,
    family: str,
    unit: str,
    rate: str,
    shape: Shape,
    most: int,
    text: str,
    resource: str = "",
    **product: str,
) -> Offer:
    return Offer(
        code=code,
        name=name,
        usage_type=usage_type,
        operation=operation,
        family=family,
        unit=unit,
        rate=rate,
        shape=shape,
        most=most,
        text=text,
        resource=resource,
        regional=code not in {"AmazonRoute53", "AmazonCloudFront"},
        product=product,
    )


_EC2: Final = ("AmazonEC2", "Amazon Elastic Compute Cloud")
_S3: Final = ("AmazonS3", "Amazon Simple Storage Service")
_RDS: Final = ("AmazonRDS", "Amazon Relational Database Service")
MARKETPLACE: Final = "5hnnev4d0v7mapf09j0v8of0o2"
"""Product code of a marketplace product: they are random."""
_ARN: Final = "arn:aws:{service}:{region}:{account}:"

REGIONS: Final = _regions()

# fmt: off
OFFERS: Final = (
    _box("t3.medium", 2, "4", "0.0416"),
    _box("m5.large", 2, "8", "0.096"),
    _box("m6i.xlarge", 4, "16", "0.192"),
    _box("c7g.2xlarge", 8, "16", "0.29"),
    _box("r5.4xlarge", 16, "128", "1.008"),
    _offer(*_EC2, "EBS:VolumeUsage.gp3", "CreateVolume-Gp3", "Storage", "GB-Mo", "0.08", "bytes", 2,
           "${rate} per GB-month of General Purpose (gp3) provisioned storage - {place}", "vol-0{hex}",
           volumeType="General Purpose", storageMedia="SSD-backed", volumeApiName="gp3"),
    _offer(*_EC2, "NatGateway-Bytes", "NatGateway", "NAT Gateway", "GB", "0.045", "bytes", 80,
           "${rate} per GB Data Processed by NAT Gateways", _ARN + "natgateway/nat-0{hex}", group="NGW:NatGateway",
           groupDescription="Charge for per GB data processed by NatGateways"),
    _offer(*_S3, "TimedStorage-ByteHrs", "StandardStorage", "Storage", "GB-Mo", "0.023", "bytes", 40,
           "${rate} per GB - first 50 TB / month of storage used", "bucket-{hex}", storageClass="General Purpose",
           volumeType="Standard", availability="99.99%", durability="99.999999999%"),
    _offer(*_S3, "Requests-Tier1", "PutObject", "API Request", "Requests", "0.000005", "count", 40_000,
           "$0.005 per 1,000 PUT, COPY, POST, or LIST requests", "bucket-{hex}", group="S3-API-Tier1",
           groupDescription="PUT/COPY/POST or LIST requests"),
    _offer(*_S3, "Requests-Tier2", "GetObject", "API Request", "Requests", "0.0000004", "count", 90,
           "$0.004 per 10,000 GET and all other requests", "bucket-{hex}", group="S3-API-Tier2",
           groupDescription="GET and all other requests"),
    _offer("AWSDataTransfer", "AWS Data Transfer", "DataTransfer-Out-Bytes", "RunInstances", "Data Transfer", "GB", "0.09",
           "bytes", 25, "${rate} per GB - first 10 TB / month data transfer out", "i-0{hex}", transferType="AWS Outbound",
           toLocation="External", toLocationType="Other"),
    _offer("AWSDataTransfer", "AWS Data Transfer", "DataTransfer-Regional-Bytes", "InterZone-In", "Data Transfer", "GB",
           "0.01", "bytes", 9, "${rate} per GB - regional data transfer, in/out/between AZs", "i-0{hex}",
           transferType="IntraRegion"),
    _offer(*_RDS, "InstanceUsage:db.r5.large", "CreateDBInstance:0014", "Database Instance", "Hrs", "0.25", "hours", 1,
           "${rate} per RDS db.r5.large Single-AZ instance hour (or partial hour) running PostgreSQL",
           _ARN + "db:main-{hex}", instanceType="db.r5.large", vcpu="2", memory="16 GiB", databaseEngine="PostgreSQL",
           deploymentOption="Single-AZ", engineCode="14"),
    _offer(*_RDS, "RDS:GP3-Storage", "CreateDBInstance:0014", "Database Storage", "GB-Mo", "0.115", "bytes", 1,
           "${rate} per GB-month of provisioned gp3 storage running PostgreSQL", _ARN + "db:main-{hex}",
           volumeType="General Purpose (SSD)", databaseEngine="PostgreSQL", deploymentOption="Single-AZ"),
    _offer("AWSLambda", "AWS Lambda", "Lambda-GB-Second", "Invoke", "Serverless", "Lambda-GB-Second", "0.0000166667",
           "seconds", 900, "AWS Lambda - Total Compute - {place}", _ARN + "function:job-{hex}", group="AWS-Lambda-Duration",
           groupDescription="Invocation duration weighted by memory assigned to function, measured in GB-s"),
    _offer("AWSLambda", "AWS Lambda", "Request", "Invoke", "Serverless", "Requests", "0.0000002", "count", 70,
           "AWS Lambda - Total Requests - {place}", _ARN + "function:job-{hex}", group="AWS-Lambda-Requests"),
    _offer("AmazonDynamoDB", "Amazon DynamoDB", "WriteRequestUnits", "PayPerRequestThroughput", "Amazon DynamoDB PayPerRequest"
           " Throughput", "WriteRequestUnits", "0.00000125", "count", 300_000, "$1.25 per million write request units "
           "({place})", _ARN + "table/orders-{hex}", group="DDB-WriteUnits"),
    _offer("AmazonCloudFront", "Amazon CloudFront", "DataTransfer-Out-Bytes", "GET", "Data Transfer", "GB", "0.085", "bytes",
           50, "$0.085 per GB - first 10 TB / month data transfer out", "arn:aws:cloudfront::{account}:distribution/{hex}"),
    _offer("AmazonCloudWatch", "AmazonCloudWatch", "DataProcessing-Bytes", "PutLogEvents", "Data Payload", "GB", "0.5",
           "bytes", 3, "${rate} per GB custom log data ingested in Standard log class - {place}",
           _ARN + "log-group:/aws/app/{hex}", group="Ingested Logs"),
    _offer("AWSELB", "Elastic Load Balancing", "LoadBalancerUsage", "LoadBalancing:Application", "Load Balancer-Application",
           "Hrs", "0.0225", "hours", 1, "${rate} per Application LoadBalancer-hour (or partial hour)",
           _ARN + "loadbalancer/app/web/{hex}", group="ELB:Balancing"),
    _offer("AmazonEKS", "Amazon Elastic Container Service for Kubernetes", "AmazonEKS-Hours:perCluster", "CreateOperation",
           "Compute", "Hours", "0.1", "hours", 1, "Amazon EKS cluster usage in {place}", _ARN + "cluster/prod-{hex}"),
    _offer("awskms", "AWS Key Management Service", "KMS-Requests", "Decrypt", "API Request", "Requests", "0.000003", "count",
           800, "$0.03 per 10,000 KMS requests in {place}", _ARN + "key/{hex}", eventType="Standard API"),
    _offer("AWSQueueService", "Amazon Simple Queue Service", "Requests-Tier1", "Send", "API Request", "Requests",
           "0.0000004", "count", 5_000, "$0.40 per million Amazon SQS Requests - {place}", _ARN + "jobs-{hex}",
           queueType="Standard", messageDeliveryFrequency="At Least Once"),
    _offer("AWSGlue", "AWS Glue", "ETL-DPU-Hour", "Jobrun", "AWS Glue", "DPU-Hour", "0.44", "seconds", 12,
           "${rate} per Data Processing Unit-Hour for AWS Glue ETL job", _ARN + "job/load-{hex}", group="ETL Job run"),
    _offer("AmazonElastiCache", "Amazon ElastiCache", "NodeUsage:cache.t3.small", "CreateCacheCluster:0002", "Cache Instance",
           "Hrs", "0.034", "hours", 1, "${rate} per t3 Small Cache node-hour (or partial hour) running Redis",
           _ARN + "cluster:cache-{hex}", instanceType="cache.t3.small", cacheEngine="Redis", vcpu="2", memory="1.37 GiB"),
    _offer("AmazonRoute53", "Amazon Route 53", "DNS-Queries", "A", "DNS Query", "Queries", "0.0000004", "count", 60_000,
           "$0.40 per 1,000,000 queries for the first 1 Billion queries", "arn:aws:route53:::hostedzone/Z{hex}",
           routingType="Standard", routingTarget="DNS record"),
    _offer(MARKETPLACE, "Ledger Search, Enterprise", "SoftwareUsage:m5.large", "RunInstances", "Software", "Hrs", "0.35", "hours", 1,
           'AWS Marketplace hourly software usage|{place}|m5.large "Ledger Search"', "i-0{hex}"),
)
# fmt: on
