"""Kernel: start and stop, plugins around jobs, embedding."""

from contextlib import asynccontextmanager

import pytest
import trio

from gaffer_kernel import Config, ConfigError, JobConfig, Kernel, NotFound, PluginError, hookimpl
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.testing import FakeSystem, Plan, Recorder

TWO = "[process:web]\ncmd = serve\n[process:shop:worker]\ncmd = work\nnumprocesses = 2\n"


class Witness:
    """A plugin that records its opening and the events it receives."""

    name = "witness"

    def __init__(self):
        self.seen = []

    @hookimpl
    def gaffer_service(self, kernel):
        @asynccontextmanager
        async def life():
            self.seen.append("open")
            try:
                yield "service of the witness"
            finally:
                self.seen.append("closed")

        return life()

    @hookimpl
    def gaffer_event(self, event):
        if event.event in ("create", "exit"):
            self.seen.append(event.event)


async def test_plugins_open_before_the_jobs_and_close_after_the_last_exit(autojump_clock):
    witness = Witness()
    config = Config.from_string("[process:web]\ncmd = serve\n")
    async with open_kernel(config, plugins=[witness], system=FakeSystem()) as kernel:
        assert witness.seen == ["open", "create"]
        assert kernel.services["witness"] == "service of the witness"
        await kernel.manager.get("web").settled()
    assert witness.seen == ["open", "create", "exit", "closed"]


async def test_jobs_load_by_priority(autojump_clock):
    recorder = Recorder()
    text = "".join(
        f"[process:{name}]\ncmd = x\n{line}\n"
        for name, line in (("c", "priority = 2"), ("last", ""), ("a", "priority = 0"))
    )
    async with open_kernel(Config.from_string(text), plugins=[recorder], system=FakeSystem()):
        starts = [event.name for event in recorder.events if event.event == "start"]
    assert starts == ["a", "c", "last"]


async def test_an_error_in_the_block_stops_every_process(autojump_clock):
    system = FakeSystem()
    with pytest.RaisesGroup(ZeroDivisionError):
        async with open_kernel(Config.from_string(TWO), system=system) as kernel:
            await kernel.manager.get("shop.worker").settled()
            assert len(system.processes) == 3
            raise ZeroDivisionError
    assert system.processes == {}


async def test_a_cancelled_block_waits_for_the_end_of_every_process(autojump_clock):
    system = FakeSystem(plan=lambda request: Plan(stop_delay=20.0))
    with trio.move_on_after(5):
        async with open_kernel(Config.from_string(TWO), system=system):
            await trio.sleep_forever()
    assert trio.current_time() == pytest.approx(25)
    assert system.processes == {}


async def test_stop_can_be_called_again(autojump_clock):
    kernel = Kernel(Config.from_string(TWO), system=FakeSystem())
    async with trio.open_nursery() as nursery:
        assert await nursery.start(kernel.run) is kernel
        kernel.stop()
        kernel.stop()
    assert kernel.stopping


async def test_stop_while_plugins_open_starts_no_job(autojump_clock):
    class Hasty:
        name = "hasty"

        @hookimpl
        def gaffer_service(self, kernel):
            kernel.stop()

    system = FakeSystem()
    await Kernel(Config.from_string(TWO), plugins=[Hasty()], system=system).run()
    assert system.spawned == 0


async def test_stop_with_kill_does_not_wait_for_stop_timeouts(autojump_clock):
    stubborn = FakeSystem(plan=lambda request: Plan(stop_delay=float("inf")))
    kernel = Kernel(Config.from_string(TWO), system=stubborn)
    async with trio.open_nursery() as nursery:
        await nursery.start(kernel.run)
        await kernel.manager.get("shop.worker").settled()
        kernel.stop()
        await trio.sleep(3)
        assert len(stubborn.processes) == 3
        kernel.stop(kill=True)
    assert trio.current_time() == pytest.approx(3, abs=0.1)


async def test_stop_with_kill_applies_to_later_stops(autojump_clock):
    stubborn = FakeSystem(plan=lambda request: Plan(stop_delay=float("inf")))
    kernel = Kernel(Config.from_string(TWO), system=stubborn)
    async with trio.open_nursery() as nursery:
        await nursery.start(kernel.run)
        await kernel.manager.get("web").settled()
        kernel.stop(kill=True)
    assert trio.current_time() == pytest.approx(0, abs=0.1)


