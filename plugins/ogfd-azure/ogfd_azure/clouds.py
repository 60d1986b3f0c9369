"""
The clouds of Azure: where each one's tokens come from, and where its APIs are.

Hosts and scopes are those of azure-mgmt-core 1.6.0 (``azure/mgmt/core/tools.py``,
``get_arm_endpoints``) and azure-identity 1.27 (``AzureAuthorityHosts``); blob suffixes those of
https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure and
https://learn.microsoft.com/azure/china/resources-developer-guide; those of Microsoft Graph are in
https://learn.microsoft.com/graph/deployments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """
    One cloud of Azure.

    Attributes:
        authority: URL of the login service.
        arm_endpoint: URL of Resource Manager.
        arm_scope: what a token for Resource Manager is asked for.
        blob_suffix: follows ``ACCOUNT.blob.`` in the host of a storage account.
        graph_endpoint: URL of Microsoft Graph.
    """

    authority: str
    arm_endpoint: str
    arm_scope: str
    blob_suffix: str
    graph_endpoint: str


CLOUDS: Final[Mapping[str, Cloud]] = {
    "public": Cloud(
        authority="https://login.microsoftonline.com",
        arm_endpoint="https://management.azure.com",
        arm_scope="https://management.azure.com/.default",
        blob_suffix="core.windows.net",
        graph_endpoint="https://graph.microsoft.com",
    ),
    "us_gov": Cloud(
        authority="https://login.microsoftonline.us",
        arm_endpoint="https://management.usgovcloudapi.net",
        # Not the host above: its tokens are for the older name of the service.
        arm_scope="https://management.core.usgovcloudapi.net/.default",
        blob_suffix="core.usgovcloudapi.net",
        graph_endpoint="https://graph.microsoft.us",
    ),
    "china": Cloud(
        authority="https://login.chinacloudapi.cn",
        arm_endpoint="https://management.chinacloudapi.cn",
        arm_scope="https://management.chinacloudapi.cn/.default",
        blob_suffix="core.chinacloudapi.cn",
        graph_endpoint="https://microsoftgraph.chinacloudapi.cn",
    ),
}

STORAGE_SCOPE: Final = "https://storage.azure.com/.default"
"""
What a token for blob storage is asked for, in every cloud.

https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
"""
