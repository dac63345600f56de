"""A job: the public face of its supervisor. Every verb is a message to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from msgspec import Struct

from gaffer_kernel.errors import Closing, InvalidField
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.exits import ExitRecord
from gaffer_kernel.jobs.instance_states import Instance
from gaffer_kernel.jobs.options import get_typed
from gaffer_kernel.jobs.rollout import Wanted
from gaffer_kernel.jobs.scale import apply_scale
from gaffer_kernel.jobs.stop_steps import parse_signal
from gaffer_kernel.jobs.validation import check_batch
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process

if TYPE_CHECKING:
    from gaffer_kernel.jobs.supervisor import Supervisor

T = TypeVar("T", bound=Struct)


class Job:
    """The instances of one JobConfig, as plugins and programs see them.

    The verbs return at once: what is wanted is recorded before they return, and the supervisor
    acts on it.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._typed_from: Mapping[str, Any] = {}
        self._typed: dict[type[Struct], Struct] = {}

    # Verbs

    def start(self) -> None:
        """Start the wanted number of instances and keep them alive.

        Also ends a flap pause and, for an active job, the wait for the next restart. A job that
        has completed, failed or been given up starts again.
        """
        self._supervisor.post(self._supervisor.handle_start)

    def stop(self) -> None:
        """Stop every process; none is started until `start`. The wanted number is kept."""
        self._supervisor.post(self._supervisor.handle_stop)

    def restart(self, *, batch: int | str | None = None) -> None:
        """Replace every instance in batches: start its successor, then stop it.

        If a successor exits before it is ready, cannot be started or is not ready in time, the
        instances that are left keep their processes; see `restart_failure`. A stopped job is
        started.

        A job with `port` that replaces all at once, without `ready_after`, stops each process
        before its successor starts, because both use the same port.

        Args:
            batch: how many instances at a time, as in `restart_batch`, which counts when not given.

        Raises:
            InvalidField: `restart_batch`: it is no such number.
        """
        if batch is not None:
            batch = check_batch(batch)
        self._supervisor.post(partial(self._supervisor.handle_restart, batch))

    def reload(self) -> None:
        """Return to the configured number; stop every instance, then start it again."""
        self._supervisor.numprocesses = self.config.numprocesses
        self._supervisor.post(self._supervisor.handle_reload)

    def stopall(self) -> None:
        """Stop every process; an active job starts successors."""
        self._supervisor.post(self._supervisor.instances.stop_all)

    def scale(self, number: int | str) -> int:
        """Change the wanted number: `3` or `+3` adds, `-1` subtracts, `=2` sets; never below zero.

        Returns:
            The number wanted from now on.

        Raises:
            InvalidField: `scale`: not such a number, or more than a job may have.
        """
        self._supervisor.numprocesses = apply_scale(self.numprocesses, number)
        self._supervisor.post(self._supervisor.publish_update)
        return self.numprocesses

    def commit(
        self, env: Mapping[str, str] | None = None, graceful_timeout: float | str | None = None
    ) -> int:
        """Start a one-off: one more process, neither kept alive nor counted, active or not.

        Args:
            env: variables for it alone; they override the job's own.
            graceful_timeout: seconds between SIGTERM and SIGKILL, or a text such as 500ms; None or
                0 for the job's.

        Returns:
            Its pid. If it cannot start, a `spawn_error` names that pid.

        Raises:
            InvalidField: `env` or `graceful_timeout` cannot be accepted.
            Closing: the job is being unloaded.
        """
        if self._supervisor.unloading:
            raise Closing(f"job {self.name} is being unloaded")
        process = self._supervisor.new_one_off(self.config.for_one_off(env, graceful_timeout))
        self._supervisor.post(partial(self._supervisor.instances.queue_one_off, process))
        return process.pid

    def killall(self, sig: int | str) -> int:
        """Send a signal to every process of the job, one-offs included.

        Returns:
            The number of processes that it was sent to.

        Raises:
            InvalidField: no such signal.
        """
        number = parse_signal(sig)
        return sum([process.kill(number) for process in self.processes])

    def update(self, config: JobConfig, *, start: bool = False) -> None:
        """Replace the configuration and every process.

        Processes stay if only options of plugins change that apply live or at the next start, and
        `numprocesses`.
        With `restart_batch` or `ready_after` in the new configuration the processes are replaced as
        `restart` does; if that fails, the old configuration counts again.

        Args:
            config: of the same name; its number of processes is the wanted one from now on.
            start: start the job if it is stopped.

        Raises:
            InvalidField: `name`: it is another job's. Or an option of a plugin is unknown or wrong.
        """
        if config.name != self.name.name:
            raise InvalidField("name", f"cannot change from {self.name.name!r} to {config.name!r}")
        declared = self._supervisor.job_options
        config = config.check_options(declared)
        if config.options != self.config.options and self.config.keep_processes(config, declared):
            self._supervisor.resize(config)
            if start and not self.active:
                self.start()
            return
        before = Wanted(self._supervisor.config, self._supervisor.numprocesses)
        self._supervisor.config = config
        self._supervisor.numprocesses = config.numprocesses
        self._supervisor.post(partial(self._supervisor.handle_update, before, start))

    def unload(self) -> None:
        """Stop everything and end; `gone` is set when the last process has been reaped."""
        self._supervisor.post(self._supervisor.handle_unload)

    def reconsider(self) -> None:
        """Ask `gaffer_start_condition` again for each waiting instance; for plugins.

        A plugin calls it when its answer may have changed.
        """
        self._supervisor.post(self._supervisor.handle_reconsider)

    def replace(self, process: Process, reason: str, *, crash: bool = False) -> None:
        """Replace the process of an instance; for plugins.

        Nothing happens if the process is stopping, or is no instance of the job.

        Args:
            process: the process.
            reason: why, for people; the events of the process give it again.
            crash: treat it as a crash: stop the process, publish `crash`, and start the successor
                as the restart rules say. Else it counts for nothing, and the successor is started
                first, as by `restart`.
        """
        instances = self._supervisor.instances
        self._supervisor.post(partial(instances.replace, process, reason, crash=crash))

    def kill_stopping(self) -> None:
        """SIGKILL every stopping process now, including those of unloaded jobs with this name."""
        self._supervisor.kill_stopping()

    # State

    @property
    def restart_failure(self) -> str | None:
        """Why the last restart or change failed and was taken back; None if it did not."""
        return self._supervisor.rollouts.failure

    @property
    def name(self) -> JobName:
        """Session and name; `str()` of it is the shown name."""
        return self._supervisor.name

    @property
    def config(self) -> JobConfig:
        """The configuration of the next process."""
        return self._supervisor.config

    def options(self, struct: type[T]) -> T:
        """Return the options of a plugin, with defaults for those that are not set.

        Args:
            struct: the type that the plugin returns from `gaffer_job_options`.

        Raises:
            InvalidField: the options were checked by another plugin, and do not fit this type.
        """
        given = self.config.options
        if not given:
            return struct()
        if self._typed_from is not given:
            self._typed_from, self._typed = given, {}
        typed = self._typed.get(struct)
        if not isinstance(typed, struct):
            typed = self._typed[struct] = get_typed(given, struct)
        return typed

    @property
    def numprocesses(self) -> int:
        """How many instances are wanted while the job is active."""
        return self._supervisor.numprocesses

    @property
    def active(self) -> bool:
        """Whether it keeps instances alive: started, neither in a flap pause nor ended."""
        return self._supervisor.active

    @property
    def gone(self) -> trio.Event:
        """Set when the job has been unloaded and its last process reaped."""
        return self._supervisor.gone

    @property
    def processes(self) -> list[Process]:
        """Its processes that have not been reaped, one-offs and stopping ones included.

        And those that have, while their stop_command runs; these are no longer `active`.
        """
        return list(self._supervisor.instances.processes.values())

    @property
    def instances(self) -> list[Instance]:
        """The state of each instance, with the reason; also of former ones that are stopping."""
        return self._supervisor.status.list_instances()

    @property
    def exited(self) -> Sequence[Process]:
        """Its last reaped processes, the newest last: the few whose output is kept.

        Without those that had no redirected output.
        """
        return self._supervisor.instances.exited

    @property
    def history(self) -> Sequence[ExitRecord]:
        """The latest exits of instances that nobody asked for, the newest last."""
        return self._supervisor.restart_state.history

    @property
    def restarts(self) -> int:
        """How many of its processes exited unasked and got, or will get, a successor."""
        return self._supervisor.restart_state.restarts

    @property
    def is_settled(self) -> bool:
        """Whether as many instances are ready as are wanted, and none is starting or stopping.

        Instances that have ended for good count, too.
        """
        return self._supervisor.is_settled

    async def settled(self) -> None:
        """Wait until `is_settled`. Cancelling has no effect on the job."""
        await self._supervisor.wait_settled()

    def pids(self) -> list[int]:
        """Return the pids of its processes, one-offs included, in the order of their start."""
        return list(self._supervisor.instances.processes)

    def info(self) -> dict[str, Any]:
        """Describe the job, with its configuration."""
        pids = self.pids()
        return {
            "name": str(self.name),
            "session": self.name.session,
            "job": self.name.name,
            "active": self.active,
            "running": len(pids),
            "running_out": sum(process.one_off for process in self.processes),
            "max_processes": self.numprocesses,
            "numprocesses": self.numprocesses,
            "processes": pids,
            "config": self.config.to_dict(),
        }

    def status(self) -> dict[str, Any]:
        """Describe whether the job runs as wanted, and if not, why."""
        return self._supervisor.status.describe()
