"""The task of one plugin's service (ServiceTask), and the lock around changes (ChangeLock)."""

import contextvars
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from math import inf

import trio

from gaffer_kernel.errors import Closing, describe_exception

log = logging.getLogger(__name__)

ABANDON_AFTER = 1.0
"""Seconds for a cancelled service to end before it is abandoned."""


class ServiceTask:
    """The task that enters, holds and leaves one service, under deadlines.

    Attributes:
        is_open: whether the service was entered; stays true afterwards.
        opened_at: when it was entered, on the clock of trio.
        stop_requested: whether `close` was called.
        timed_out: whether it was cancelled because a deadline passed.
        error: the exception that it raised; None if it ended without one.
    """

    def __init__(self, manager: AbstractAsyncContextManager[object]) -> None:
        self.is_open = False
        self.opened_at = 0.0
        self.stop_requested = False
        self.timed_out = False
        self.error: BaseException | None = None
        self._manager = manager
        self._scope = trio.CancelScope()
        self._leave = trio.Event()
        self._open_or_ended = trio.Event()
        self._ended = trio.Event()

    def start(self, name: str, function: Callable[[], Awaitable[None]]) -> None:
        """Run a function, which awaits `run()` and then calls `finish()`, in a system task.

        A cancellation of the block around the plugins must not reach a service before it is its
        turn to close, and a nursery would never be left while a service in it shields itself.
        """
        trio.lowlevel.spawn_system_task(function, name=name, context=contextvars.copy_context())

    async def run(self, opened: Callable[[object], None], seconds: float) -> None:
        """Enter the service, pass its value to `opened`, hold it until `close`, leave it.

        Args:
            opened: called as soon as the service is entered; must not block.
            seconds: how long entering may take.

        Does not raise what the plugin raises: that is in `error`.
        """
        self._scope.deadline = trio.current_time() + seconds
        try:
            with self._scope:
                await self._hold(opened)
        except trio.Cancelled:
            raise
        except BaseException as exc:
            if isinstance(exc, GeneratorExit) and not trio.lowlevel.in_trio_run():
                raise  # The garbage collector closes this coroutine after the end of trio.
            self.error = exc
        self.timed_out = self._scope.cancelled_caught

    async def _hold(self, opened: Callable[[object], None]) -> None:
        async with self._manager as service:
            if self._scope.cancel_called:
                await trio.lowlevel.checkpoint()  # entered after its deadline: leaves at once
            self._scope.deadline = inf
            self.is_open = True
            self.opened_at = trio.current_time()
            opened(service)
            self._open_or_ended.set()
            await self._leave.wait()

    def finish(self) -> None:
        """Wake the tasks that wait: the service has ended and its end is recorded."""
        self._open_or_ended.set()
        self._ended.set()

    async def wait_open(self, seconds: float, close_timeout: float) -> bool:
        """Wait until the service is open or has ended; return False if neither happens in time.

        If cancelled, ends the service first; one that has just opened gets `close_timeout` seconds.
        """
        try:
            with trio.move_on_after(seconds + ABANDON_AFTER):
                await self._open_or_ended.wait()
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await self.close(close_timeout)
            raise
        return self._open_or_ended.is_set()

    async def close(self, seconds: float) -> bool:
        """Ask the service to end and wait for it; return False if it has to be abandoned.

        Args:
            seconds: how long an open one may take before it is cancelled. One that is not open yet
                is cancelled at once.

        If cancelled, the service still ends, by the same deadline.
        """
        if not self.stop_requested:
            self.stop_requested = True
            self._leave.set()
            self._scope.deadline = trio.current_time() + (seconds if self.is_open else 0)
        with trio.move_on_after(seconds + ABANDON_AFTER):
            await self._ended.wait()
        return self._ended.is_set()


class ChangeLock:
    """Allows one change of the plugins at a time.

    Attributes:
        lock: hold it during a change that can be cancelled.
    """

    def __init__(self) -> None:
        self.lock = trio.Lock()

    async def run(self, change: Callable[[], Awaitable[None]]) -> None:
        """Await a change while holding the lock, to its end even if cancelled.

        It runs in a system task, because the caller may be a task of a plugin that it closes.

        Raises what the change raises; if cancelled before, that is logged, unless it is Closing.
        """
        ended = trio.Event()
        errors: list[BaseException] = []
        awaited = True

        async def run() -> None:
            try:
                async with self.lock:
                    await change()
            except trio.Cancelled:
                raise
            except BaseException as exc:  # noqa: BLE001  raised again in the task of the caller
                errors.append(exc)
                if not awaited and not isinstance(exc, Closing):
                    log.error("%s", describe_exception(exc))
            finally:
                ended.set()

        context = contextvars.copy_context()
        trio.lowlevel.spawn_system_task(run, name="a change of plugins", context=context)
        try:
            await ended.wait()
        except trio.Cancelled:
            awaited = False
            raise
        for error in errors:
            raise error
