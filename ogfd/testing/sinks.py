"""The kit that checks a sink against the contract; it adapts to what the sink promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ogfd.plugin import OgfdError, PluginConfig, SinkSpec
from ogfd.testing import sink_commits, sink_reads
from ogfd.testing.findings import NotConformant
from ogfd.testing.subject import ReadRows, SinkUnderTest

__all__ = ["SINK_CHECKS", "ReadRows", "SinkUnderTest", "check_sink"]

SINK_CHECKS: Final[Mapping[str, Callable[[SinkUnderTest], Awaitable[None]]]] = {
    check.__name__: check
    for check in (
        sink_commits.an_empty_package,
        sink_commits.replacing_a_slice,
        sink_commits.shrinking_to_nothing,
        sink_commits.awkward_values,
        sink_commits.a_stale_writer,
        sink_commits.the_same_attempt_twice,
        sink_commits.writers_on_one_base,
        sink_commits.overlapping_claims,
        sink_commits.a_package_that_breaks_off,
        sink_commits.a_package_that_lies,
        sink_commits.a_cancelled_commit,
        sink_commits.a_restart,
        sink_reads.the_ledger,
        sink_reads.history_and_breakdown,
        sink_reads.scans,
        sink_reads.a_reader_beside_a_writer,
    )
}
"""Every check by its name; each wants a store of its own. For ``pytest.mark.parametrize``."""


async def check_sink(
    spec: SinkSpec,
    new_config: Callable[[], PluginConfig],
    *,
    read_rows: ReadRows | None = None,
) -> None:
    """
    Run all of `SINK_CHECKS`.

    Args:
        spec: what the plugin announces.
        new_config: returns a config that names a new, empty store at each call.
        read_rows: see `SinkUnderTest`.

    Raises:
        NotConformant: with all that was found.
    """
    findings: list[str] = []
    for name, check in SINK_CHECKS.items():
        subject: Any = SinkUnderTest(spec=spec, config=new_config(), read_rows=read_rows)
        try:
            await check(subject)
        except NotConformant as exc:
            findings.extend(f"{name}: {finding}" for finding in exc.findings)
        except OgfdError as exc:
            findings.append(f"{name}: {type(exc).__name__}: {exc}")
    if findings:
        raise NotConformant(findings)