async def test_two_kernels_run_in_one_program(autojump_clock):
    first, second = Recorder(), Recorder()
    config = Config.from_string("[process:web]\ncmd = serve\n")
    async with (
        open_kernel(config, plugins=[first], system=FakeSystem()) as one,
        open_kernel(plugins=[second], system=FakeSystem()) as other,
    ):
        assert one.manager.sessions() == ["default"]
        assert other.manager.sessions() == []
    assert "create" in first.names()
    assert "create" not in second.names()


def test_a_section_without_an_owner_prevents_the_start():
    kernel = Kernel(Config.from_string("[webhoks]\n", "g.ini"), system=FakeSystem())
    with pytest.raises(ConfigError, match=r"^g\.ini:1: \[webhoks\] "):
        kernel.configure()


async def test_a_plugin_that_cannot_open_stops_the_kernel(autojump_clock):
    class Broken:
        name = "broken"

        @hookimpl
        def gaffer_service(self, kernel):
            raise OSError("port in use")

    system = FakeSystem()
    kernel = Kernel(Config.from_string(TWO), plugins=[Broken()], system=system)
    with pytest.raises(PluginError, match=r"plugin broken: .*port in use"):
        await kernel.run()
    assert system.spawned == 0


async def test_a_plugin_adds_jobs_variables_and_delays(autojump_clock):
    class Helper:
        name = "helper"

        @hookimpl
        def gaffer_config_sections(self):
            return ["helper"]

        @hookimpl
        def gaffer_configure(self, config):
            config.add_job(JobConfig(name="added", cmd=config.get("helper", "cmd")))

        @hookimpl
        def gaffer_process_env(self, job, number):
            return {"NUMBER": number, "JOB": str(job.name)}

        @hookimpl
        def gaffer_restart_delay(self, job, history):
            return 100.0 if len(history) == 1 else None

    system = FakeSystem()
    config = Config.from_string("[helper]\ncmd = something\n")
    async with open_kernel(config, plugins=[Helper()], system=system) as kernel:
        job = kernel.manager.get("added")
        await job.settled()
        (process,) = system.processes.values()
        assert process.request.argv == ["something"]
        assert process.request.environ["NUMBER"] == "1"
        assert process.request.environ["JOB"] == "added"
        process.exit()
        await trio.sleep(99)
        assert not system.processes
        await trio.sleep(1.5)
        assert len(system.processes) == 1


async def test_a_process_env_that_is_not_a_mapping_is_logged_and_ignored(autojump_clock, caplog):
    class Wrong:
        name = "wrong"

        @hookimpl
        def gaffer_process_env(self):
            return ["PORT=5000"]

    async with open_kernel(
        Config.from_string(TWO), plugins=[Wrong()], system=FakeSystem()
    ) as kernel:
        await kernel.manager.get("web").settled()
    assert "plugin wrong: gaffer_process_env gave a list, not a mapping" in caplog.text


async def test_subscribers_receive_the_last_exit_before_the_end(autojump_clock):
    kernel = Kernel(Config.from_string(TWO), system=FakeSystem())
    async with kernel.events.subscribe("exit", "stop", "delete") as events:
        async with trio.open_nursery() as nursery:
            await nursery.start(kernel.run)
            await kernel.manager.get("shop.worker").settled()
            kernel.stop()
        names = [event.event async for event in events]
    assert sorted(names) == ["exit"] * 3 + ["stop"] * 2


async def test_nothing_is_loaded_while_the_kernel_stops(autojump_clock):
    async with open_kernel(system=FakeSystem()) as kernel:
        manager = kernel.manager
    with pytest.raises(Exception, match="gaffer is shutting down"):
        manager.load(JobConfig(name="late", cmd="x"))
    with pytest.raises(NotFound):
        manager.get("late")


def test_all_plugins_whose_hook_fails_while_configuring_are_named():
    class Bad:
        def __init__(self, name):
            self.name = name

        @hookimpl
        def gaffer_configure(self, config):
            raise ValueError(f"oh {self.name}")

    with pytest.raises(PluginError) as caught:
        Kernel(plugins=[Bad("one"), Bad("two")], system=FakeSystem()).configure()
    assert str(caught.value).startswith("plugin one: gaffer_configure raised ValueError: oh one (")
    assert "; plugin two: gaffer_configure raised ValueError: oh two (" in str(caught.value)
