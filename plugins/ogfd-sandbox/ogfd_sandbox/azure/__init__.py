"""
Stand-ins of Azure: login authority, Resource Manager and blob storage over TLS.

What `Request.operation` and `Request.key` say of a request, and `Rule` matches::

    Token               TENANT CLIENT SCOPE, and the word claims after it if some are demanded
    IdentityToken       imds RESOURCE, or app_service RESOURCE
    Discovery           the path
    ListSubscriptions   PAGE
    CarbonReport        ItemDetailsReport Scope1 2026-08-01/2026-08-01 Resource 100 PAGE
                        (report, scopes, dates, category or -, number of subscriptions)
    CarbonDateRange
    CostQuery           subscriptions/ID ActualCost Daily 2026-08-01/2026-08-31 PAGE
    ListExports         subscriptions/ID
    ListBillingAccounts
    GetApplication      CLIENT
    DashboardEmissions  ENROLLMENT PAGE
    ListBlobs           ACCOUNT/CONTAINER/PREFIX
    GetBlob             ACCOUNT/CONTAINER/NAME; likewise GetBlobProperties

Pages are counted from 1. A request that is malformed has the key ``-``; one that no service knows
has its method for an operation and its path for a key. A `Rule` must name its operation: unless
told so it spoils ``GetObject``, which is none of Azure.
"""
