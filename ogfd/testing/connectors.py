"""The kit that checks a connector against the contract, with a fault at every provider call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import anyio

from ogfd.plugin import (
    ConnectorSpec,
    ErrorClass,
    Partition,
    Period,
    PluginConfig,
    SourceError,
    TransientError,
    Wanted,
)
from ogfd.telemetry.legible import legible
from ogfd.testing.context import Before, Call, FakeContext
from ogfd.testing.findings import NotConformant, require
from ogfd.testing.output import Collected

_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one pass over all streams gave: per slice the rows and the fate of the others."""

    partitions: dict[str, tuple[Partition, ...]] = field(default_factory=dict)
    rows: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    spec: ConnectorSpec
    config: PluginConfig
    window: Period
    context: Callable[[], FakeContext]
    wanted: Wanted


async def check_connector(
    spec: ConnectorSpec,
    config: PluginConfig,
    *,
    window: Period,
    context: Callable[[], FakeContext],
    wanted: Wanted | None = None,
    max_calls: int = 100,
) -> None:
    """
    Check a whole connector: every partition of *window* of every stream that *config* turns on.

    Partitions must be the same when listed twice, within at most as many calls. Reading twice
    must give the same rows, with a fate for every source row. A transient error at any provider
    call must reach the caller or leave the rows as they are; a cancellation at any provider call
    must be obeyed and leave no task behind. As whom it says to be signed in must be fit to show.

    Args:
        spec: what the plugin announces.
        config: an instance of ``spec.config``.
        window: must hold at least one partition.
        context: makes a context whose provider holds the same data each time.
        wanted: grain, tags and resource ids.
        max_calls: inject at no more calls than this.

    Raises:
        NotConformant: with all that was found.
    """
    subject = _Subject(
        spec=spec, config=config, window=window, context=context, wanted=wanted or Wanted()
    )
    counted = context()
    first = await _run(subject, counted)
    calls = list(counted.calls)
    findings: list[str] = []
    checks: list[Callable[[], Awaitable[None]]] = [partial(_stable, subject, first, len(calls))]
    for index, call in enumerate(calls[:max_calls]):
        checks.append(partial(_fault, subject, first, index, call))
        checks.append(partial(_cancel, subject, index, call))
    for check in checks:
        try:
            await check()
        except NotConformant as exc:
            findings.extend(exc.findings)
    if findings:
        raise NotConformant(findings)


async def _run(subject: _Subject, ctx: FakeContext) -> _Seen:
    """Open, list and read all; check what can be seen in one pass."""
    seen = _Seen()
    async with subject.spec.open(subject.config, ctx) as streams:
        require(
            set(streams) <= set(subject.spec.streams),
            f"open gave streams that the spec does not announce: {sorted(streams)}",
        )
        for name, stream in streams.items():
            partitions = tuple(await stream.partitions(subject.window))
            _check_partitions(name, partitions)
            seen.partitions[name] = partitions
            for partition in partitions:
                out = Collected(subject.wanted)
                try:
                    await stream.read(partition, out)
                except ValueError as exc:
                    raise NotConformant([f"{name}/{partition.key}: {exc}"]) from exc
                out.close()
                out.check()
                seen.rows[f"{name}/{partition.key}"] = out.row_set()
    require(seen.rows, "no stream lists a partition in the window: there is nothing to check")
    fit = all(legible(identity) == identity for identity in ctx.identities)
    require(fit, "signed_in: what was said is no line of text, too long, or looks like a secret")
    return seen


def _check_partitions(name: str, partitions: Sequence[Partition]) -> None:
    keys = [partition.key for partition in partitions]
    require(len(set(keys)) == len(keys), f"{name}: a partition key comes twice: {sorted(keys)}")
    for key in keys:
        sound = 0 < len(key) <= 200 and key.isprintable()
        require(sound, f"{name}: {key!r} is empty, too long or has control characters")


async def _stable(subject: _Subject, first: _Seen, calls: int) -> None:
    ctx = subject.context()
    again = await _run(subject, ctx)
    require(
        again.partitions == first.partitions,
        "partitions: listed twice, they are not the same; versions must come from the content",
    )
    for name, rows in first.rows.items():
        require(rows == again.rows.get(name), f"{name}: read twice, the rows are not the same")
    require(len(ctx.calls) <= calls, "a second pass makes more provider calls than the first")


async def _fault(subject: _Subject, first: _Seen, index: int, call: Call) -> None:
    """A transient error at call *index* must surface, or be made good in full."""
    where = f"a transient error at call {index + 1} ({call.operation})"
    ctx = subject.context()
    ctx.before = _at(index, _raise_transient)
    before = _tasks()
    try:
        seen = await _run(subject, ctx)
    except NotConformant:
        raise
    except SourceError as exc:
        transient = exc.error_class is ErrorClass.TRANSIENT
        require(transient, f"{where} surfaces as {type(exc).__name__}: {exc}")
    except Exception as exc:
        raise NotConformant([f"{where} surfaces as {type(exc).__name__}: {exc}"]) from exc
    else:
        same = seen.partitions == first.partitions and seen.rows == first.rows
        require(same, f"{where} is swallowed: other partitions or rows, and no error")
    require(_tasks() <= before, f"{where} leaves a task behind")


async def _cancel(subject: _Subject, index: int, call: Call) -> None:
    """A cancellation at call *index* must end the pass and leave nothing running."""
    where = f"a cancellation at call {index + 1} ({call.operation})"
    ctx = subject.context()
    before = _tasks()
    with anyio.move_on_after(_WAIT_SECONDS) as timely, anyio.CancelScope() as scope:

        async def cancel() -> None:
            scope.cancel()
            await anyio.sleep_forever()

        ctx.before = _at(index, cancel)
        await _run(subject, ctx)
    require(not timely.cancelled_caught, f"{where} is not obeyed within {_WAIT_SECONDS:.0f} s")
    require(scope.cancelled_caught, f"{where} is swallowed")
    require(_tasks() <= before, f"{where} leaves a task behind")


def _at(index: int, act: Callable[[], Awaitable[Any]]) -> Before:
    left = [index]

    async def before(_: Call) -> None:
        left[0] -= 1
        if left[0] == -1:
            await act()

    return before


async def _raise_transient() -> None:
    raise TransientError("injected by ogfd.testing", status=503)


def _tasks() -> set[int]:
    return {task.id for task in anyio.get_running_tasks()}
