"""Job options of plugins in a kernel: from the file, over reloads, while plugins close."""

from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from gaffer_kernel import (
    Config,
    ConfigError,
    InvalidField,
    JobConfig,
    Kernel,
    PluginError,
    hookimpl,
)
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.plugin import FilePath, Seconds
from gaffer_kernel.testing import FakeSystem, Recorder


class Options(Struct, frozen=True):
    probe_url: Annotated[str | None, Meta(description="what to ask")] = None
    probe_every: Annotated[Seconds, Meta(description="how often", extra={"applies": "live"})] = 10.0
    probe_user: Annotated[str, Meta(extra={"applies": "next_start"})] = "nobody"
    probe_file: FilePath | None = None

    def __post_init__(self):
        if self.probe_user == "root" and self.probe_url is None:
            raise InvalidField("probe_user", "needs probe_url")


class Probe:
    name = "probe"

    @hookimpl
    def gaffer_job_options(self):
        return Options

    @hookimpl
    def gaffer_process_env(self, job):
        return {"PROBE": str(job.options(Options).probe_every)}


FILE = """
[process:web]
cmd = web
probe_url = http://a
probe_every = 1m

[process:plain]
cmd = plain
"""


def read(text, tmp_path):
    path = tmp_path / "gaffer.ini"
    path.write_text(text)
    return Config.read(path)


@asynccontextmanager
async def running(config=None, *plugins):
    async with open_kernel(config, plugins=[Probe(), *plugins], system=FakeSystem()) as kernel:
        for job in kernel.manager.jobs():
            await job.settled()
        yield kernel


async def test_options_of_the_file_are_typed(autojump_clock, tmp_path):
    async with running(read(FILE, tmp_path)) as kernel:
        web, plain = kernel.manager.jobs()

        assert web.config.options == {"probe_url": "http://a", "probe_every": 60.0}
        assert web.options(Options) == Options(probe_url="http://a", probe_every=60.0)
        assert web.options(Options) is web.options(Options)
        assert plain.options(Options) == Options()
        assert web.info()["config"]["probe_every"] == 60.0
        assert "probe_every" not in plain.info()["config"]


async def test_path_in_the_file_is_relative_to_it(autojump_clock, tmp_path):
    text = FILE + "probe_file = log/x\n"
    async with running(read(text, tmp_path)) as kernel:
        job = kernel.manager.get("plain")
        assert job.options(Options).probe_file == f"{tmp_path}/log/x"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("probe_every = soon", "7: [process:x] probe_every: must be seconds from 0"),
        ("probe_evry = 5", "7: [process:x] probe_evry: unknown key, did you mean 'probe_every'?"),
        ("health_http = /", "7: [process:x] health_http: belongs to gaffer-health, which is not"),
        ("probe_user = root", "7: [process:x] probe_user: needs probe_url"),
        ("options = 5", "7: [process:x] options: unknown key"),
    ],
)
def test_wrong_option_of_the_file_is_named(tmp_path, lines, message):
    config = read(
        f"[process:a]\ncmd = a\nprobe_every = 1\n\n[process:x]\ncmd = x\n{lines}\n", tmp_path
    )
    start = f"{tmp_path}/gaffer.ini:{message}"

    with pytest.raises(ConfigError) as caught:
        Kernel(config, plugins=[Probe()]).configure()
    [mistake] = Kernel(config, plugins=[Probe()]).find_mistakes()

    assert str(caught.value).startswith(start)
    assert str(mistake) == str(caught.value)


def test_all_wrong_options_are_found_at_once(tmp_path):
    config = read("[process:x]\ncmd = x\nprobe_every = a\nprobe_b = 1\nnice = 5\n", tmp_path)
    mistakes = Kernel(config, plugins=[Probe()]).find_mistakes()

    assert [mistake.key for mistake in mistakes] == ["probe_every", "probe_b", "nice"]


def test_same_key_of_two_plugins_is_an_error():
    class Other:
        name = "other"

        @hookimpl
        def gaffer_job_options(self):
            return Options

    with pytest.raises(PluginError) as caught:
        Kernel(plugins=[Probe(), Other()]).configure()
    assert str(caught.value).startswith(
        "plugin other: its job option probe_url: the plugin probe declares it, too: disable one"
    )


def test_plugin_whose_declaration_raises_is_named():
    class Broken:
        name = "broken"

        @hookimpl
        def gaffer_job_options(self):
            raise RuntimeError("no types today")

    with pytest.raises(PluginError, match="plugin broken: gaffer_job_options raised RuntimeError"):
        Kernel(plugins=[Broken()]).configure()


