"""The console: events and output of the processes of a kernel, on standard output."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import ClassVar, TextIO

import trio
from gaffer_kernel import Event, Kernel, NotFound, Process, hookimpl

from gaffer_console.color import wants_color
from gaffer_console.description import describe_event
from gaffer_console.follower import Follower
from gaffer_console.printer import Printer, log_broken_output, log_lost


class ConsoleOutput:
    """A plugin that prints the events and the output of the processes of one kernel.

    Lines have the form `HH:MM:SS name | text`, in the order of the events. Printing never blocks
    the kernel: for a terminal that is too slow the oldest lines are dropped and counted, unless
    `lossless` is set.

    Each kernel needs a console of its own.

    Args:
        colorize: give each job a colour, if standard output is a terminal (or FORCE_COLOR is set)
            and NO_COLOR is not set.
        output_streams: also print the output of processes: the streams in `redirect_output`.
        actions: names of the events that are printed; DEFAULT_ACTIONS if not given.
        numbers: name each process `web.1`, `web.2`: its job, without the session, and its slot.
            Otherwise all processes have the name of their job.
        width: pad names to so many characters, so that lines start in one column.
        lossless: never drop lines; processes block on write when standard output is slow, as they
            would without gaffer, except those that are being stopped.
        on_broken: called with the error when standard output accepts no more data; by default the
            error is logged.
        on_lost: called in a thread with a line of text when lines begin to be lost on a full disk,
            and with one that has their number when it can be written again; by default it is
            logged.
    """

    name = "console"
    # Closed before `signals`: a signal while the last lines are printed must not kill the program.
    gaffer_after = ("signals",)
    DEFAULT_ACTIONS: ClassVar[list[str]] = ["start", "stop", "spawn", "reap", "exit", "stop_pid"]

    def __init__(
        self,
        colorize: bool = True,
        output_streams: bool = True,
        actions: Iterable[str] | None = None,
        *,
        numbers: bool = False,
        width: int = 0,
        lossless: bool = False,
        on_broken: Callable[[Exception], object] = log_broken_output,
        on_lost: Callable[[str], object] = log_lost,
    ) -> None:
        self.colorize = colorize
        self.output_streams = output_streams
        self.actions = frozenset(self.DEFAULT_ACTIONS if actions is None else actions)
        self.numbers = numbers
        self.width = width
        self.lossless = lossless
        self.on_broken = on_broken
        self.on_lost = on_lost
        self._open: _Console | None = None

    def print_line(self, text: str) -> None:
        """Print a line that is not of a job. Never blocks; does nothing if the plugin is closed."""
        if self._open is not None:
            self._open.print_line(text)

    async def wait_printed(self) -> None:
        """Wait until all lines so far are printed, or the plugin closes, or standard output breaks.

        On a stalled terminal it waits forever. Cancelling loses nothing.
        """
        await trio.lowlevel.checkpoint()
        if self._open is not None:
            await self._open.wait_printed()

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[None] | None:
        """Print while the plugin is open."""
        # Python sets sys.stdout to None if descriptor 1 was closed; a program can close it later.
        stream: TextIO | None = sys.stdout
        return None if stream is None or stream.closed else self._printing(kernel, stream)

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Print an event, if it is one of the actions."""
        if self._open is not None:
            self._open.print_event(event)

    @asynccontextmanager
    async def _printing(self, kernel: Kernel, stream: TextIO) -> AsyncIterator[None]:
        printer = Printer(
            stream,
            colors=self.colorize and wants_color(stream),
            width=self.width,
            lossless=self.lossless,
            on_broken=self.on_broken,
            on_lost=self.on_lost,
        )
        async with printer.running(), trio.open_nursery() as nursery:
            console = _Console(kernel, printer, nursery, self)
            console.follow_all()
            self._open = console
            try:
                yield
            finally:
                self._open = None
                nursery.cancel_scope.cancel()
                console.finish()


class VerboseConsole(ConsoleOutput):
    """The console of gafferd: prints events with `-v`, also output with `-vv`, nothing by default.

    Also prints why a process could not be started, when a flapping job starts again, and that a job
    has completed or failed, or that a restart has failed.
    """

    def __init__(self) -> None:
        more = ("spawn_error", "flap", "completed", "failed", "restart_failed")
        super().__init__(actions=[*self.DEFAULT_ACTIONS, *more])

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[None] | None:
        """Print while the plugin is open, if gafferd was started with `-v`."""
        verbose = kernel.config.options.get("verbose")
        if not isinstance(verbose, int) or verbose < 1:
            return None
        self.output_streams = verbose > 1
        return super().gaffer_service(kernel)


class _Console:
    """The state of an open ConsoleOutput."""

    def __init__(
        self, kernel: Kernel, printer: Printer, nursery: trio.Nursery, settings: ConsoleOutput
    ) -> None:
        self._kernel = kernel
        self._printer = printer
        self._nursery = nursery
        self._settings = settings
        self._followers: dict[int, Follower] = {}
        self._numbers: dict[int, int] = {}

    def print_line(self, text: str) -> None:
        self._printer.put("", f"{text}\n".encode())

    async def wait_printed(self) -> None:
        await self._printer.wait_idle()

    def print_event(self, event: Event) -> None:
        pid = event.data.get("pid")
        if event.event == "exit" and pid in self._followers:
            # The rest of the output precedes the exit.
            self._followers.pop(pid).finish()
        process = self._get_spawned(event)
        if process is not None and self._settings.numbers:
            self._numbers[process.pid] = process.number
        if event.event in self._settings.actions:
            name = event.job if self._settings.numbers and event.job else event.name
            number = self._numbers.get(pid, 0) if pid is not None else 0
            text = describe_event(event.event, event.name, event.data)
            self._printer.put(name, f"{text}\n".encode(), event.time, number=number)
        if process is not None:
            self._follow(process)
        if event.event == "exit" and pid is not None:
            self._numbers.pop(pid, None)

    def follow_all(self) -> None:
        for process in self._kernel.manager.walk():
            self._numbers[process.pid] = process.number if self._settings.numbers else 0
            self._follow(process)

    def finish(self) -> None:
        for follower in self._followers.values():
            follower.finish()

    def _get_spawned(self, event: Event) -> Process | None:
        """Return the process of a spawn event; None for other events."""
        if event.event != "spawn" or "pid" not in event.data:
            return None
        try:
            return self._kernel.manager.process(event.data["pid"])
        except NotFound:
            # Another plugin stopped the process when it received the event.
            return None

    def _follow(self, process: Process) -> None:
        if self._settings.output_streams and process.config.redirect_output:
            name = process.job.name if self._settings.numbers else str(process.job)
            number = process.number if self._settings.numbers else 0
            put = partial(self._printer.put, name, number=number)
            printer = self._printer if self._settings.lossless else None
            follower = self._followers[process.pid] = Follower(process, put, printer)
            self._nursery.start_soon(follower.run, name=f"console of {process.job}")
