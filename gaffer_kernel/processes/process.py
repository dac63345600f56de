"""One process: what was started, what it writes, how it is stopped."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Set
from contextlib import asynccontextmanager
from math import inf
from typing import Any

from gaffer_kernel.environment import inherited
from gaffer_kernel.errors import Closing, NotFound, SpawnError, StreamUnavailable
from gaffer_kernel.jobs.command import PORT, build_argv, configured_program
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.fields import MAX_PORT
from gaffer_kernel.jobs.shell_syntax import find_warnings
from gaffer_kernel.jobs.stop_steps import find_stop_warnings, parse_signal
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.output import OutputReader, Outputs
from gaffer_kernel.processes.readiness import Readiness
from gaffer_kernel.processes.stop import Post, Stopper
from gaffer_kernel.processes.terminal_size import TerminalSize
from gaffer_kernel.spawn_settings import FIRST_DESCRIPTOR, SpawnSettings, describe_descriptors
from gaffer_kernel.system import Child, ExitStatus, SpawnRequest, System, User

GetBase = Callable[[Mapping[str, str]], Mapping[str, str | None]]

INPUTS = ("stdin", "ttin")
"""The names of the standard input of a process."""


def _call(function: Callable[[], None]) -> None:
    function()


class Process:
    """One run of an instance, or a one-off, from before its spawn until after its reaping.

    Attributes:
        pid: gaffer's own number of it, never used twice in a run.
        job: the name of the job it belongs to.
        config: the configuration it was started with.
        number: which of the job's instances it is, from 1; 0 for a one-off.
        one_off: started by `commit`: not kept alive, not counted.
        started_at, exited_at: on the monotonic clock.
        create_time: when it was started, in seconds since the epoch.
        argv: what was executed; `$NAME` in place of values that plugins have read for it.
        warnings: a line for each likely mistake in its configuration; set by `spawn`.
        exit_status: None until it has been reaped.
        outputs: its streams that can be read.
        readiness: whether it can serve.
        stop_reason: why it was stopped, for people; empty if it was not.
        stopping_since: since when, on the monotonic clock.
        counts_as_crash: whether it was stopped as if it had crashed.
        request_stop: stops it through its job, which then publishes `stop_pid`.
        report_ready: passes `set_ready` on to its job, which then publishes `ready` or `unready`.
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
        self.started_at = 0.0
        self.exited_at: float | None = None
        self.create_time = 0.0
        self.argv: list[str] = []
        self.warnings: list[str] = []
        self.exit_status: ExitStatus | None = None
        self.readiness = Readiness()
        self.stop_reason = ""
        self.stopping_since = 0.0
        self.counts_as_crash = False
        self.outputs = Outputs(dict.fromkeys((*config.redirect_output, *config.custom_streams)))
        self._hidden: Set[str] = frozenset()
        self._child: Child | None = None
        self._system: System | None = None
        self._stopper: Stopper | None = None
        self._on_exit: Callable[[Process, ExitStatus], None] = lambda process, status: None
        self.request_stop: Callable[[], None] = self.begin_stop
        self.report_ready: Callable[[bool, str], None] = lambda ready, reason: None

    # Life

    def spawn(
        self,
        system: System,
        added: Mapping[str, str],
        on_exit: Callable[[Process, ExitStatus], None],
        settings: SpawnSettings | None = None,
        get_base: GetBase = lambda environ: {},
    ) -> None:
        """Start the process.

        Args:
            system: the operating system.
            added: variables that plugins add; they override all others.
            on_exit: called once, when the process is reaped and all its output delivered.
            settings: what is in force when its program begins.
            get_base: as for `build_environ`.

        Raises:
            SpawnError: nothing was started.
        """
        config = self.config
        user = system.user(config.uid, config.gid)
        environ = self.build_environ(system, user, added, settings, get_base)
        self.warnings = find_warnings(config, environ) + find_stop_warnings(config.stop)
        argv = build_argv(config.cmd, config.args, config.shell, environ)
        self.argv = argv
        if self._hidden:
            known = {name: text for name, text in environ.items() if name not in self._hidden}
            self.argv = build_argv(config.cmd, config.args, config.shell, known)
        self._system = system
        self._on_exit = on_exit
        request = SpawnRequest(
            argv=argv,
            environ=environ,
            cwd=config.cwd,
            user=user,
            outputs=config.redirect_output,
            terminal_size=TerminalSize.from_environ(environ) if config.pty else None,
            redirect_input=config.redirect_input,
            streams=config.custom_streams,
            channels=config.custom_channels,
            detach=config.detach,
            settings=settings,
            title=f"{self.job}: process {self.pid}",
            program=configured_program(config.cmd, config.shell),
        )
        self._child = system.spawn(request, self)
        self._stopper = Stopper(config, system, self._child, request)
        self.started_at = system.now()
        self.create_time = system.wall()

    def build_environ(
        self,
        system: System,
        user: User | None,
        added: Mapping[str, str],
        settings: SpawnSettings | None = None,
        get_base: GetBase = lambda environ: {},
    ) -> dict[str, str]:
        """Return all its variables.

        Args:
            system: the operating system.
            user: the user it runs as, if the job sets one.
            added: variables that plugins add; they override all others.
            settings: with the descriptors that it inherits.
            get_base: returns the variables of plugins that override the inherited ones only; it is
                called with those. None instead of a value removes a variable.

        Raises:
            SpawnError: raised by `get_base`, or the port of the instance is too high.
        """
        config = self.config
        environ = inherited(system.environ(), config.os_env, user)
        base = get_base(environ)
        self._hidden = base.keys() - config.env.keys() - added.keys()
        environ = {name: text for name, text in {**environ, **base}.items() if text is not None}
        names = list(settings.descriptors) if settings is not None else []
        environ |= describe_descriptors(names)
        for number, label in enumerate(config.custom_streams, FIRST_DESCRIPTOR + len(names)):
            environ[f"GAFFER_STREAM_{label.upper()}"] = str(number)
        if config.cwd is not None:
            environ["PWD"] = os.path.abspath(config.cwd)
        return {**environ, **self._identity(), **config.env, **added}

    def _identity(self) -> dict[str, str]:
        """Return the variables with its session, job, number, pid and port."""
        session, job = self.job
        identity = {
            "GAFFER_SESSION": session,
            "GAFFER_JOB": job,
            "GAFFER_NUMBER": str(self.number),
            "GAFFER_PID": str(self.pid),
        }
        if self.config.port is None:
            return identity
        # A one-off is instance 0: it gets the port of the first instance.
        port = self.config.port + max(self.number, 1) - 1
        if port > MAX_PORT:
            raise SpawnError(
                "bad_port",
                f"instance {self.number} would get port {port}, and the highest port is {MAX_PORT}",
            )
        return {**identity, PORT: str(port)}

    def output(self, label: str, data: bytes | memoryview) -> None:
        """Take bytes that the system has read from a stream."""
        self.outputs.logs[label].feed(data)

    def exited(self, status: ExitStatus) -> None:
        """Take the exit status from the system, after all output."""
        self.exit_status = status
        self.exited_at = self._system.now() if self._system is not None else None
        self.outputs.close()
        assert self._stopper is not None
        self._stopper.exited(lambda: self._on_exit(self, status))

    @property
    def active(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self.exit_status is None

    @property
    def os_pid(self) -> int:
        """The system's number of it; 0 before the spawn."""
        return self._child.os_pid if self._child is not None else 0

    @property
    def uptime(self) -> float:
        """Seconds since its start, or from its start to its exit."""
        if self._system is None:
            return 0.0
        return (self._system.now() if self.exited_at is None else self.exited_at) - self.started_at

    def hold_output(self, held: bool) -> None:
        """Make the process wait for a reader that must not lose anything, or let it go on.

        While held, its outputs are not read: it blocks once its pipes are full, and its `exit`
        comes after the rest has been read. Stopping the process ends the hold. The last call
        counts; without any the process never waits. A reader that begins with the process calls
        this with False at once: that keeps the pipes short, because a wide pipe could hold more
        than is kept for a reader.
        """
        if self._child is not None and self.exit_status is None:
            self._child.hold_output(held)

    # Readiness

    def set_ready(self, ready: bool, reason: str = "") -> None:
        """Report whether it can serve; for plugins. Returns at once.

        A plugin whose `gaffer_readiness` returned True calls this with True when the process can
        serve: until then it is `starting`, and False only changes the reason. After that False
        makes it `unready`, and True `ready` again. Any plugin may do so. The last call counts.

        No effect on a one-off, and on a process that is stopping or has exited.

        Args:
            ready: whether it can serve.
            reason: why, for people.
        """
        self.report_ready(ready, reason)

    # Stopping and signals

    @property
    def stop_timeout(self) -> float:
        """Seconds from its first stop signal to SIGKILL, and those of its stop_command before."""
        return self.config.stop_timeout

    @property
    def stopping(self) -> bool:
        """Whether it is being stopped, or was."""
        return self._stopper is not None and self._stopper.sequence.started

    @property
    def next_step_at(self) -> float:
        """When its next stop step is due, on the monotonic clock; the supervisor's timer."""
        return inf if self._stopper is None else self._stopper.sequence.due

    def stop(self) -> None:
        """Stop it; an active job starts a successor. Returns at once."""
        self.request_stop()

    def begin_stop(self, post: Post = _call) -> None:
        """Run its stop_command, or else take the first stop step; the supervisor takes the others.

        Args:
            post: calls a function as a message of the job, when the stop_command has ended.
        """
        if self.active and not self.stopping and self._stopper is not None:
            self._stopper.begin(post)

    def next_step(self) -> None:
        """Take its next stop step: the time of the one before is over."""
        if self._stopper is not None:
            self._stopper.next_step()

    def kill_now(self) -> None:
        """Send SIGKILL to everything it started, and to its stop_command."""
        if self._stopper is not None:
            self._stopper.kill()

    def kill(self, sig: int | str) -> bool:
        """Send a signal, by number or name, to its whole group.

        Returns:
            Whether there is a process to send it to: false before the spawn and after the exit.

        Raises:
            InvalidField: no such signal.
        """
        number = parse_signal(sig)
        if self._child is None or not self.active:
            return False
        self._child.signal(number)
        return True

    # Streams

    @property
    def labels(self) -> list[str]:
        """The labels of the streams that can be read."""
        return list(self.outputs.logs)

    @asynccontextmanager
    async def subscribe(
        self, label: str = ".", *, tail: bool = False
    ) -> AsyncIterator[OutputReader]:
        """Read one of its streams, or all with `.`: an iterator of Output, from now on.

        In a hook, which cannot wait, use `process.outputs.reader(...)`.

        Args:
            label: as in `redirect_output` or `custom_streams`.
            tail: begin with the last bytes written before now.

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

        Concurrent writes do not mix. Returns when the pipe has taken everything; after a
        cancellation a part may have been written.

        Raises:
            StreamUnavailable: it is not redirected, or the process has closed it.
            NotFound: there is no such custom stream.
        """
        label = self._writable(stream)
        encoded = data.encode() if isinstance(data, str) else data
        if self._child is None:
            raise Closing(f"process {self.pid} has not been started")
        try:
            await self._child.write(label, encoded)
        except BrokenPipeError:
            raise StreamUnavailable(stream, f"process {self.pid} has closed it") from None

    async def writelines(self, data: Iterable[str | bytes], stream: str = "stdin") -> None:
        """Write several pieces in one write."""
        pieces = (piece.encode() if isinstance(piece, str) else piece for piece in data)
        await self.write(b"".join(pieces), stream)

    def close_input(self, stream: str = "stdin") -> None:
        """Close its standard input or a custom stream: the process reads EOF."""
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

    # State

    def status(self) -> str:
        """Return the system's state of it: `running`, `sleeping`, `stopped`, `zombie`, `dead`."""
        return self._child.status() if self._child is not None and self.active else "dead"

    def info(self) -> dict[str, Any]:
        """Describe it, with the configured variables but not the inherited ones."""
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
