"""One change of the plugins at a time, and each to its end."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Awaitable, Callable

import trio

from gaffer_kernel.errors import Closing, describe_exception

log = logging.getLogger(__name__)


class Turn:
    """What one task at a time has.

    Attributes:
        taken: `async with` it, for what may be cancelled.
    """

    def __init__(self) -> None:
        self.taken = trio.Lock()

    async def alone(self, change: Callable[[], Awaitable[None]]) -> None:
        """Await a change in its turn and to its end, even if cancelled.

        In a task of the system: who asks for it may be a task of a plugin that it closes.

        Raises what the change raises; if cancelled meanwhile, that is logged, unless it is Closing.
        """
        ended = trio.Event()
        errors: list[Exception] = []
        awaited = True

        async def run() -> None:
            try:
                async with self.taken:
                    await change()
            except Exception as exc:  # noqa: BLE001  it is raised where it was asked for
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
