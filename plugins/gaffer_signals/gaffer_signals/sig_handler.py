"""SigHandler: receives signals, and stops or reloads the kernel."""

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
    """A plugin that receives signals; a subclass handles them.

    Python delivers signals to the main thread: a kernel that runs in another thread cannot have
    this plugin.

    Attributes:
        QUIT_SIGNALS: SIGQUIT, SIGTERM and SIGINT, passed to `handle_quit`. SIGHUP is passed to
            `handle_reload`.
    """

    name = "signals"
    QUIT_SIGNALS: ClassVar[tuple[int, ...]] = (3, 15, 2)

    def handle_quit(self, kernel: Kernel, signum: int) -> None:
        """Handle a quit signal. Must not block.

        Args:
            kernel: the kernel of this plugin.
            signum: one of QUIT_SIGNALS; equal signals in quick succession may be merged into one.
        """
        raise NotImplementedError

    async def handle_reload(self, kernel: Kernel, signum: int) -> None:
        """Handle SIGHUP. Never runs twice at once: signals during a call lead to one more call.

        Cancelled when the plugin is closed.

        Args:
            kernel: the kernel of this plugin.
            signum: the number of SIGHUP.
        """
        raise NotImplementedError

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[None]:
        """Receive signals while the plugin is open."""
        return self.receiving(kernel)

    @asynccontextmanager
    async def receiving(self, kernel: Kernel) -> AsyncIterator[None]:
        """Receive signals during the block; restore the previous handlers after it.

        Raises:
            GafferError: this is not the main thread.
        """
        if threading.current_thread() is not threading.main_thread():
            raise GafferError(
                "signals reach the main thread only, and this kernel runs in another: "
                "leave the plugin out, and call kernel.stop() and kernel.reload() yourself"
            )
        # Capacity 1: any number of SIGHUPs during a reload leads to one more reload.
        send, receive = trio.open_memory_channel[int](1)
        with trio.open_signal_receiver(*self.QUIT_SIGNALS, RELOAD_SIGNAL) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._reload, kernel, receive)
                nursery.start_soon(self._receive, kernel, signals, send)
                yield
                nursery.cancel_scope.cancel()

    async def _receive(
        self, kernel: Kernel, signals: AsyncIterator[int], send: trio.MemorySendChannel[int]
    ) -> None:
        async for signum in signals:
            if signum in self.QUIT_SIGNALS:
                self._quit(kernel, signum)
            else:
                try:
                    send.send_nowait(signum)
                except trio.WouldBlock:
                    log.debug("SIGHUP: a reload is pending already")

    # A handler that fails must not end the receiver: with the default handlers back, the next
    # SIGTERM would end the program without stopping its processes.

    def _quit(self, kernel: Kernel, signum: int) -> None:
        try:
            self.handle_quit(kernel, signum)
        except Exception:
            log.exception("%s: handle_quit failed", signal.Signals(signum).name)

    async def _reload(self, kernel: Kernel, receive: trio.MemoryReceiveChannel[int]) -> None:
        async for signum in receive:
            try:
                await self.handle_reload(kernel, signum)
            except Closing as closing:
                log.info("%s: not reloaded, %s", signal.Signals(signum).name, closing)
            except GafferError as error:
                log.error("reload failed, the current configuration is kept: %s", error)
            except Exception:
                log.exception("%s: handle_reload failed", signal.Signals(signum).name)


class SigHandler(BaseSigHandler):
    """Stops the kernel on a quit signal, reloads its configuration on SIGHUP."""

    def __init__(self) -> None:
        self._quit_received = False

    def handle_quit(self, kernel: Kernel, signum: int) -> None:
        """Stop every process at the first signal; kill those that are left at a second."""
        again, self._quit_received = self._quit_received, True
        name = signal.Signals(signum).name
        log.info("%s: %s", name, "killing what is left" if again else "stopping")
        kernel.stop(kill=again)

    async def handle_reload(self, kernel: Kernel, signum: int) -> None:
        """Reload the configuration; an error is logged and changes nothing."""
        await kernel.reload()
        log.info("%s: reloaded", signal.Signals(signum).name)
