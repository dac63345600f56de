"""One process: what was started, what it writes, how it is told to end."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from math import inf
from typing import Any

from gaffer_kernel.environment import inherited
from gaffer_kernel.errors import Closing, InvalidField, NotFound, StreamUnavailable
from gaffer_kernel.jobs.command import build_argv, configured_program
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.output import OutputReader, Outputs
from gaffer_kernel.processes.terminal_size import terminal_size_from
from gaffer_kernel.system import Child, ExitStatus, SpawnRequest, System

INPUTS = ("stdin", "ttin")
"""The names under which a process's standard input is known."""


def signal_number(value: int | str) -> int:
    """A signal given as a number or a name, with or without SIG, in any case.

    Raises:
        InvalidField: `signal`: no such signal, zero included.
    """
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, int) or value.strip().isdigit():
            return signal.Signals(int(value))
        name = value.strip().upper()
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except (ValueError, KeyError, AttributeError):
        raise InvalidField("signal", f"no signal {value!r}: give a name or a number") from None


class Process:
    """An instance of a job, from its start until it has been reaped.

    Attributes:
        pid: gaffer's own number of it, never used twice in a run.
        job: the name of the job it belongs to.
        number: which of the job's instances it is, from 1; 0 for a one-off.
        once: started by `commit`: not kept alive, not counted.
        stopping: it has been asked to end.
    """

    def __init__(
        self,
        pid: int,
        job: JobName,
        config: JobConfig,
        *,
        number: int,
        one_off: bool = False,
    ) -> None:
        self.pid = pid
        self.job = job
        self.config = config
        self.number = number
        self.one_off = one_off
        self.graceful_timeout = config.graceful_timeout
        self.stopping = False
        self.kill_at = inf
        self.started_at = 0.0
        self.exited_at: float | None = None
        self.create_time = 0.0
        self.argv: list[str] = []
        self.exit_status: ExitStatus | None = None
        self.outputs = Outputs(dict.fromkeys((*config.redirect_output, *config.custom_streams)))
        self._child: Child | None = None
        self._system: System | None = None
        self._on_exit: Callable[[Process, ExitStatus], None] = lambda process, end: None
        self.request_stop: Callable[[], None] = self.terminate

    # Its life

    def spawn(
        self,
        system: System,
        added: Mapping[str, str],
        on_exit: Callable[[Process, ExitStatus], None],
    ) -> None:
        """Start it.

        Args:
            system: where.
            added: variables that plugins add; they come last.
            on_exit: called once, when it is gone and reaped and its output delivered.

        Raises:
            SpawnError: nothing was started.
        """
        config = self.config
        user = system.user(config.uid, config.gid)
        environ = inherited(system.environ(), config.os_env, user)
        for number, label in enumerate(config.custom_streams, 3):
            environ[f"GAFFER_STREAM_{label.upper()}"] = str(number)
        environ |= {**config.env, **added}
        self.argv = build_argv(config, environ)
        self._system = system
        self._on_exit = on_exit
        request = SpawnRequest(
            argv=self.argv,
            environ=environ,
            cwd=config.cwd,
            user=user,
            outputs=config.redirect_output,
            terminal_size=terminal_size_from(environ) if config.pty else None,
            redirect_input=config.redirect_input,
            streams=config.custom_streams,
            channels=config.custom_channels,
            detach=config.detach,
            title=f"{self.job}: process {self.pid}",
            program=configured_program(config),
        )
        self._child = system.spawn(request, self)
        self.started_at = system.now()
        self.create_time = system.wall()

    def output(self, label: str, data: bytes | memoryview) -> None:
        """Told by the system: bytes were read."""
        self.outputs.logs[label].feed(data)

    def exited(self, end: ExitStatus) -> None:
        """Told by the system: it is gone and reaped."""
        self.exit_status = end
        self.exited_at = self._system.now() if self._system is not None else None
        self.outputs.close()
        self._on_exit(self, end)

    @property
    def active(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self.exit_status is None

    @property
    def os_pid(self) -> int:
        """The system's number of it; 0 before it was started."""
        return self._child.os_pid if self._child is not None else 0

    @property
    def uptime(self) -> float:
        """Seconds since it was started; how long it lived, if it has ended."""
        if self._system is None:
            return 0.0
        return (self._system.now() if self.exited_at is None else self.exited_at) - self.started_at

    def hold_output(self, held: bool) -> None:
        """Have it wait for a reader that must not lose anything, or have it go on.

        Its outputs are left unread: it waits once its pipes are full, and its `exit` until the rest
        has been read. When it is told to end it is held no more. The last call counts; without any
        nobody waits. A reader that begins with the process calls it with False at once: that keeps
        its pipes short, or they could hold more than a reader is kept.
        """
        if self._child is not None and self.exit_status is None:
            self._child.hold_output(held)

    # How it is told

    def stop(self) -> None:
        """Ask it to end; the job starts a successor when it is active. Returns at once."""
        self.request_stop()

    def terminate(self) -> None:
        """Send TERM to the group now, and let KILL follow after the graceful timeout.

        The timeout is watched by the task that owns the process: see `kill_at`, a time of the
        monotonic clock.
        """
        if self.active and not self.stopping and self._child and self._system:
            self.stopping = True
            self.kill_at = self._system.now() + self.graceful_timeout
            self._child.end(signal.SIGTERM)

    def kill_now(self) -> None:
        """Send KILL to everything it started: its graceful timeout is over."""
        if self.active and self._child:
            self.stopping = True
            self.kill_at = inf
            self._child.end(signal.SIGKILL)

    def kill(self, sig: int | str) -> None:
        """Send a signal, by number or name, to its whole group.

        Raises:
            InvalidField: no such signal.
        """
        number = signal_number(sig)
        if self._child is not None:
            self._child.signal(number)

    # Its streams

    @property
    def labels(self) -> list[str]:
        """The streams that can be read."""
        return list(self.outputs.logs)

    @asynccontextmanager
    async def subscribe(
        self, label: str = ".", *, tail: bool = False
    ) -> AsyncIterator[OutputReader]:
        """Read one of its streams, or all with `.`: an iterator of Output, from now on.

        From a hook, which cannot wait: `process.outputs.reader(...)`.

        Args:
            label: as in `redirect_output` or `custom_streams`.
            tail: begin with the last bytes written before.

        Raises:
            StreamUnavailable: its output is not redirected.
            NotFound: it has no such stream.
        """
        reader = self.outputs.reader(label, tail=tail)
        try:
            yield reader
        finally:
            reader.close()

    async def write(self, data: str | bytes, stream: str = "stdin") -> None:
        """Write to its standard input or to a custom stream; nothing is added.

        Each call stays in one piece however many write at once. Returns when the pipe has taken
        everything; on cancel a part may have been written.

        Raises:
            StreamUnavailable: it is not redirected, or the process reads it no more.
            NotFound: there is no such custom stream.
        """
        label = self._writable(stream)
        encoded = data.encode() if isinstance(data, str) else data
        if self._child is None:
            raise Closing(f"process {self.pid} has not been started")
        try:
            await self._child.write(label, encoded)
        except BrokenPipeError:
            raise StreamUnavailable(stream, f"process {self.pid} reads it no more") from None

    async def writelines(self, data: Iterable[str | bytes], stream: str = "stdin") -> None:
        """Write several pieces as one."""
        pieces = (piece.encode() if isinstance(piece, str) else piece for piece in data)
        await self.write(b"".join(pieces), stream)

    def close_input(self, stream: str = "stdin") -> None:
        """Let it read the end of its standard input or of a custom stream."""
        label = self._writable(stream)
        if self._child is not None:
            self._child.close_input(label)

    def _writable(self, stream: str) -> str:
        if stream in self.config.custom_streams:
            return stream
        if stream not in INPUTS:
            raise NotFound("stream", stream)
        if not self.config.redirect_input:
            raise StreamUnavailable(stream, "redirect_input is not set for this job")
        return "stdin"

    # What is known of it

    def status(self) -> str:
        """What the system says it is doing: `running`, `sleeping`, `stopped`, `zombie`, `dead`."""
        return self._child.status() if self._child is not None and self.active else "dead"

    def info(self) -> dict[str, Any]:
        """A description of it, with the variables configured for it but not the inherited ones."""
        config = self.config
        return {
            "pid": self.pid,
            "os_pid": self.os_pid,
            "name": str(self.job),
            "session": self.job.session,
            "job": self.job.name,
            "number": self.number,
            "cmd": config.cmd,
            "shell": config.shell,
            "args": list(config.args),
            "argv": self.argv,
            "env": dict(config.env),
            "cwd": config.cwd,
            "uid": config.uid,
            "gid": config.gid,
            "create_time": self.create_time,
            "uptime": self.uptime,
            "committed": self.one_off,
            "redirect_output": list(config.redirect_output),
            "redirect_input": config.redirect_input,
            "custom_streams": list(config.custom_streams),
            "detach": config.detach,
            "active": self.active,
            "stopping": self.stopping,
            "exit_code": self.exit_status.exit_code if self.exit_status else None,
            "term_signal": self.exit_status.term_signal if self.exit_status else None,
        }
