"""A daemon whose clock and alarm a test moves, for what waits until a time."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import anyio

from ogfd.control.failing import failing
from ogfd.daemon import open_app
from ogfd.plugin import ErrorClass, Parked
from ogfd.registry import Bound
from ogfd.runs import Dispatcher, RunRequest, Trigger, scheduled

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LISTED, SEPTEMBER, OCTOBER = "listed", "read 2026-09", "read 2026-10"


class Site:
    """A daemon whose clock and alarm a test moves."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.time = NOW
        self.due = None
        self.fire = None
        self.set = 0  # how often the dispatcher set the alarm or took it back
        self.asked = 0
        self._stack = None

    def now(self):
        return self.time

    def at(self, connector, due, fire):
        self.due, self.fire = due, fire
        self.set += 1

    def off(self, connector):
        self.due = self.fire = None
        self.set += 1

    async def start(self):
        self._stack = AsyncExitStack()
        self.app = await self._stack.enter_async_context(open_app(self.bound))
        self.runner = self.app.runner
        self.dispatcher = Dispatcher(self.runner, self)
        self.set, self.asked = 0, 0
        tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(tasks.cancel_scope.cancel)
        tasks.start_soon(self.dispatcher.serve)
        await self.settle()

    async def stop(self):
        await self._stack.aclose()

    async def restart(self):
        """Start anew with nothing but what is on disk."""
        await self.stop()
        await self.start()

    async def settle(self):
        """Wait until the alarm was set, or taken back, after the start and after each run."""
        with anyio.fail_after(30):
            while self.set <= self.asked:
                await anyio.sleep(0.001)

    async def ask(self, trigger=Trigger.CLI, **options):
        request = RunRequest(connector="d", trigger=trigger, **options)
        self.asked += 1
        result = await self.runner.run(request, lambda event: None)
        await self.settle()
        return result

    async def schedule(self):
        """Run as the schedule has it run; the dispatcher hears of it."""
        self.asked += 1
        self.dispatcher.submit(scheduled("d", frozenset({"cost"})))
        await self.settle()

    async def until(self, time):
        """Let time go by; the alarm goes off when it is due."""
        while self.due is not None and self.due <= time:
            self.time, fire = max(self.time, self.due), self.fire
            self.due = self.fire = None
            self.asked += 1
            fire()
            await self.settle()
        self.time = time

    async def failing(self):
        return await failing(self.runner.state, self.runner.blueprints)


def parked(due, error_class=ErrorClass.TRANSIENT):
    return Parked("the provider wants a long wait", next_due=due, error_class=error_class)
