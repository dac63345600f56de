"""Invariants of every run of the kernel, checked against its events and the fake system."""

from __future__ import annotations

from gaffer_kernel import Event, JobConfig, Kernel, Manager, NotFound, hookimpl
from gaffer_kernel.jobs.command import MAINPID
from gaffer_kernel.testing import FakeProcess, FakeSystem

NEXT = {
    ("gone", "create"): "stopped",
    ("stopped", "start"): "started",
    ("started", "stop"): "stopped",
    ("started", "flap"): "resting",
    ("resting", "start"): "started",
    ("resting", "stop"): "stopped",
    ("resting", "failed"): "ended",
    ("started", "completed"): "ended",
    ("started", "failed"): "ended",
    ("ended", "start"): "started",
    ("ended", "stop"): "stopped",
    ("stopped", "delete"): "gone",
}
"""The state of a job after an event; in any other state that event must not happen."""


ROUNDED = 1e-5
"""Seconds: an uptime is rounded in events, so near the limit it is either."""
LATE = 0.001
"""Seconds that a stop step may be late."""


def check_stop_signals(config: JobConfig, process: FakeProcess) -> None:
    """Compare the stop signals that a process got with the steps of its job."""
    got = process.stop_signals
    steps = config.stop_steps[: len(got)]
    assert [signum for _, signum in got] == [step.signum for step in steps], (config.stop, got)
    for (before, _), (after, _), step in zip(got, got[1:], steps, strict=False):
        assert 0 <= after - before - step.timeout + LATE <= 2 * LATE, (config.stop, got)


REPLACED = ("restarted by a user's request", "the configuration of the job has changed")
"""The reasons of a `reap` in a rollout."""


