"""A bounded number of threads for SDKs that know no event loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Threads:
    """
    Runs sync functions in at most *limit* threads; more wait in line.

    A caller that goes away while waiting takes its function along. Once that runs, it runs to its
    end, as a thread cannot be stopped, and keeps its place: a hanging SDK makes no more threads.

    Args:
        limit: how many functions may run at once; at least 1.
    """

    def __init__(self, limit: int) -> None:
        # anyio's worker threads would give the place of an abandoned function to the next one.
        self._executor = ThreadPoolExecutor(limit, thread_name_prefix="ogfd-call")

    async def run(self, func: Callable[[], Any]) -> Any:
        """
        Run *func* in a thread, with the caller's context variables; may be cancelled.

        Raises:
            RuntimeError: if *func* raises StopIteration, as in a coroutine.
        """
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, context.run, _run, func)

    def close(self) -> None:
        """Take no more functions; those that run are not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _run(func: Callable[[], Any]) -> Any:
    try:
        return func()
    except StopIteration as exc:
        # Before Python 3.12 no future takes one, and who awaits it would wait for ever.
        raise RuntimeError("a function of an SDK raised StopIteration") from exc
