"""
The policy that every provider request goes through: limit, try, classify, wait, give up.

    Traffic.request / call / download
      -> Policy.run     past the breakers, a token of each TokenBucket, attempt, classify,
                        back off or park
         -> HttpClient.send | the SDK's function | open_at into the Spool

Usable without the daemon: make a `Traffic` for a connector, or take the parts alone.
"""

from ogfd.traffic.backoff import RetrySettings
from ogfd.traffic.breaker import Breaker, BreakerOpen, BreakerSettings
from ogfd.traffic.bucket import BucketStatistics, TokenBucket, WaitTooLong, acquire
from ogfd.traffic.classify import classify
from ogfd.traffic.connector import FALLBACK, Traffic, TrafficSettings
from ogfd.traffic.download import Downloader, DownloadSettings
from ogfd.traffic.environment import shared
from ogfd.traffic.gate import Gate
from ogfd.traffic.hosts import Pins
from ogfd.traffic.http import HttpClient
from ogfd.traffic.lanes import Conflict, Denial, Lane, LaneKey, Lanes
from ogfd.traffic.network import Network
from ogfd.traffic.observe import Observer
from ogfd.traffic.paging import Pages
from ogfd.traffic.retry import Attempt, Policy
from ogfd.traffic.spool import Spool

__all__ = [
    "FALLBACK",
    "Attempt",
    "Breaker",
    "BreakerOpen",
    "BreakerSettings",
    "BucketStatistics",
    "Conflict",
    "Denial",
    "DownloadSettings",
    "Downloader",
    "Gate",
    "HttpClient",
    "Lane",
    "LaneKey",
    "Lanes",
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
    "acquire",
    "classify",
    "shared",
]
