"""The port to the operating system: all that the kernel asks of it, and nothing else.

`gaffer_kernel.linux` is the real system, `gaffer_kernel.testing.FakeSystem` the fake one. The
kernel reads no clock, sends no signal and draws no random number except through this port.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gaffer_kernel.processes.terminal_size import TerminalSize
from gaffer_kernel.spawn_settings import SpawnSettings


class User(NamedTuple):
    """The user a process runs as, looked up before each spawn."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    environ: Mapping[str, str]
    """HOME, USER, LOGNAME and SHELL; empty if the number has no entry."""
    is_other: bool = False
    """Whether the process runs with another user ID than gafferd."""


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """How to start one process.

    Attributes:
        argv: what to execute.
        environ: the whole environment.
        cwd: the working directory; gafferd's own if not given.
        user: the user to run as; gafferd's own if not given.
        outputs: the labels of stdout and stderr, in that order; one label twice shares one pipe.
        terminal_size: if given, each output is a pseudo-terminal of that size instead of a pipe,
            which is no process's controlling terminal.
        redirect_input: whether stdin is a pipe; else it is empty, or `stdin`.
        stdin: an open descriptor that the process inherits as its stdin; it stays open here.
        streams: the labels of two-way streams, passed to the child from descriptor 3 on.
        channels: open descriptors that follow the streams.
        detach: whether the process outlives gafferd.
        settings: what is in force before the program begins.
        title: names the process in messages.
        program: the first word as configured. Messages must not show the values of variables in it.
    """

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: str | None = None
    user: User | None = None
    outputs: Sequence[str] = ()
    terminal_size: TerminalSize | None = None
    redirect_input: bool = False
    stdin: int | None = None
    streams: Sequence[str] = ()
    channels: Sequence[Any] = field(default=())
    detach: bool = False
    settings: SpawnSettings | None = None
    title: str = "a process"
    program: str | None = None


class ExitStatus(NamedTuple):
    """How a process exited: `exit_code` is 0 after a signal, `term_signal` is 0 without one.

    `oom_killed` says whether the system killed it, or a process that it started, because of the
    memory limit of its control group.
    """

    exit_code: int
    term_signal: int
    cpu_seconds: float = 0.0
    oom_killed: bool = False


class ChildListener(Protocol):
    """Callbacks for one child; the system calls them from its own task."""

    def output(self, label: str, data: bytes | memoryview) -> None:
        """Take bytes read from an output or a two-way stream; copy them before this returns."""

    def exited(self, status: ExitStatus) -> None:
        """Take the exit status: the child is reaped, and all it wrote has been delivered."""


class Child(Protocol):
    """A process from its spawn to its `exited`."""

    @property
    def os_pid(self) -> int:
        """The system's number of it."""

    def signal(self, signum: int) -> None:
        """Send a signal to the child's whole group; nothing once it is gone."""

    def stop(self, signum: int, *, leader_only: bool = False) -> None:
        """Send a signal that ends the child, also to what has left its group.

        From now on `exited` waits until everything the child started is gone too. Without this
        call, what a child leaves behind is killed when it exits.

        Args:
            signum: the signal.
            leader_only: send it to the child alone; what the child leaves behind is killed when it
                exits.
        """

    def hold_output(self, held: bool) -> None:
        """Stop reading its outputs, so that it blocks once its pipes are full; or read on.

        While they are held, `exited` waits until the rest has been read. `stop` ends the hold.
        """

    async def write(self, label: str, data: bytes) -> None:
        """Write to `stdin` or a two-way stream; return when the pipe has taken all bytes.

        Concurrent writes do not mix. After a cancellation a part may have been written. Raises
        BrokenPipeError when the child has closed the stream.
        """

    def close_input(self, label: str) -> None:
        """Close `stdin` or half-close a two-way stream: the child reads EOF."""

    def status(self) -> str:
        """Return the system's state of it: `running`, `sleeping`, `zombie` and so on."""


class System(Protocol):
    """Processes, clocks and random numbers."""

    def now(self) -> float:
        """Return the time of the monotonic clock, in seconds."""

    def wall(self) -> float:
        """Return the seconds since the epoch: to be shown, never to decide."""

    def random(self) -> float:
        """Return a random number from 0 to 1."""

    def environ(self) -> Mapping[str, str]:
        """Return the kernel's own environment."""

    def user(self, uid: int | str | None, gid: int | str | None) -> User | None:
        """Look up the user to run as; None if neither is given. Raises SpawnError."""

    def spawn(self, request: SpawnRequest, listener: ChildListener) -> Child:
        """Start a process in its own session. Raises SpawnError and leaves nothing open."""

    async def run(self) -> None:
        """Watch the children until cancelled. After an exception it is called again."""
