"""
The policy that every provider request goes through: limit, try, classify, wait, give up.

    Traffic.request / call / download
      -> Policy.run     token from a TokenBucket, attempt, classify, back off or park
         -> HttpClient.send | the SDK's function | open_at into the Spool

Usable without the daemon: make a `Traffic` for a connector, or take the parts alone.
"""

from ogfd.traffic.backoff import RetrySettings
from ogfd.traffic.bucket import BucketStatistics, TokenBucket, WaitTooLong
from ogfd.traffic.buckets import BucketKey, Buckets, Conflict
from ogfd.traffic.classify import classify
from ogfd.traffic.connector import FALLBACK, Traffic, TrafficSettings
from ogfd.traffic.download import Downloader, DownloadSettings
from ogfd.traffic.hosts import Network, Pins
from ogfd.traffic.http import HttpClient
from ogfd.traffic.observe import Observer
from ogfd.traffic.paging import Pages
from ogfd.traffic.retry import Attempt, Policy
from ogfd.traffic.retry_after import retry_after
from ogfd.traffic.spool import Spool

__all__ = [
    "FALLBACK",
    "Attempt",
    "BucketKey",
    "BucketStatistics",
    "Buckets",
    "Conflict",
    "DownloadSettings",
    "Downloader",
    "HttpClient",
    "Network",
    "Observer",
    "Pages",
    "Pins",
    "Policy",
    "RetrySettings",
    "Spool",
    "TokenBucket",
    "Traffic",
    "TrafficSettings",
    "WaitTooLong",
    "classify",
    "retry_after",
]
