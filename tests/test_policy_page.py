"""`docs/policy.md` says what the code does: its numbers are the code's, its program runs."""

import re
import sys
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from aiohttp import web
from ogfd_aws import ogfd_connector as aws
from ogfd_azure import ogfd_connector as azure
from ogfd_gcp import ogfd_connector as gcp

from ogfd.plugin import ConnectorSpec, ErrorClass, Fault
from ogfd.plugin.waits import LONGEST
from ogfd.runs import doors, due
from ogfd.traffic import FALLBACK, DownloadSettings, RetrySettings, TrafficSettings
from ogfd.traffic import connector as connectors
from ogfd.traffic.downloads import download as downloads
from ogfd.traffic.limits import allowance
from ogfd.traffic.limits import breaker as breakers

PAGE = (Path(__file__).parents[1] / "docs" / "policy.md").read_text()
RETRY, DOWNLOAD = RetrySettings(), DownloadSettings()
SHARE = f"± {breakers.OUTAGE.jitter:.0%}".replace("%", " %")


def seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g}"


def minutes(span: timedelta) -> str:
    return f"{span / timedelta(minutes=1):g}"


def attempts(error_class: ErrorClass, status: int | None = None) -> int:
    return RETRY.attempts(Fault(error_class=error_class, status=status))


def limit(spec: ConnectorSpec, group: str) -> str:
    found = spec.limits[group]
    return f"| {found.rate:g} | {found.burst:g} |"


def windows(spec: ConnectorSpec, group: str, *, scoped: bool) -> str:
    """Return the limits of *group* that count by the window: for each scope, or for all."""
    return ", ".join(
        f"{found.rate * found.window.total_seconds():g} in {seconds(found.window)} s"
        for found in spec.limits[group]
        if found.scoped is scoped
    )


AWS, AZURE, GCP = aws(), azure(), gcp()
OUTAGE, CREDENTIAL, PERMISSION = breakers.OUTAGE, breakers.CREDENTIAL, breakers.PERMISSION
NUMBERS = [
    f"| AWS, `s3` {limit(AWS, 's3')}",
    f"| AWS, all others {limit(AWS, '')}",
    f"| Azure, `blob` {limit(AZURE, 'blob')}",
    *(
        f"| Azure, `carbon`, `dashboard` and `graph`, each {limit(AZURE, group)}"
        for group in ("carbon", "dashboard", "graph")
    ),
    f"| Azure, `login` {limit(AZURE, 'login')}",
    f"| Azure, `cost_query`, for each scope | {windows(AZURE, 'cost_query', scoped=True)} | |",
    f"| Azure, `cost_query`, for the tenant | {windows(AZURE, 'cost_query', scoped=False)} | |",
    f"| Azure, all others {limit(AZURE, '')}",
    *(f"| GCP, `{group}` {limit(GCP, group)}" for group in ("storage", "login")),
    f"| GCP, all others {limit(GCP, '')}",
    f"| a plugin that announces none | {FALLBACK.rate:g} | {FALLBACK.burst:g} |",
    f"The longest counts, at most {LONGEST / timedelta(hours=1):g} hours",
    (
        f"| `transient` | {attempts(ErrorClass.TRANSIENT)}, "
        f"after a 500 only {attempts(ErrorClass.TRANSIENT, 500)} |"
    ),
    f"| `unknown` | {attempts(ErrorClass.UNKNOWN)} |",
    f"`retries = {RETRY.retries}` in `[retry]`",
    f"min({seconds(RETRY.longest_backoff)} s, {seconds(RETRY.first_backoff)} s × 2^(*n*-1))",  # noqa: RUF001
    f"has {minutes(RETRY.deadline)} minutes with all its waits",
    f"A wait of more than {seconds(RETRY.longest_wait)} seconds",
    f"that would wait up to {seconds(RETRY.longest_wait)} seconds for that do",
    (
        f"after {seconds(doors._ATTEMPT_TIMEOUTS['aws'])} s (AWS, and by default), "
        f"{seconds(doors._ATTEMPT_TIMEOUTS['azure'])} s (Azure), "
        f"{seconds(doors._ATTEMPT_TIMEOUTS['gcp'])} s (GCP)"
    ),
    f"at most {TrafficSettings.threads} threads",
    (
        f"{minutes(due._FIRST_PAUSE)} minute later, doubling to "
        f"{due._LONGEST_PAUSE / timedelta(hours=1):g} hour, ± {due._JITTER * 100:g} %"
    ),
    (
        f"after {OUTAGE.consecutive} failures in a row, or when half of the last {OUTAGE.calls} calls "
        f"within {seconds(OUTAGE.window)} s failed, {OUTAGE.least} at least | "
        f"{seconds(OUTAGE.first_open)} s, doubling with each failed probe to "
        f"{minutes(OUTAGE.longest_open)} minutes, {SHARE} | after {OUTAGE.successes} probes"
    ),
    (
        f"refused once more after a refresh | {minutes(CREDENTIAL.first_open)} minutes | "
        f"after {CREDENTIAL.successes} probe"
    ),
    (
        f"after {PERMISSION.consecutive} refusals in a row (a missing permission) | "
        f"{minutes(PERMISSION.first_open)} minutes | after {PERMISSION.successes} probe"
    ),
    (
        f"Until it is open: {seconds(DOWNLOAD.open_timeout)} s. "
        f"Without a byte: {seconds(DOWNLOAD.stall_timeout)} s. "
        f"Slower than {DOWNLOAD.least_rate:g} bytes per second over {seconds(DOWNLOAD.window)} s"
    ),
    f"brought {downloads._PROGRESS_BYTES >> 20} MiB starts the count",
    "and more than `max_pages` (1000) pages",
]


@pytest.mark.parametrize("text", NUMBERS)
def test_its_numbers_are_those_of_the_code(text):
    """Whoever changes one changes the page."""
    assert text in PAGE


def test_its_words_hold():
    """Where it says half, a twentieth, a hundredth, or names methods."""
    assert (0.5, 1 / 20, 1 / 100, 1.0) == (
        OUTAGE.share,
        allowance._LOWEST_SHARE,
        allowance._WON_BACK_SHARE,
        allowance._CUT_EVERY_SECONDS,
    )
    assert {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} == connectors._IDEMPOTENT
    assert doors._ATTEMPT_TIMEOUT == doors._ATTEMPT_TIMEOUTS["aws"]
    assert (1, 1) == (CREDENTIAL.consecutive, PERMISSION.successes)


async def test_its_program_runs(tmp_path):
    """As it stands, in a process of its own, against a server."""
    program = re.search(r"## Without the daemon.*?```python\n(.*?)```", PAGE, re.DOTALL)[1]

    async def answer(_):
        return web.json_response({"rows": [1, 2]})

    app = web.Application()
    app.router.add_get("/rows", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/rows"
    try:
        done = await anyio.run_process([sys.executable, "-c", program, url], cwd=tmp_path)
    finally:
        await runner.cleanup()

    assert b"200 {'rows': [1, 2]}\n" == done.stdout
