"""For tests, ours and those of plugins: a fake operating system, and a recorder of events.

    async with open_kernel(system=FakeSystem()) as kernel:
        kernel.manager.load(JobConfig(name="web", cmd="serve"))

runs the real kernel with fake processes, on the clock of the trio run: with trio's MockClock
(pytest-trio's `autojump_clock`) an hour passes at once, and a seed makes every run the same.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any

import trio

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.events import Event
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.jobs.command import MAINPID
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.system import ChildListener, ExitStatus, SpawnRequest, User

__all__ = ["FakeProcess", "FakeSystem", "Plan", "Recorder", "open_kernel"]

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a fake process lives.

    Args:
        life: seconds until it exits by itself.
        exit_code: its exit code then.
        term_signal: the signal that ends it instead, as in a crash.
        oom_killed: whether it ends because the memory limit of its control group is reached.
        stop_delay: seconds from SIGTERM, SIGINT, SIGQUIT or SIGHUP to its exit; infinite to ignore
            them.
        lingers: seconds that a process it started outlives it when it is stopped.
        error: why it cannot be spawned at all.
    """

    life: float = inf
    exit_code: int = 0
    term_signal: int = 0
    oom_killed: bool = False
    stop_delay: float = 0.0
    lingers: float = 0.0
    error: SpawnError | None = None


class FakeProcess:
    """A fake process: a Child for the kernel, remote-controlled by the test.

    Attributes:
        request: how it was spawned.
        plan: how it lives.
        alive, reaped: how far it has got.
        signals: those it got, in order.
        stop_signals: those that were to end it, and when.
        written: what was written to its inputs, by label.
        closed_inputs: the labels of closed inputs, in order.
        held: whether its outputs are held.
    """

    def __init__(
        self,
        system: FakeSystem,
        os_pid: int,
        request: SpawnRequest,
        plan: Plan,
        listener: ChildListener,
    ) -> None:
        self.os_pid = os_pid
        self.request = request
        self.plan = plan
        self.alive = True
        self.reaped = False
        self.signals: list[int] = []
        self.stop_signals: list[tuple[float, int]] = []
        self.written: dict[str, bytes] = {}
        self.closed_inputs: list[str] = []
        self.held = False
        self._system = system
        self._listener = listener
        self._stopping = False
        self._group_until = -inf
        self._status = ExitStatus(0, 0)
        if plan.life < inf:
            system.call_later(
                plan.life, lambda: self.exit(plan.exit_code, term_signal=plan.term_signal)
            )

    # For the test

    def emit(self, text: str | bytes, label: str | None = None) -> None:
        """Write to an output, to the first if none is given."""
        data = text.encode() if isinstance(text, str) else text
        self._listener.output(label or self.request.outputs[0], data)

    def exit(self, exit_code: int = 0, *, term_signal: int = 0) -> None:
        """Exit, as if by itself; the kernel is notified a moment later."""
        if not self.alive:
            return
        self.alive = False
        oom_killed = self.plan.oom_killed and not self._stopping
        code = 0 if term_signal else exit_code
        self._status = ExitStatus(code, term_signal, oom_killed=oom_killed)
        lingers = self.plan.lingers if self._stopping else 0.0
        self._group_until = self._system.now() + lingers
        self._system.call_later(lingers, self._reap)

    def _reap(self) -> None:
        if not self.reaped and self._system.now() >= self._group_until:
            self.reaped = True
            del self._system.processes[self.os_pid]
            self._listener.exited(self._status)

    # For the kernel

    def signal(self, signum: int) -> None:
        """Record a signal, and exit as planned if it is a stop signal."""
        assert not self.reaped, f"signal {signum} to {self.os_pid}, which has been reaped"
        self.signals.append(signum)
        if signum == signal.SIGKILL:
            self.exit(term_signal=signum)
            self._group_until = self._system.now()
            self._system.call_later(0.0, self._reap)
        elif signum in _STOP_SIGNALS and self.plan.stop_delay < inf:
            self._system.call_later(self.plan.stop_delay, lambda: self.exit(term_signal=signum))

    def stop(self, signum: int, *, leader_only: bool = False) -> None:
        """Take a signal that ends it and all it started, or it alone."""
        self._stopping = not leader_only
        self.stop_signals.append((self._system.now(), signum))
        self.signal(signum)

    def hold_output(self, held: bool) -> None:
        """Record it; `emit` delivers all the same."""
        self.held = held

    async def write(self, label: str, data: bytes) -> None:
        """Record what was written."""
        await trio.lowlevel.checkpoint()
        if label in self.closed_inputs:
            raise BrokenPipeError(label)
        self.written[label] = self.written.get(label, b"") + data

    def close_input(self, label: str) -> None:
        """Record that an input was closed."""
        self.closed_inputs.append(label)

    def status(self) -> str:
        """Return `sleeping`, or `zombie` once it has exited."""
        return "sleeping" if self.alive else "zombie"


