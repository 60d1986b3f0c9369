"""What answers say is left."""

from ogfd_azure.quotas import remaining

SEEN = {
    "x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests": "DefaultQuota:3",
    "X-Ms-Ratelimit-Remaining-Microsoft.CostManagement-Tenant-Requests": "DefaultQuota:7,ogfd:5",
    "x-ms-ratelimit-remaining-microsoft.costmanagement-clienttype-requests": "ogfd:1999",
    "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed": "2",
    "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining": "QueriesPerHour:597,QueriesPerMin:57,"
    "QueriesPer10Sec:9,QueriesPerYear:1",
    "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "30",
    "x-ms-ratelimit-remaining-tenant-reads": "11999",
    "x-ms-ratelimit-remaining-resource": "Microsoft.Compute/HighCostGet;33",
    "Content-Length": "12",
}


def test_every_quota_has_a_name_of_its_own():
    """Of several parts the least counts; waits, what was used, and unknown forms are none."""
    assert {
        "entity": 3.0,
        "tenant": 5.0,
        "clienttype": 1999.0,
        "qpu_per_hour": 597.0,
        "qpu_per_minute": 57.0,
        "qpu_per_10_seconds": 9.0,
        "tenant_reads": 11999.0,
    } == remaining(SEEN)


def test_answers_without_quotas_say_nothing():
    """Nor do those with nonsense."""
    assert {} == remaining({"x-ms-ratelimit-remaining-tenant-reads": "many", "ETag": "1"})
