"""The border of a run: what stops a connector becomes an error of its run."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from ogfd.plugin import ErrorClass, OgfdError
from ogfd.runs.request import RunError
from ogfd.slices import Wait

log = logging.getLogger(__name__)


def border_error(exc: Exception, connector: str) -> RunError:
    """Return the error of a run that *exc* stopped; a defect is logged with its traceback."""
    while isinstance(exc, ExceptionGroup):
        exc = exc.exceptions[0]
    if isinstance(exc, OgfdError):
        return run_error(exc, None)
    log.error("a defect stopped a run", extra={"connector": connector}, exc_info=exc)
    return RunError(error_class=ErrorClass.FATAL, message=f"a defect: {type(exc).__name__}: {exc}")


def run_error(exc: OgfdError, stream: str | None) -> RunError:
    """Return an error of ours as that of a stream, or of the whole connector."""
    return RunError(
        error_class=getattr(exc, "error_class", ErrorClass.FATAL),
        message=str(exc),
        stream=stream,
        next_due=getattr(exc, "next_due", None),
    )


def waiting_error(wait: Wait, stream: str) -> RunError:
    """Return the error of a stream that is not listed because it failed before."""
    return RunError(
        error_class=wait.error_class,
        message=wait.reason or "it could not be listed",
        stream=stream,
        next_due=wait.until,
    )


def down_errors(down: Mapping[str, str], fed: Iterable[str]) -> list[RunError]:
    """Return an error for each sink of *fed* that is down: what it lacks is not known."""
    return [
        RunError(
            error_class=ErrorClass.TRANSIENT,
            message=f"sink {sink} cannot be asked what it holds: {down[sink]}",
        )
        for sink in sorted(set(fed) & set(down))
    ]