class FakeSystem:
    """A fake operating system.

    Args:
        seed: of its random numbers: the same seed gives the same run.
        plan: returns how a process that is being spawned lives; without it, until it is stopped.

    Attributes:
        processes: those not reaped yet, by os_pid.
        spawned: how many have been spawned, without stop commands.
    """

    def __init__(self, seed: int = 0, plan: Callable[[SpawnRequest], Plan] | None = None) -> None:
        self.chance = random.Random(seed)
        self.processes: dict[int, FakeProcess] = {}
        self.spawned = 0
        self._plan = plan or (lambda request: Plan())
        self._os_pids = count(1000)
        self._order = count()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._changed = trio.Event()

    def now(self) -> float:
        """Return the time of trio's clock, virtual or not."""
        return trio.current_time()

    def wall(self) -> float:
        """Return the time of trio's clock: nothing here depends on the date."""
        return trio.current_time()

    def random(self) -> float:
        """Return a random number that depends on the seed."""
        return self.chance.random()

    def environ(self) -> Mapping[str, str]:
        """Return a small environment."""
        return {"PATH": "/usr/bin:/bin"}

    def user(self, uid: int | str | None, gid: int | str | None) -> User | None:
        """Return user 1 for every name and number."""
        return None if uid is None and gid is None else User(1, 1, (), {})

    def spawn(self, request: SpawnRequest, listener: ChildListener) -> FakeProcess:
        """Start a fake process."""
        plan = self._plan(request)
        if plan.error is not None:
            raise plan.error
        self.spawned += MAINPID not in request.environ
        process = FakeProcess(self, next(self._os_pids), request, plan, listener)
        self.processes[process.os_pid] = process
        return process

    def call_later(self, seconds: float, function: Callable[[], None]) -> None:
        """Call a function from the system's own task, after some seconds."""
        heappush(self._timers, (self.now() + seconds, next(self._order), function))
        self._changed.set()

    async def run(self) -> None:
        """Run the timers until cancelled."""
        while True:
            self._changed = trio.Event()
            deadline = self._timers[0][0] if self._timers else inf
            with trio.CancelScope(deadline=deadline):
                await self._changed.wait()
            now = self.now()
            while self._timers and self._timers[0][0] <= now:
                heappop(self._timers)[2]()
            await trio.lowlevel.checkpoint()


class Recorder:
    """A plugin that keeps every event.

    Attributes:
        events: all of them, in order.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = trio.lowlevel.ParkingLot()

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self._news.unpark_all()

    def names(self, job: str | None = None) -> list[str]:
        """Return the names of the events so far, of one job or of all."""
        return [event.event for event in self.events if job is None or event.name == job]

    async def wait_for(self, event: str, **fields: Any) -> Event:
        """Return the first event of this name whose fields have these values, past or future."""
        seen = 0
        while True:
            for candidate in self.events[seen:]:
                if candidate.event == event and fields.items() <= candidate.to_dict().items():
                    await trio.lowlevel.checkpoint()
                    return candidate
            seen = len(self.events)
            await self._news.park()
