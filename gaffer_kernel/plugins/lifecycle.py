"""The life of one plugin's service: entered, held and left in one task, under deadlines."""

import contextvars
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from math import inf

import trio

ABANDON_AFTER = 1.0
"""Seconds a service has to end once it is cancelled, before nobody waits for it any more."""


class Life:
    """One service from its opening to the end of its closing.

    Attributes:
        is_open: whether it was entered; stays true afterwards.
        asked: whether somebody wanted it to end.
        overran: whether it had to be cancelled because a deadline passed.
        error: what it raised; None for a quiet end.
    """

    def __init__(self, manager: AbstractAsyncContextManager[object]) -> None:
        self.is_open = False
        self.asked = False
        self.overran = False
        self.error: BaseException | None = None
        self._manager = manager
        self._scope = trio.CancelScope()
        self._leave = trio.Event()
        self._settled = trio.Event()  # open, or ended before it was
        self._ended = trio.Event()

    def begin(self, name: str, live: Callable[[], Awaitable[None]]) -> None:
        """Run `live`, which awaits `run()`, in a task of its own.

        A system task: cancelling the block around the plugins must not reach a service before its
        turn, and nothing would ever leave a nursery that holds a service which shields itself.
        """
        trio.lowlevel.spawn_system_task(live, name=name, context=contextvars.copy_context())

    async def run(self, opened: Callable[[object], None], seconds: float) -> None:
        """Enter the service, tell `opened` what it yields, hold it until asked, leave it.

        Args:
            opened: must not block; called the moment the service is entered.
            seconds: how long entering may take.

        Raises nothing of the plugin's: what goes wrong is in `error`.
        """
        self._scope.deadline = trio.current_time() + seconds
        try:
            with self._scope:
                await self._hold(opened)
        # All but Cancelled and GeneratorExit, which are not the plugin's.
        except (Exception, SystemExit, KeyboardInterrupt, BaseExceptionGroup) as exc:  # noqa: BLE001
            self.error = exc
        self.overran = self._scope.cancelled_caught

    async def _hold(self, opened: Callable[[object], None]) -> None:
        async with self._manager as service:
            if self._scope.cancel_called:
                await trio.lowlevel.checkpoint()  # it was entered, but too late: straight out again
            self._scope.deadline = inf
            self.is_open = True
            opened(service)
            self._settled.set()
            await self._leave.wait()

    def ended(self) -> None:
        """Tell those who wait that the service is gone and its end is accounted for."""
        self._settled.set()
        self._ended.set()

    async def wait_open(self, seconds: float, to_close: float) -> bool:
        """Wait until the service is open or has ended; return False when it does neither in time.

        If cancelled, ends the service first; one that has just opened may take `to_close` seconds.
        """
        try:
            with trio.move_on_after(seconds + ABANDON_AFTER):
                await self._settled.wait()
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await self.close(to_close)
            raise
        return self._settled.is_set()

    async def close(self, seconds: float) -> bool:
        """Ask the service to end and wait for it; return False when it has to be abandoned.

        Args:
            seconds: how long an open one may take before it is cancelled. One that is not open yet
                is cancelled at once.

        If cancelled, the service still ends, by the same deadline.
        """
        if not self.asked:
            self.asked = True
            self._leave.set()
            self._scope.deadline = trio.current_time() + (seconds if self.is_open else 0)
        with trio.move_on_after(seconds + ABANDON_AFTER):
            await self._ended.wait()
        return self._ended.is_set()