class Ledger:
    """A plugin that checks each event against all events before.

    Args:
        checks_backoff: whether to check the delays of restarts: no plugin decides on them.
    """

    def __init__(self, *, checks_backoff: bool = False) -> None:
        self._checks_backoff = checks_backoff
        self._kernel: Kernel | None = None
        self._restarts: dict[str, dict[int, int]] = {}
        self.events: list[Event] = []
        self._running: dict[int, str] = {}
        self._stopping: set[int] = set()
        self._ended: set[int] = set()
        self._ready: dict[int, bool] = {}
        self._numbers: dict[int, int] = {}
        self._released: set[int] = set()
        self._states: dict[str, str] = {}
        self._taken_back: set[str] = set()  # jobs whose last rollout failed
        self._broken: AssertionError | None = None

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> None:
        """Take the kernel whose events are checked."""
        self._kernel = kernel

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Check an event; the next `check` raises the error, which here would only be logged."""
        try:
            self._enter(event)
        except AssertionError as error:
            self._broken = self._broken or error

    def _enter(self, event: Event) -> None:
        if self.events:
            assert event.seq == self.events[-1].seq + 1, "a number was left out"
        self.events.append(event)
        if event.job is None:
            return
        state = self._states.get(event.name, "gone")
        assert event.event == "create" or state != "gone", f"{event.event} of {event.name}: gone"
        if event.event in {name for _, name in NEXT}:
            assert (state, event.event) in NEXT, f"{event.event} of {event.name}: {state}"
            self._states[event.name] = NEXT[state, event.event]
        entry = getattr(self, f"_take_{event.event}", None)
        if entry is not None:
            entry(event)

    def _take_delete(self, event: Event) -> None:
        left = [pid for pid, name in self._running.items() if name == event.name]
        assert not left, f"{event.name} deleted before its processes {left} ended"

    def _take_spawn(self, event: Event) -> None:
        pid = event.data["pid"]
        assert pid not in self._running, f"pid {pid} started twice"
        assert pid not in self._ended, f"pid {pid} used again"
        self._running[pid] = event.name
        if self._kernel is not None:
            self._numbers[pid] = self._kernel.manager.process(pid).number
        if event.data["detach"]:
            self._released.add(pid)

    def _take_stop_pid(self, event: Event) -> None:
        pid = event.data["pid"]
        assert pid in self._running, f"pid {pid} stopped, but it does not run"
        assert pid not in self._stopping, f"pid {pid} stopped twice"
        self._stopping.add(pid)

    def _take_reap(self, event: Event) -> None:
        self._take_stop_pid(event)
        if self._kernel is None or event.data["reason"] not in REPLACED:
            return
        assert event.name not in self._taken_back, f"{event.name}: replaced after the failure"
        job = self._kernel.manager.get(event.name)
        if job.config.port is not None:
            return  # predecessor and successor cannot run at the same time
        old = self._kernel.manager.process(event.data["pid"])
        least = (job.config.ready_after or 0.0) - LATE
        ready = [
            process
            for process in job.processes
            if process.number == old.number and process.pid > old.pid
            if process.uptime >= least or process.readiness.is_decided_by_plugins
            if process.readiness.is_ready or process.stopping
        ]
        assert ready, f"pid {old.pid} of {event.name} stopped before a successor was ready"

    def _take_restart_failed(self, event: Event) -> None:
        self._taken_back.add(event.name)
        self.reset_backoff(event.name)  # the old rules count from here

    def _take_exit(self, event: Event) -> None:
        pid = event.data["pid"]
        assert pid not in self._ended, f"pid {pid} ended twice"
        assert self._running.pop(pid, None) == event.name, f"pid {pid} ended, but never started"
        self._ended.add(pid)
        number = self._numbers.pop(pid, 0)
        if self._checks_backoff and number and not event.data["asked"]:
            # A healthy life, whatever the exit was, ends a series of restarts.
            config = self._get_config(event)
            if config is not None and event.data["uptime"] >= config.healthy_after - ROUNDED:
                self._restarts.setdefault(event.name, {})[number] = 0

    def reset_backoff(self, name: str) -> None:
        """Allow a restart of each instance of a job at once: a user has sent a request."""
        self._restarts.pop(name, None)

    def _take_start(self, event: Event) -> None:
        self.reset_backoff(event.name)
        self._taken_back.discard(event.name)

    _take_update = _take_restart = _take_start

    def _get_config(self, event: Event) -> JobConfig | None:
        if self._kernel is None:
            return None
        try:
            return self._kernel.manager.get(event.name).config
        except NotFound:
            return None  # It has been unloaded.

    def _take_crash(self, event: Event) -> None:
        config = self._get_config(event)
        if config is None or not self._checks_backoff:
            return
        restarts = self._restarts.setdefault(event.name, {})
        number = event.data["number"]
        in_row = restarts.get(number, 0)
        delay = event.data["next_start_in"]
        # No restart follows if the predecessor or the successor of the process runs.
        restarts[number] = in_row + (delay is not None)
        what = f"restart {in_row + 1} of {event.name}.{number}"
        if config.restart == "never":
            assert delay is None, f"{what}, but restart = never"
        elif config.max_restarts is not None and in_row >= config.max_restarts:
            assert delay is None, f"{what}, but max_restarts = {config.max_restarts}"
        elif in_row and config.flapping is None:
            least = min(config.restart_delay_max, config.restart_delay * 2 ** min(in_row - 1, 60))
            assert delay is None or delay >= least * 0.9 - 1e-9, f"{what} after {delay} s"

    def _take_ready(self, event: Event) -> None:
        pid, ready = event.data["pid"], event.event == "ready"
        assert self._running.get(pid) == event.name, f"pid {pid} {event.event}: it does not run"
        assert pid not in self._stopping, f"pid {pid} {event.event}, but it is stopping"
        assert self._ready.get(pid, False) != ready, f"pid {pid} {event.event} twice"
        self._ready[pid] = ready

    _take_unready = _take_ready

    def check_events(self) -> None:
        """Raise the first error in the events so far."""
        if self._broken is not None:
            raise self._broken

    def check(self, manager: Manager, system: FakeSystem) -> None:
        """Compare the events with the manager and with the processes of the fake system."""
        self.check_events()
        known = {process.os_pid: process for process in manager.walk()}
        for os_pid, fake in system.processes.items():
            # A stop_command belongs to the process that it stops.
            owner = int(fake.request.environ.get(MAINPID, os_pid))
            assert owner in known, f"not in the manager: {owner}"
        assert {process.pid for process in manager.walk()} == self._running.keys()
        for job in manager.jobs():
            name = str(job.name)
            if self._states.get(name) != "started":
                kept = [p.pid for p in job.processes if not p.one_off and not p.stopping]
                # A job may wait for an unloaded job of the same name.
                assert not kept, f"{name} is not started, but {kept} run"

    def check_end(self, system: FakeSystem) -> None:
        """After the kernel has stopped: only detached processes run, every exit was published."""
        self.check_over()
        left = [pid for pid, each in system.processes.items() if not each.request.detach]
        assert not left, f"left behind: {sorted(left)}"
        assert len(self._ended) + len(system.processes) == system.spawned

    def check_over(self) -> None:
        """After a kernel has stopped, by its events alone: all have stopped.

        Processes of detached jobs may run on. Jobs are stopped, not deleted.
        """
        self.check_events()
        left = {pid: name for pid, name in self._running.items() if pid not in self._released}
        assert not left, f"never exited: {left}"
        active = [name for name, state in self._states.items() if state not in ("gone", "stopped")]
        assert not active, f"never stopped: {active}"
