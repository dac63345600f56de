"""Signals of the operating system, turned into verbs of the kernel."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

import trio
from gaffer_kernel import Closing, GafferError, Kernel, hookimpl

log = logging.getLogger(__name__)

RELOAD_SIGNAL = signal.SIGHUP


class BaseSigHandler:
    """A plugin that receives signals; a subclass says what they mean.

    Only the main thread of a program receives signals: a kernel that runs in another thread cannot
    have this plugin.

    Attributes:
        QUIT_SIGNALS: QUIT, TERM and INT, handed to `handle_quit`. HUP is handed to `handle_reload`.
    """

    name = "signals"
    QUIT_SIGNALS: ClassVar[tuple[int, ...]] = (3, 15, 2)

    def handle_quit(self, kernel: Kernel, signum: int) -> None:
        """A quit signal came. Must not block.

        Args:
            kernel: the one this plugin belongs to.
            signum: which of QUIT_SIGNALS; of several equal ones in a moment only one may be told.
        """
        raise NotImplementedError

    async def handle_reload(self, kernel: Kernel, signum: int) -> None:
        """HUP came. Never runs twice at once: all that come meanwhile make one more call after it.

        Cancelled when the plugin is closed.

        Args:
            kernel: the one this plugin belongs to.
            signum: the number of HUP.
        """
        raise NotImplementedError

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[None]:
        """Receive signals for the plugin's whole life."""
        return self.receiving(kernel)

    @asynccontextmanager
    async def receiving(self, kernel: Kernel) -> AsyncIterator[None]:
        """Receive signals while inside; afterwards they do again what they did before.

        Raises:
            GafferError: this is not the main thread.
        """
        if threading.current_thread() is not threading.main_thread():
            raise GafferError(
                "signals reach the main thread only, and this kernel runs in another: "
                "leave the plugin out, and call kernel.stop() and kernel.reload() yourself"
            )
        # One place: however many HUPs come during a reload, they are one reload more.
        ask, asked = trio.open_memory_channel[int](1)
        with trio.open_signal_receiver(*self.QUIT_SIGNALS, RELOAD_SIGNAL) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._reload, kernel, asked)
                nursery.start_soon(self._receive, kernel, signals, ask)
                yield
                nursery.cancel_scope.cancel()

    async def _receive(
        self, kernel: Kernel, signals: AsyncIterator[int], ask: trio.MemorySendChannel[int]
    ) -> None:
        async for signum in signals:
            if signum in self.QUIT_SIGNALS:
                self._quit(kernel, signum)
            else:
                try:
                    ask.send_nowait(signum)
                except trio.WouldBlock:
                    log.debug("HUP: a reload is waiting already")

    # A handler that fails must not take the receiver with it: the next TERM would end the program
    # without stopping its processes.

    def _quit(self, kernel: Kernel, signum: int) -> None:
        try:
            self.handle_quit(kernel, signum)
        except Exception:
            log.exception("%s: handle_quit failed", signal.Signals(signum).name)

    async def _reload(self, kernel: Kernel, asked: trio.MemoryReceiveChannel[int]) -> None:
        async for signum in asked:
            try:
                await self.handle_reload(kernel, signum)
            except Closing as closing:
                log.info("%s: not reloaded, %s", signal.Signals(signum).name, closing)
            except GafferError as error:
                log.error("reload failed, what runs is kept: %s", error)
            except Exception:
                log.exception("%s: handle_reload failed", signal.Signals(signum).name)


class SigHandler(BaseSigHandler):
    """A quit signal stops the kernel, HUP has it read its configuration again."""

    def __init__(self) -> None:
        self._told_to_quit = False

    def handle_quit(self, kernel: Kernel, signum: int) -> None:
        """The first asks every process to end; a second one kills those that are left."""
        again, self._told_to_quit = self._told_to_quit, True
        name = signal.Signals(signum).name
        log.info("%s: %s", name, "killing what is left" if again else "stopping")
        kernel.stop(kill=again)

    async def handle_reload(self, kernel: Kernel, signum: int) -> None:
        """Apply what changed in the configuration; a wrong one is a line in the log, no more."""
        await kernel.reload()
        log.info("%s: reloaded", signal.Signals(signum).name)
