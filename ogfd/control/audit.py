"""``ogfd slices``: what is held where, since when, why, and what the operator says to it."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from anyio import to_thread

from ogfd.control.protocol import EX_FAILED, EX_USAGE, Emit, OperationError
from ogfd.plugin import HistoryEntry, LedgerEntry, ReadableSink, Sink, SumRow
from ogfd.runs import Runner, slice_try
from ogfd.slices import Bases, Outcome, read_bases
from ogfd.state import SliceRecord

_SHOWN_REJECTS = 20


class Audit:
    """
    Answers ``ogfd slices``.

    Args:
        runner: has the engine and the state store.
        sinks: by name.
    """

    def __init__(self, runner: Runner, sinks: Mapping[str, Sink]) -> None:
        self._runner = runner
        self._sinks = sinks

    async def list(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """List what every sink holds, and slices that no sink holds yet."""
        bases = await read_bases(self._sinks, self._runner.state)
        records = await self._runner.state.slices()
        connector = params.get("connector")
        tries = await self._tries(records.values())
        names = {name for entries in bases.entries.values() for name in entries} | records.keys()
        slices = []
        for name in sorted(names):
            if connector is not None and name.partition("/")[0] != connector:
                continue
            held = {sink: entry for sink, entry in bases.of(name).items() if entry is not None}
            record, due = records.get(name), tries.get(name)
            slices += [_line(name, sink, entry, record, due) for sink, entry in held.items()]
            if not held:
                slices.append(_line(name, None, None, record, due))
        return {"slices": slices}

    async def show(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """Show all that is known of a slice."""
        name, bases = await self._known(params)
        record = (await self._runner.state.slices()).get(name)
        due = (await self._tries([record])).get(name) if record else None
        verdicts = await self._runner.state.verdicts(name)
        waiting = self._runner.engine.waiting.get(name)
        return {
            "slice": name,
            "sinks": [
                _line(name, sink, entry, record, due) | {"sums": dict(entry.sums)}
                for sink, entry in bases.of(name).items()
                if entry is not None
            ],
            "record": record and _record(record, due),
            "verdicts": [
                {
                    "target": verdict.target,
                    "verdict": str(verdict.kind),
                    "reason": verdict.reason,
                    "actor": verdict.actor,
                    "decided_at": verdict.decided_at.isoformat(),
                }
                for verdict in verdicts.values()
            ],
            "waiting": None
            if waiting is None
            else {
                "target": waiting.info.target,
                "version": waiting.info.version,
                "rows": waiting.info.rows,
                "sums": dict(waiting.info.sums),
                "counts": dict(waiting.fate),
                "rejects": (await to_thread.run_sync(waiting.rejects))[:_SHOWN_REJECTS],
            },
        }

    async def history(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """Tell every commit of a slice and what it changed."""
        name, _bases = await self._known(params)
        sinks = {}
        for sink_name, sink in self._sinks.items():
            if not callable(getattr(sink, "history", None)):
                continue
            sinks[sink_name] = await _history(sink, name)  # type: ignore[arg-type]  # has history
        return {"slice": name, "sinks": sinks}

    async def approve(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """Commit the package that is held for a slice."""
        name, bases = await self._known(params)
        actor, reason = _decision(params)
        record = (await self._runner.state.slices()).get(name)
        connector = name.partition("/")[0]
        blueprints = self._runner.blueprints.get(connector, {})
        stream = name.split("/")[1]
        if stream not in blueprints:
            raise OperationError(f"the configuration has no stream {connector}/{stream}", EX_FAILED)
        chosen = {sink: bases.of(name)[sink] for sink in blueprints[stream].sinks}
        result = await self._runner.engine.approve(name, chosen, actor=actor, reason=reason)
        if result is None:
            raise OperationError(_nothing_waits(name, record), EX_FAILED)
        await self._runner.record(connector, result)
        return {"slice": name, "result": result.as_json()}

    async def reject(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """Drop the package that is held for a slice; its version is not read again."""
        name, _bases = await self._known(params)
        actor, reason = _decision(params)
        if not await self._runner.engine.reject(name, actor=actor, reason=reason):
            record = (await self._runner.state.slices()).get(name)
            raise OperationError(_nothing_waits(name, record), EX_FAILED)
        return {"slice": name, "rejected": True}

    async def drop(self, params: Mapping[str, Any], _: Emit) -> dict[str, Any]:
        """Remove the rows of a slice or stream that is to count no more; the history stays."""
        if (stream := _stream(params)) is not None:
            return await self._drop_all(stream, *_decision(params))
        name, bases = await self._known(params)
        actor, reason = _decision(params)
        result = await self._runner.engine.drop(name, bases.of(name), actor=actor, reason=reason)
        if result is None:
            raise OperationError(f"no sink holds {name}", EX_FAILED)
        await self._runner.record(name.partition("/")[0], result)
        return {"slice": name, "result": result.as_json()}

    async def _drop_all(self, stream: str, actor: str, reason: str) -> dict[str, Any]:
        """Drop every slice of *stream*, written ``connector/stream``, that counts for anything."""
        bases = await read_bases(self._sinks, self._runner.state)
        counting = {
            name
            for entries in bases.entries.values()
            for name, entry in entries.items()
            if name.startswith(f"{stream}/") and (entry.rows or entry.source)
        }
        if not counting:
            raise OperationError(f"no sink holds a slice of {stream}", EX_FAILED)
        results = []
        for name in sorted(counting):
            done = await self._runner.engine.drop(name, bases.of(name), actor=actor, reason=reason)
            if done is not None:
                await self._runner.record(stream.partition("/")[0], done)
                results.append({"slice": name, "result": done.as_json()})
        return {"stream": stream, "slices": results}

    async def _tries(self, records: Iterable[SliceRecord]) -> dict[str, datetime | None]:
        """Return when those of *records* that failed are tried again, by slice."""
        failed = [record for record in records if record.outcome == Outcome.FAILED]
        connectors = {record.connector for record in failed}
        missed = {name: await self._runner.state.streams(name) for name in connectors}
        return {each.slice: slice_try(each, missed[each.connector]) for each in failed}

    async def _known(self, params: Mapping[str, Any]) -> tuple[str, Bases]:
        name = params.get("slice")
        if not isinstance(name, str) or name.count("/") < 2:
            raise OperationError(
                f"{name!r} is not a slice; write connector/stream/partition", EX_USAGE
            )
        bases = await read_bases(self._sinks, self._runner.state)
        records = await self._runner.state.slices()
        if name not in records and not any(name in held for held in bases.entries.values()):
            raise OperationError(f"there is no slice {name}; see `ogfd slices list`", EX_USAGE)
        return name, bases


async def _history(sink: ReadableSink, slice: str) -> list[dict[str, Any]]:
    entries: Sequence[HistoryEntry] = await sink.history(slice)
    before: Sequence[SumRow] = ()
    documents = []
    for entry in entries:
        after = await sink.breakdown(slice, entry.generation)
        documents.append(
            {
                "generation": entry.generation,
                "committed_at": entry.committed_at.isoformat(),
                "rows": entry.rows,
                "sums": dict(entry.sums),
                "version": entry.version,
                "recipe": entry.recipe,
                "digest": entry.digest,
                "actor": entry.actor,
                "reason": entry.reason,
                "changes": _changes(before, after),
            }
        )
        before = after
    return documents


def _changes(before: Sequence[SumRow], after: Sequence[SumRow]) -> list[dict[str, Any]]:
    """Compare two commits by account, service, measure and unit; equal sums are left out."""
    old, new = ({_key(row): row.amount for row in rows} for rows in (before, after))
    changed = sorted(
        key for key in old.keys() | new.keys() if not _equal(old.get(key), new.get(key))
    )
    return [
        {
            "account_id": account,
            "service": service,
            "measure": measure,
            "unit": unit,
            "before": old.get(key),
            "after": new.get(key),
        }
        for key in changed
        for account, service, measure, unit in [key]
    ]


def _equal(before: str | None, after: str | None) -> bool:
    return before is not None and after is not None and Decimal(before) == Decimal(after)


def _key(row: SumRow) -> tuple[str, str, str, str]:
    return row.account_id, row.service, row.measure, row.unit


def _stream(params: Mapping[str, Any]) -> str | None:
    """Return the stream that is named in place of a slice."""
    name = params.get("slice")
    connector, _, stream = name.partition("/") if isinstance(name, str) else ("", "", "")
    return f"{connector}/{stream}" if connector and stream and "/" not in stream else None


def _decision(params: Mapping[str, Any]) -> tuple[str, str]:
    reason = params.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise OperationError("say why with --reason; it goes to the history", EX_USAGE)
    return str(params.get("actor") or getpass.getuser()), reason


def _nothing_waits(slice: str, record: SliceRecord | None) -> str:
    outcome = f"; its last outcome is {record.outcome}" if record else ""
    return f"no package of {slice} waits for a decision{outcome}"


def _line(
    slice: str,
    sink: str | None,
    entry: LedgerEntry | None,
    record: SliceRecord | None,
    due: datetime | None,
) -> dict[str, Any]:
    return {
        "slice": slice,
        "sink": sink,
        "generation": entry and entry.generation,
        "rows": entry and entry.rows,
        "period": entry and str(entry.period),
        "closed": entry and entry.closed,
        "version": entry and entry.version,
        "committed_at": entry and entry.committed_at.isoformat(),
        "state": record.outcome if record else None,
        "reason": record.reason if record else None,
        "next_due": due and due.isoformat(),
    }


def _record(record: SliceRecord, due: datetime | None) -> dict[str, Any]:
    return {
        "outcome": record.outcome,
        "reason": record.reason,
        "error_class": record.error_class,
        "version": record.version,
        "updated_at": record.updated_at.isoformat(),
        "failures": record.failures,
        "next_due": due and due.isoformat(),
    }
