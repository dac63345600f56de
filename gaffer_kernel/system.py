"""The port to the operating system: all that the kernel asks of it, and nothing else.

`gaffer_kernel.linux` is the real one, `gaffer_kernel.testing.FakeSystem` the fake one. The kernel
reads no clock, sends no signal and draws no random number but through this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gaffer_kernel.processes.terminal_size import TerminalSize


class User(NamedTuple):
    """Whom a process runs as, looked up once before each spawn."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    environ: Mapping[str, str]
    """HOME, USER, LOGNAME and SHELL; empty when the number has no entry."""
    is_other: bool = False
    """Whether the process runs with another user id than gafferd."""


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """How to start one process.

    `outputs` are the labels of stdout and stderr, in that order; the same label twice shares one
    pipe. With a `window` each of these pipes is a pseudo-terminal of that size instead, which is
    nobody's controlling terminal. `streams` are two-way streams, handed to the child from
    descriptor 3 on, and `channels` open descriptors that follow them. `title` names the process in
    messages, and `program` is its first word as it was configured: messages must not show what a
    variable in it was replaced by.
    """

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: str | None = None
    user: User | None = None
    outputs: Sequence[str] = ()
    terminal_size: TerminalSize | None = None
    redirect_input: bool = False
    streams: Sequence[str] = ()
    channels: Sequence[Any] = field(default=())
    detach: bool = False
    title: str = "a process"
    program: str | None = None


class ExitStatus(NamedTuple):
    """How a process ended: `exit_code` 0 when a signal did it, `term_signal` 0 when it exited."""

    exit_code: int
    term_signal: int
    cpu_seconds: float = 0.0


class ChildListener(Protocol):
    """Who is told what a child does; every method is called from the system's own task."""

    def output(self, label: str, data: bytes | memoryview) -> None:
        """Bytes were read from a pipe or a two-way stream; to be copied before this returns."""

    def exited(self, end: ExitStatus) -> None:
        """The child is gone and reaped, and all it wrote has been handed over before."""


class Child(Protocol):
    """A started process, until its `exited`."""

    @property
    def os_pid(self) -> int:
        """The system's number of it."""

    def signal(self, signum: int) -> None:
        """Send a signal to the child's whole group. Does nothing once it is gone."""

    def stop(self, signum: int) -> None:
        """Send the signal that is meant to end it, also to what has left the group.

        From now on `exited` waits until everything the child started is gone too. Without a call of
        this, what a child leaves behind is killed when it exits.
        """

    def hold_output(self, held: bool) -> None:
        """Leave its outputs unread, so that it waits once its pipes are full; or read on.

        While they are held it does not end before the rest has been read. `stop` lets them go.
        """

    async def write(self, label: str, data: bytes) -> None:
        """Hand bytes to `stdin` or a two-way stream; returns when the pipe has taken them all.

        Writers wait for each other, so each write stays in one piece. On cancel a part may have
        been written. Raises BrokenPipeError when nobody reads any more.
        """

    def close_input(self, label: str) -> None:
        """Close `stdin` or a two-way stream: the child reads its end."""

    def status(self) -> str:
        """What the system says it is doing: `running`, `sleeping`, `zombie` and so on."""


class System(Protocol):
    """Processes, clocks and chance."""

    def now(self) -> float:
        """The monotonic clock, in seconds."""

    def wall(self) -> float:
        """The wall clock, in seconds since the epoch: to be shown, never to decide."""

    def random(self) -> float:
        """A number from 0 to 1."""

    def environ(self) -> Mapping[str, str]:
        """The kernel's own environment."""

    def user(self, uid: int | str | None, gid: int | str | None) -> User | None:
        """Look up whom to run as; None when neither is given. Raises SpawnError."""

    def spawn(self, request: SpawnRequest, listener: ChildListener) -> Child:
        """Start a process in its own session. Raises SpawnError and leaves nothing behind."""

    async def run(self) -> None:
        """Watch the children until cancelled."""
