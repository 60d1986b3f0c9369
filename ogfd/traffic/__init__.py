"""
The policy that every provider request goes through: limit, try, classify, wait, give up.

    Traffic.request / call / download
      -> Policy.run     past the breakers, a token of each TokenBucket, the fee, attempt,
                        classify, back off or park
         -> HttpClient.send | the SDK's function | open_at into the Spool

    limits/     how often a provider is asked, and when it is left alone
    faults/     what an error means
    web/        the HTTP client, where it may go and by which way
    downloads/  objects become local files
    fees        what requests cost, and the month's budget

Usable without the daemon: make a `Traffic` for a connector, or take the parts alone.
"""

from ogfd.traffic.attempt import Attempt
from ogfd.traffic.backoff import RetrySettings
from ogfd.traffic.connector import FALLBACK, Traffic, TrafficSettings
from ogfd.traffic.downloads.download import Downloader, DownloadSettings
from ogfd.traffic.downloads.spool import Spool
from ogfd.traffic.faults.classify import classify
from ogfd.traffic.fees import Charge, Fees, Purse
from ogfd.traffic.limits.breaker import Breaker, BreakerOpen, BreakerSettings
from ogfd.traffic.limits.bucket import BucketStatistics, TokenBucket, WaitTooLong, acquire
from ogfd.traffic.limits.gate import Gate
from ogfd.traffic.limits.lanes import Conflict, Denial, Lane, LaneKey, Lanes
from ogfd.traffic.observe import Observer
from ogfd.traffic.paging import Pages
from ogfd.traffic.retry import Policy
from ogfd.traffic.web.environment import shared
from ogfd.traffic.web.hosts import Pins
from ogfd.traffic.web.http import HttpClient
from ogfd.traffic.web.network import Network

__all__ = [
    "FALLBACK",
    "Attempt",
    "Breaker",
    "BreakerOpen",
    "BreakerSettings",
    "BucketStatistics",
    "Charge",
    "Conflict",
    "Denial",
    "DownloadSettings",
    "Downloader",
    "Fees",
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
    "Purse",
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
