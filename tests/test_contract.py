"""The fake system behaves like the real one: the same scenarios publish the same events."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from gaffer_kernel import Job, JobConfig, Kernel, open_kernel
from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.system import ChildListener, SpawnRequest, System
from gaffer_kernel.testing import FakeProcess, FakeSystem, Plan, Recorder
from tests.invariants import Ledger

Scenario = Callable[[Kernel, Recorder], Awaitable[None]]

STEADY = {"cmd": "sleep 600"}
CRASHER = {"cmd": "false"}
MORTAL = {"cmd": "sleep 0.1"}
ABSENT = {"cmd": "/no/such/program"}
STUBBORN = {
    "cmd": "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done'",
    "graceful_timeout": 0.2,
    "redirect_output": ["out"],
}


def plan(request: SpawnRequest) -> Plan:
    """Return how the fake process of each program lives."""
    return {
        "true": Plan(life=0.001),
        "false": Plan(life=0.001, exit_code=1),
        "/no/such/program": Plan(error=SpawnError("command_not_found", "no such program")),
        "sh": Plan(stop_delay=float("inf")),
        "sleep": Plan(life=float(request.argv[-1])) if request.argv[0] == "sleep" else Plan(),
    }[request.argv[0]]


def load(kernel: Kernel, program: dict[str, object], **settings: object) -> Job:
    return kernel.manager.load(JobConfig(name="web", **program, **settings))


async def life_of_a_job(kernel: Kernel, recorder: Recorder) -> None:
    job = load(kernel, STEADY)
    for verb in (job.stop, job.start, job.restart, job.reload, job.stopall):
        await job.settled()
        verb()
    await job.settled()
    kernel.manager.unload("web")
    await job.gone.wait()


async def scaled_up_and_down(kernel: Kernel, recorder: Recorder) -> None:
    job = load(kernel, STEADY)
    for change in (1, "=1", "=0", "+1"):
        await job.settled()
        job.scale(change)
    await job.settled()


async def replaced_after_its_exit(kernel: Kernel, recorder: Recorder) -> None:
    load(kernel, MORTAL, flapping=Flapping(attempts=3, window=60, max_retry=0))
    await recorder.wait_for("flap")


async def given_up(kernel: Kernel, recorder: Recorder) -> None:
    load(kernel, CRASHER, flapping=Flapping(attempts=2, retry_in=0.1, max_retry=1))
    await recorder.wait_for("flap", gave_up=True)


async def killed_from_outside(kernel: Kernel, recorder: Recorder) -> None:
    job = load(kernel, STEADY)
    await job.settled()
    job.killall("KILL")
    await recorder.wait_for("exit")
    await job.settled()


async def ignores_sigterm(kernel: Kernel, recorder: Recorder, *, pty: bool = False) -> None:
    job = load(kernel, STUBBORN, pty=pty)
    await job.settled()
    [process] = job.processes
    async with process.subscribe("out", tail=True) as output:
        await output.receive()
    job.stop()
    await recorder.wait_for("exit", term_signal=9)


async def ignores_sigterm_behind_a_pty(kernel: Kernel, recorder: Recorder) -> None:
    await ignores_sigterm(kernel, recorder, pty=True)


async def stopped_by_steps(kernel: Kernel, recorder: Recorder) -> None:
    steps = {"graceful_timeout": None, "stop": "TERM 100ms, TERM 100ms, KILL"}
    job = kernel.manager.load(JobConfig(name="web", **{**STUBBORN, **steps}))
    await job.settled()
    [process] = job.processes
    async with process.subscribe("out", tail=True) as output:
        await output.receive()
    job.stop()
    await recorder.wait_for("exit", term_signal=9)


async def stopped_with_a_command(kernel: Kernel, recorder: Recorder) -> None:
    job = load(kernel, STEADY, stop_command="true", stop_scope="leader")
    await job.settled()
    job.stop()
    await recorder.wait_for("exit", term_signal=15)


async def cannot_start(kernel: Kernel, recorder: Recorder) -> None:
    job = load(kernel, ABSENT)
    await recorder.wait_for("spawn_error")
    job.stop()


async def one_off(kernel: Kernel, recorder: Recorder) -> None:
    job = load(kernel, MORTAL, numprocesses=0)
    pid = job.commit()
    await recorder.wait_for("exit", pid=pid, once=True)


async def reloaded_at_once(kernel: Kernel, recorder: Recorder) -> None:
    await load(kernel, STEADY).settled()
    kernel.manager.unload("web")
    await load(kernel, STEADY).settled()


class ReadySystem(FakeSystem):
    """A fake system whose programs write a line as soon as they run, as the stubborn one does."""

    def spawn(self, request: SpawnRequest, listener: ChildListener) -> FakeProcess:
        process = super().spawn(request, listener)
        if request.outputs:
            self.call_later(0, lambda: process.emit("ready\n"))
        return process


async def run_scenario(scenario: Scenario, system: System) -> list[tuple[str, object, object]]:
    """Run a scenario and return its events, without what depends on the machine."""
    ledger, recorder = Ledger(), Recorder()
    with trio.fail_after(60):
        async with open_kernel(system=system, plugins=[ledger, recorder]) as kernel:
            await scenario(kernel, recorder)
    ledger.check_over()
    return [
        (event.event, event.data.get("pid"), event.data.get("term_signal"))
        for event in recorder.events
        if event.job is not None
    ]


@pytest.mark.parametrize(
    "scenario",
    [
        life_of_a_job,
        scaled_up_and_down,
        replaced_after_its_exit,
        given_up,
        killed_from_outside,
        ignores_sigterm,
        ignores_sigterm_behind_a_pty,
        stopped_by_steps,
        stopped_with_a_command,
        cannot_start,
        one_off,
        reloaded_at_once,
    ],
)
def test_fake_and_real_system_publish_the_same_events(scenario, brand):
    clock = trio.testing.MockClock(autojump_threshold=0)
    fake = trio.run(run_scenario, scenario, ReadySystem(plan=plan), clock=clock)
    assert trio.run(run_scenario, scenario, LinuxSystem()) == fake
