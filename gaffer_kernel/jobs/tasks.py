"""The tasks of a manager: shielded from cancellation, and started again when they fail."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from gaffer_kernel.errors import describe_exception

log = logging.getLogger(__name__)

MAX_FAILURES = 10
"""How often a task may fail before it is given up."""
RETRY_INTERVAL = 0.05
"""Seconds from a failure of a task to its next start."""


class ShieldedTasks:
    """Tasks that survive a cancelled nursery, because they are needed until all is stopped.

    A task that fails cancels the nursery, so that what it supervises is stopped. It is started
    again for that, up to MAX_FAILURES times.

    Args:
        nursery: in which the tasks run.
        on_give_up: called when a task has failed too often.

    Attributes:
        failure: the first exception that a task has raised.
        gave_up: whether a task has failed too often.
    """

    def __init__(self, nursery: trio.Nursery, on_give_up: Callable[[], None]) -> None:
        self.failure: BaseException | None = None
        self.gave_up = False
        self._nursery = nursery
        self._on_give_up = on_give_up
        self._scopes: set[trio.CancelScope] = set()

    def start(self, function: Callable[[], Awaitable[None]], name: str) -> None:
        """Run a function in a task of this name until it returns, or until `cancel`."""
        # Created here, not in the task: it may have to be cancelled before the task runs at all.
        scope = trio.CancelScope(shield=True)
        self._scopes.add(scope)
        self._nursery.start_soon(self._run, scope, function, name=name)

    def cancel(self) -> None:
        """Cancel every task."""
        for scope in list(self._scopes):
            scope.cancel()

    # A KeyboardInterrupt must be raised in the program around us, never in one of these tasks:
    # without them nothing can be stopped.
    @trio.lowlevel.enable_ki_protection
    async def _run(self, scope: trio.CancelScope, function: Callable[[], Awaitable[None]]) -> None:
        try:
            with scope:
                for _ in range(MAX_FAILURES):
                    try:
                        await function()
                        return
                    except trio.Cancelled:
                        raise
                    except BaseException as error:
                        if scope.cancel_called or not trio.lowlevel.in_trio_run():
                            raise
                        self._fail(error)
                    await trio.sleep(RETRY_INTERVAL)
                self.gave_up = True
                self._on_give_up()
        finally:
            self._scopes.discard(scope)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
            log.critical("internal error: stopping every job: %s", describe_exception(error))
        self._nursery.cancel_scope.cancel()
