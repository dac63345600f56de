"""The console: lifecycle lines and output of the processes of a kernel, on standard output."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import ClassVar, TextIO

import trio
from gaffer_kernel import Event, Kernel, NotFound, Process, hookimpl
from gaffer_kernel.plugin import describe_exit

from gaffer_console.color import wants_color
from gaffer_console.follower import Follower
from gaffer_console.printer import Printer, say_it_is_gone


class ConsoleOutput:
    """A plugin that prints what becomes of the processes of one kernel, and what they write.

    Lines are written as `HH:MM:SS name | text`, in the order of the events. Printing never holds up
    the kernel: a terminal that is too slow loses the oldest lines, and is told how many, unless
    `lossless` says else.

    Each kernel needs one of its own.

    Args:
        colorize: give each job a colour, when standard output is a terminal (or FORCE_COLOR is set)
            and NO_COLOR is not.
        output_streams: print what the processes write, too: the streams in `redirect_output`.
        actions: names of the events that make a line; DEFAULT_ACTIONS when not given.
        numbers: call each process `web.1`, `web.2`: its job, without the session, and which one it
            is. Otherwise all carry the name of their job.
        width: characters to which names are filled up, so that lines begin in one column.
        lossless: have processes wait when standard output is slow, as they would without us, in
            place of losing lines; not those that have been told to end.
        on_gone: called with the error when standard output takes nothing more; by default that is
            logged.
    """

    name = "console"
    # Signals are received until the last line is printed: a late one would end the program.
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
        on_gone: Callable[[Exception], object] = say_it_is_gone,
    ) -> None:
        self.colorize = colorize
        self.output_streams = output_streams
        self.actions = frozenset(self.DEFAULT_ACTIONS if actions is None else actions)
        self.numbers = numbers
        self.width = width
        self.lossless = lossless
        self.on_gone = on_gone
        self._open: _Console | None = None

    def say(self, text: str) -> None:
        """Print a line that is not of a job. Never blocks; does nothing while it is not open."""
        if self._open is not None:
            self._open.say(text)

    async def wait_printed(self) -> None:
        """Wait until all lines so far have been printed, or it is closed, or nothing more can be.

        With a terminal that takes nothing that is never. Cancelling it loses nothing.
        """
        await trio.lowlevel.checkpoint()
        if self._open is not None:
            await self._open.wait_printed()

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[None] | None:
        """Print for the plugin's whole life."""
        # There is none in a program that was started without, and it can be closed by hand.
        stream: TextIO | None = sys.stdout
        return None if stream is None or stream.closed else self._printing(kernel, stream)

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Print it, if it is one of the actions."""
        if self._open is not None:
            self._open.tell(event)

    @asynccontextmanager
    async def _printing(self, kernel: Kernel, stream: TextIO) -> AsyncIterator[None]:
        printer = Printer(
            stream,
            colors=self.colorize and wants_color(stream),
            width=self.width,
            lossless=self.lossless,
            on_gone=self.on_gone,
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
    """The console of gafferd: prints events with `-v`, output too with `-vv`, nothing without.

    Also says why a process could not be started, or is not started for the time being.
    """

    def __init__(self) -> None:
        super().__init__(actions=[*self.DEFAULT_ACTIONS, "spawn_error", "flap"])

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[None] | None:
        """Print for the plugin's whole life, if that was asked for."""
        verbose = kernel.config.options.get("verbose")
        if not isinstance(verbose, int) or verbose < 1:
            return None
        self.output_streams = verbose > 1
        return super().gaffer_service(kernel)


class _Console:
    """What an open ConsoleOutput works with."""

    def __init__(
        self, kernel: Kernel, printer: Printer, nursery: trio.Nursery, settings: ConsoleOutput
    ) -> None:
        self._kernel = kernel
        self._printer = printer
        self._nursery = nursery
        self._settings = settings
        self._followers: dict[int, Follower] = {}
        self._numbers: dict[int, int] = {}

    def say(self, text: str) -> None:
        self._printer.put("", f"{text}\n".encode())

    async def wait_printed(self) -> None:
        await self._printer.wait_idle()

    def tell(self, event: Event) -> None:
        pid = event.data.get("pid")
        if event.event == "exit" and pid in self._followers:
            # The last words come before the end.
            self._followers.pop(pid).finish()
        process = self._begun(event)
        if process is not None and self._settings.numbers:
            self._numbers[process.pid] = process.number
        if event.event in self._settings.actions:
            name = event.job if self._settings.numbers and event.job else event.name
            number = self._numbers.get(pid, 0) if pid is not None else 0
            self._printer.put(name, f"{_text(event)}\n".encode(), event.time, number=number)
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

    def _begun(self, event: Event) -> Process | None:
        """The process that an event says has been started."""
        if event.event != "spawn" or "pid" not in event.data:
            return None
        try:
            return self._kernel.manager.process(event.data["pid"])
        except NotFound:
            # Another plugin ended it on hearing of it.
            return None

    def _follow(self, process: Process) -> None:
        if self._settings.output_streams and process.config.redirect_output:
            name = process.job.name if self._settings.numbers else str(process.job)
            number = process.number if self._settings.numbers else 0
            put = partial(self._printer.put, name, number=number)
            printer = self._printer if self._settings.lossless else None
            follower = self._followers[process.pid] = Follower(process, put, printer)
            self._nursery.start_soon(follower.run, name=f"console of {process.job}")


def _text(event: Event) -> str:
    os_pid = event.data.get("os_pid")
    what = f"process with pid {os_pid}" if os_pid else event.name
    why = _reason(event)
    return f"{event.event} {what}: {why}" if why else f"{event.event} {what}"


def _reason(event: Event) -> str:
    if event.event == "exit":
        data = event.data
        return describe_exit(data["exit_code"], data["term_signal"], data["uptime"])
    if event.event == "flap":
        rest: float | None = event.data["retry_in"]
        return "given up" if rest is None else f"starts again in {rest:g} s"
    return str(event.data.get("reason", ""))
