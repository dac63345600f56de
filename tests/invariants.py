"""What must be true of every run of the kernel, by its events and by the fake system."""

from __future__ import annotations

from gaffer_kernel import Event, Manager, hookimpl
from gaffer_kernel.testing import FakeSystem


class Ledger:
    """A plugin that keeps the books: each event is checked against all that went before."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._running: dict[int, str] = {}
        self._ended: set[int] = set()
        self._exists: set[str] = set()
        self._started: set[str] = set()
        self._broken: AssertionError | None = None

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Enter an event; the next check raises what is wrong, here it would only be logged."""
        try:
            self._enter(event)
        except AssertionError as error:
            self._broken = self._broken or error

    def _enter(self, event: Event) -> None:
        if self.events:
            assert event.seq == self.events[-1].seq + 1, "a number was left out"
        self.events.append(event)
        entry = getattr(self, f"_{event.event}", None)
        if event.job is not None and event.event != "create":
            assert event.name in self._exists, (
                f"{event.event} of {event.name}, which does not exist"
            )
        if entry is not None:
            entry(event)

    def _create(self, event: Event) -> None:
        assert event.name not in self._exists, f"{event.name} created twice"
        self._exists.add(event.name)

    def _delete(self, event: Event) -> None:
        self._exists.remove(event.name)
        self._started.discard(event.name)
        left = [pid for pid, name in self._running.items() if name == event.name]
        assert not left, f"{event.name} deleted before its processes {left} ended"

    def _start(self, event: Event) -> None:
        self._started.add(event.name)

    def _stop(self, event: Event) -> None:
        assert event.name in self._started, f"{event.name} stopped, but it was not started"
        self._started.remove(event.name)

    def _spawn(self, event: Event) -> None:
        pid = event.data["pid"]
        assert pid not in self._running, f"pid {pid} started twice"
        assert pid not in self._ended, f"pid {pid} used again"
        self._running[pid] = event.name

    def _exit(self, event: Event) -> None:
        pid = event.data["pid"]
        assert pid not in self._ended, f"pid {pid} ended twice"
        assert self._running.pop(pid, None) == event.name, f"pid {pid} ended, but never started"
        self._ended.add(pid)

    def check(self, manager: Manager, system: FakeSystem) -> None:
        """Compare with the manager's view and with what really runs."""
        if self._broken is not None:
            raise self._broken
        known = {process.os_pid: process for process in manager.walk()}
        orphans = system.processes.keys() - known.keys()
        assert not orphans, f"nobody knows of {orphans}"
        assert {process.pid for process in manager.walk()} == self._running.keys()
        for job in manager.jobs():
            name = str(job.name)
            if name not in self._started:
                kept = [p.pid for p in job.processes if not p.once and not p.stopping]
                # A job waits under the name of one that is still being unloaded.
                assert not kept, f"{name} is stopped, but {kept} run"

    def check_end(self, system: FakeSystem) -> None:
        """After the kernel has stopped: nothing runs, every process that started has ended."""
        if self._broken is not None:
            raise self._broken
        assert not system.processes, f"left behind: {sorted(system.processes)}"
        assert not self._running, f"never reported as ended: {self._running}"
        assert not self._exists, f"never deleted: {self._exists}"
        assert len(self._ended) == system.spawned