def test_wrong_option_of_a_job_of_a_plugin_is_an_error():
    class Adds:
        name = "adds"

        @hookimpl
        def gaffer_configure(self, config):
            config.add_job(JobConfig(name="x", cmd="x", options={"probe_every": "soon"}))

    with pytest.raises(ConfigError, match="job x, added by a plugin: probe_every: must be seconds"):
        Kernel(plugins=[Probe(), Adds()]).configure()


async def test_options_are_checked_when_a_job_is_loaded_or_updated(autojump_clock):
    async with running() as kernel:
        good = JobConfig(name="web", cmd="web", options={"probe_every": "500ms"})
        wrong = JobConfig(name="web", cmd="web", options={"probe": 1})
        job = kernel.manager.load(good)

        assert job.config.options == {"probe_every": 0.5}
        for change in (job.update, kernel.manager.load, kernel.manager.update):
            with pytest.raises(InvalidField, match="probe: is no option of a job"):
                change(wrong)
        assert job.config.options == {"probe_every": 0.5}


async def update(job, **options):
    """Update a job to these options; return whether its process was kept."""
    [before] = job.pids()
    job.update(JobConfig(name="web", cmd="web", options=options))
    await job.settled()
    [after] = job.pids()
    return after == before


async def test_update_replaces_processes_as_the_options_say(autojump_clock):
    recorder = Recorder()
    async with running(None, recorder) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="web"))
        await job.settled()
        seen = recorder.events[-1].seq

        assert await update(job, probe_every=5)
        assert job.options(Options).probe_every == 5.0
        assert [event.event for event in recorder.events if event.seq > seen] == ["update"]
        assert await update(job, probe_every=5, probe_user="daemon")
        assert not await update(job, probe_url="http://b")
        assert not await update(job)
        assert job.options(Options) == Options()


async def test_update_of_live_options_can_scale_and_start(autojump_clock):
    async with running() as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="web", start=False))
        config = JobConfig(
            name="web", cmd="web", start=False, numprocesses=2, options={"probe_every": 5}
        )
        job.update(config, start=True)
        await job.settled()
        assert len(job.pids()) == 2


async def test_reload_replaces_processes_as_the_options_say(autojump_clock, tmp_path, caplog):
    caplog.set_level("INFO", "gaffer_kernel.reload")
    config = read(FILE, tmp_path)
    async with running(config) as kernel:
        job = kernel.manager.get("web")
        [before] = job.pids()

        read(FILE.replace("1m", "2m"), tmp_path)
        await kernel.reload()
        await job.settled()
        assert job.pids() == [before]
        assert job.options(Options).probe_every == 120.0
        assert "web: changed: probe_every" in caplog.messages

        read(FILE.replace("1m", "2m").replace("//a", "//b"), tmp_path)
        await kernel.reload()
        await job.settled()
        assert job.pids() != [before]
        assert "web: changed: probe_url" in caplog.messages


async def test_reload_with_a_wrong_option_changes_nothing(autojump_clock, tmp_path):
    async with running(read(FILE, tmp_path)) as kernel:
        read(FILE.replace("1m", "soon"), tmp_path)
        with pytest.raises(ConfigError, match="probe_every: must be seconds"):
            await kernel.reload()
        assert kernel.manager.get("web").options(Options).probe_every == 60.0


async def test_reload_of_the_same_value_in_another_form_changes_nothing(autojump_clock, tmp_path):
    async with running(read(FILE, tmp_path)) as kernel:
        before = kernel.events.seq
        read(FILE.replace("1m", "60") + "probe_every = 10s\n", tmp_path)
        await kernel.reload()
        assert kernel.events.seq == before


async def test_options_of_a_closed_plugin_stay_without_effect(autojump_clock, tmp_path):
    async with running(read(FILE, tmp_path)) as kernel:
        job = kernel.manager.get("web")
        [process] = job.processes
        system = kernel._system
        assert system.processes[process.os_pid].request.environ["PROBE"] == "60.0"

        await kernel.plugins.close("probe")
        await kernel.reload()
        job.restart()
        await job.settled()
        [process] = job.processes
        assert "PROBE" not in system.processes[process.os_pid].request.environ
        assert job.config.options["probe_every"] == 60.0

        await kernel.plugins.open("probe")
        job.restart()
        await job.settled()
        [process] = job.processes
        assert system.processes[process.os_pid].request.environ["PROBE"] == "60.0"


async def test_one_off_has_the_options_of_its_job(autojump_clock, tmp_path):
    async with running(read(FILE, tmp_path)) as kernel:
        job = kernel.manager.get("web")
        pid = job.commit({"A": "1"})
        await job.settled()
        assert kernel.manager.process(pid).config.options == job.config.options
