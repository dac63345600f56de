"""The shutdown of all jobs, and the detached processes that outlive it."""

import pytest
import trio

from gaffer_kernel.errors import Closing
from gaffer_kernel.jobs.config import Flapping, JobConfig
from gaffer_kernel.jobs.supervisor import Supervisor
from gaffer_kernel.kernel import Kernel, open_kernel
from gaffer_kernel.testing import FakeProcess, FakeSystem, Plan
from tests.fake_jobs import CRASH, SLOW, STUBBORN, Span, fakes, idle, web

# Shutdown


async def test_shutdown_stops_every_job_in_parallel(autojump_clock, kernel, plans, recorder):
    plans["serve"] = SLOW
    for name in "abc":
        await kernel.manager.load(web(name=name, numprocesses=2)).settled()
    recorder.events.clear()
    span = Span()
    kernel.stop()
    for name in "abc":
        await kernel.manager.get(name).gone.wait()
    assert span.seconds == pytest.approx(10)
    for name in "abc":
        assert recorder.names(name) == ["stop", "stop_pid", "stop_pid", "exit", "exit"]
    stopped = [event.event for event in recorder.events[:9]]
    assert sorted(stopped) == ["stop"] * 3 + ["stop_pid"] * 6


async def test_shutdown_kills_each_process_after_its_own_timeout(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = STUBBORN
    for seconds in (5, 1, 20):
        config = web(name=f"after{seconds}", graceful_timeout=seconds)
        await kernel.manager.load(config).settled()
    span = Span()
    kernel.stop()
    for seconds in (1, 5, 20):
        await recorder.wait_for("exit", name=f"after{seconds}", term_signal=9)
        assert span.seconds == pytest.approx(seconds)


async def test_load_and_start_do_nothing_during_shutdown(autojump_clock, kernel, plans, system):
    plans["serve"] = SLOW
    job = kernel.manager.load(web())
    stopped = kernel.manager.load(web(name="stopped"), start=False)
    await job.settled()
    kernel.stop()
    await trio.sleep(1)
    with pytest.raises(Closing):
        kernel.manager.load(web(name="late"))
    for verb in (job.start, job.restart, job.reload, stopped.start, stopped.restart):
        verb()
    job.update(web(cmd="new"), start=True)
    with pytest.raises(Closing):
        stopped.commit()
    await trio.sleep(60)
    assert (system.spawned, system.processes) == (1, {})


async def test_a_hook_cannot_start_a_job_during_shutdown(
    autojump_clock, kernel, adviser, system, caplog
):
    job = kernel.manager.load(web())
    await job.settled()
    kernel.stop()
    adviser.on_event = lambda event: job.start()
    await trio.sleep(60)
    assert (system.spawned, job.gone.is_set()) == (1, True)


async def test_crashing_and_pausing_jobs_do_not_delay_shutdown(autojump_clock, kernel, plans):
    plans["serve"] = CRASH
    kernel.manager.load(web())
    kernel.manager.load(web(name="resting", flapping=Flapping(retry_in=1000)))
    await trio.sleep(500)
    span = Span()
    kernel.stop()
    await idle()
    assert span.seconds == 0
    assert kernel.manager.pids() == []


@pytest.mark.parametrize("before", [True, False])
async def test_shutdown_with_kill_does_not_wait(autojump_clock, plans, system, before):
    plans["serve"] = STUBBORN
    async with open_kernel(system=system) as kernel:
        await kernel.manager.load(web(graceful_timeout=1000, numprocesses=3)).settled()
        span = Span()
        if not before:
            kernel.stop()
            await trio.sleep(5)
        kernel.stop(kill=True)
    assert span.seconds == pytest.approx(0 if before else 5)
    assert system.processes == {}


async def test_kill_stopping_reaches_unloaded_jobs_of_the_same_name(autojump_clock, plans, system):
    plans["serve"] = STUBBORN
    async with open_kernel(system=system) as kernel:
        await kernel.manager.load(web(graceful_timeout=1000)).settled()
        for _ in range(3):
            kernel.manager.unload("web")
            kernel.manager.load(web())
        span = Span()
        kernel.stop(kill=True)
    assert span.seconds == pytest.approx(0)


async def test_shutdown_waits_for_unloaded_jobs_of_the_same_name(
    autojump_clock, plans, system, ledger
):
    plans["serve"] = Plan(stop_delay=100)
    async with open_kernel(system=system, plugins=[ledger]) as kernel:
        await kernel.manager.load(web(graceful_timeout=1000)).settled()
        for _ in range(3):
            kernel.manager.unload("web")
            kernel.manager.load(web(cmd="other"))
        span = Span()
    assert span.seconds == pytest.approx(100)
    ledger.check_end(system)


async def test_shutdown_works_after_a_thousand_reloads_of_one_name(autojump_clock, plans, system):
    plans["serve"] = STUBBORN
    async with open_kernel(system=system) as kernel:
        await kernel.manager.load(web(graceful_timeout=5)).settled()
        for _ in range(1500):
            kernel.manager.unload("web")
            kernel.manager.load(web(cmd="other"))
        span = Span()
    assert span.seconds == pytest.approx(5)
    assert system.processes == {}


async def test_stop_timeout_includes_jobs_being_unloaded(autojump_clock, kernel, plans):
    plans["serve"] = SLOW
    await kernel.manager.load(web(graceful_timeout=300)).settled()
    kernel.manager.unload("web")
    assert kernel.manager.stop_timeout == 300


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_exception_and_cancellation_stop_everything_in_order(
    autojump_clock, plans, system, ledger, how
):
    plans["serve"] = SLOW
    with pytest.raises(BaseExceptionGroup) if how == "failed" else trio.move_on_after(3):
        async with open_kernel(system=system, plugins=[ledger]) as kernel:
            await kernel.manager.load(web(numprocesses=2)).settled()
            if how == "failed":
                raise RuntimeError("of the program around it")
            await trio.sleep_forever()
    assert trio.current_time() == pytest.approx(10 if how == "failed" else 13)
    ledger.check_end(system)


class Unkillable(FakeSystem):
    """A system whose processes hang in uninterruptible sleep, as on a dead NFS server."""

    def spawn(self, request, listener):
        process = super().spawn(request, listener)
        process.signal = process.signals.append
        return process


async def test_shutdown_logs_and_leaves_processes_that_do_not_exit_after_sigkill(
    autojump_clock, caplog
):
    system = Unkillable()
    async with open_kernel(system=system) as kernel:
        await kernel.manager.load(web(graceful_timeout=5)).settled()
        span = Span()
    assert span.seconds == pytest.approx(15)
    assert next(iter(system.processes.values())).signals == [15, 9]
    assert "web: process 1 (os pid 1000)" in caplog.text


# Detached


def detached(**settings: object) -> JobConfig:
    return web(detach=True, **settings)


async def left_behind(kernel: Kernel, system: FakeSystem) -> list[FakeProcess]:
    """Return the processes that still run after the kernel has stopped."""
    kernel.stop()
    await trio.sleep(100)
    return list(system.processes.values())


async def test_detached_processes_survive_the_kernel(autojump_clock, kernel, system, recorder):
    job = kernel.manager.load(detached(numprocesses=2))
    await job.settled()
    left = await left_behind(kernel, system)
    assert [fake.signals for fake in left] == [[], []]
    assert recorder.names("web")[-1] == "stop"


async def test_one_process_of_each_detached_instance_survives_during_a_rollout(
    autojump_clock, kernel, system
):
    job = kernel.manager.load(detached(numprocesses=2, restart_batch=1, ready_after=5.0))
    await job.settled()
    job.restart()
    await trio.sleep(1)
    assert len(system.processes) == 3
    left = await left_behind(kernel, system)
    assert [fake.signals for fake in left] == [[], []]


async def test_detached_processes_are_supervised_until_shutdown(
    autojump_clock, kernel, system, recorder
):
    job = kernel.manager.load(detached())
    await job.settled()
    fakes(job, system)[0].exit(1)
    await recorder.wait_for("exit", pid=1)
    await job.settled()
    assert job.pids() == [2]
    assert (await recorder.wait_for("spawn", pid=2)).data["detach"] is True
    job.stop()
    await job.settled()
    assert system.processes == {}
    job.start()
    await job.settled()
    kernel.manager.unload("web")
    await job.gone.wait()
    assert system.processes == {}


async def test_a_stopping_detached_process_is_awaited_at_shutdown(
    autojump_clock, kernel, plans, system
):
    plans["serve"] = SLOW
    job = kernel.manager.load(detached())
    await job.settled()
    job.stop()
    await trio.sleep(1)
    assert await left_behind(kernel, system) == []


# Internal errors


class Broken(FakeSystem):
    """A system that raises an unexpected exception."""

    def spawn(self, request, listener):
        if request.argv[0] == "bad":
            raise RuntimeError("not foreseen")
        return super().spawn(request, listener)


async def test_an_internal_error_in_one_job_is_logged_and_others_go_on(
    autojump_clock, ledger, caplog
):
    system = Broken()
    async with open_kernel(system=system, plugins=[ledger]) as kernel:
        good = kernel.manager.load(web(numprocesses=2))
        await good.settled()
        bad = kernel.manager.load(web(name="bad", cmd="bad"))
        await trio.sleep(1000)
        assert len(good.pids()) == 2
        assert bad.pids() == []
        # Tried again, but not without a pause.
        assert 1 < caplog.text.count("bad: internal error") <= 101
        assert "RuntimeError: not foreseen" in caplog.text
    ledger.check_end(system)


# Failures of the kernel itself


class BrokenSystem(FakeSystem):
    """A system whose `run` raises when the test wants it."""

    def __init__(self, errors):
        super().__init__(plan=lambda request: SLOW)
        self.errors = errors
        self.broken = trio.Event()

    async def run(self):
        if self.broken.is_set() and self.errors:
            raise self.errors.pop()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._break)
            await super().run()

    async def _break(self):
        await self.broken.wait()
        if self.errors:
            raise self.errors.pop()


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3), GeneratorExit()])
async def test_a_failure_of_the_system_stops_the_processes_as_usual(
    autojump_clock, recorder, error, caplog
):
    system = BrokenSystem([error])
    with pytest.RaisesGroup(RuntimeError):
        async with open_kernel(plugins=[recorder], system=system) as kernel:
            await kernel.manager.load(web()).settled()
            span = Span()
            system.broken.set()
            await trio.sleep_forever()
    assert span.seconds == pytest.approx(10, abs=1)
    [exited] = [event for event in recorder.events if event.event == "exit"]
    assert exited.data["term_signal"] == 15
    assert caplog.text.count("internal error: stopping every job") == 1
    assert type(error).__name__ in caplog.text


async def test_a_system_that_fails_again_and_again_ends_with_sigkill(autojump_clock, recorder):
    system = BrokenSystem([ValueError("odd") for _ in range(100)])
    with trio.fail_after(5), pytest.RaisesGroup(RuntimeError):
        async with open_kernel(plugins=[recorder], system=system) as kernel:
            await kernel.manager.load(web()).settled()
            [process] = system.processes.values()
            system.broken.set()
            await trio.sleep_forever()
    assert process.signals[-1] == 9


async def test_a_failure_of_the_spawn_queue_stops_the_processes_as_usual(
    autojump_clock, recorder, monkeypatch
):
    system = FakeSystem(plan=lambda request: SLOW)
    with pytest.RaisesGroup(RuntimeError):
        async with open_kernel(plugins=[recorder], system=system) as kernel:
            await kernel.manager.load(web()).settled()
            monkeypatch.setattr(Supervisor, "spawn_next", lambda self: 1 / 0)
            kernel.manager.load(web(name="other"))
            await trio.sleep_forever()
    [exited] = [event for event in recorder.events if event.event == "exit"]
    assert exited.data["term_signal"] == 15
