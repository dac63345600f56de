"""Kernel.reload applies only the differences in the file."""

import logging
from contextlib import asynccontextmanager

import pytest

from gaffer_kernel import Config, ConfigError, GafferError, JobConfig, NotFound, hookimpl
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.testing import FakeSystem, Plan, Recorder

FILE = """
[process:same]
cmd = same
[process:changed]
cmd = old
[process:scaled]
cmd = scaled
[process:gone]
cmd = gone
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gaffer.ini"
    path.write_text(FILE)
    return path


@pytest.fixture
async def kernel(autojump_clock, file, recorder):
    async with open_kernel(Config.read(file), plugins=[recorder], system=FakeSystem()) as kernel:
        for job in kernel.manager.jobs():
            await job.settled()
        yield kernel


@pytest.fixture
def recorder():
    return Recorder()


def rewrite(file, *changes):
    text = file.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)


def events_since(recorder, seq):
    return [(event.event, event.name) for event in recorder.events if event.seq > seq]


def messages(caplog, level=logging.INFO):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "gaffer_kernel.reload" and record.levelno >= level
    ]


async def test_reload_of_an_unchanged_file_changes_nothing(autojump_clock, kernel, recorder):
    before = kernel.events.seq
    await kernel.reload()
    assert kernel.events.seq == before


async def test_only_the_differences_are_applied(autojump_clock, kernel, recorder, file):
    pids = {str(job.name): job.pids() for job in kernel.manager.jobs()}
    rewrite(
        file,
        ("cmd = old", "cmd = new"),
        ("cmd = scaled", "cmd = scaled\nnumprocesses = 3"),
        ("[process:gone]\ncmd = gone", "[process:shop:new]\ncmd = new"),
    )
    await kernel.reload()
    manager = kernel.manager
    for job in manager.jobs():
        await job.settled()
    assert manager.get("same").pids() == pids["same"]
    assert manager.get("scaled").pids()[:1] == pids["scaled"]
    assert len(manager.get("scaled").pids()) == 3
    assert manager.get("changed").pids() != pids["changed"]
    assert manager.get("changed").config.cmd == "new"
    assert len(manager.get("shop.new").pids()) == 1
    with pytest.raises(NotFound):
        manager.get("gone")
    assert not [event for event in recorder.events if event.name == "same" and event.seq > 20]


async def test_jobs_that_are_not_from_the_file_are_not_touched(autojump_clock, kernel, file):
    job = kernel.manager.load(JobConfig(name="mine", cmd="mine"))
    await job.settled()
    pids = job.pids()
    rewrite(file, ("cmd = old", "cmd = new"))
    await kernel.reload()
    assert kernel.manager.get("mine").pids() == pids


async def test_a_job_unloaded_over_the_api_stays_so_until_the_file_changes(
    autojump_clock, kernel, file
):
    kernel.manager.unload("changed")
    kernel.manager.unload("gone")
    await kernel.reload()
    with pytest.raises(NotFound):
        kernel.manager.get("changed")
    rewrite(file, ("cmd = old", "cmd = new"), ("[process:gone]\ncmd = gone", ""))
    await kernel.reload()
    assert kernel.manager.get("changed").config.cmd == "new"


async def test_a_new_section_replaces_a_job_loaded_over_the_api(autojump_clock, kernel, file):
    kernel.manager.load(JobConfig(name="new", cmd="by-hand"))
    rewrite(file, ("[process:gone]", "[process:new]"))
    await kernel.reload()
    assert kernel.manager.get("new").config.cmd == "gone"


async def test_a_stopped_job_that_changes_stays_stopped(autojump_clock, kernel, file):
    kernel.manager.get("changed").stop()
    rewrite(file, ("cmd = old", "cmd = new"))
    await kernel.reload()
    job = kernel.manager.get("changed")
    await job.settled()
    assert not job.active
    assert job.pids() == []


@pytest.mark.parametrize(
    "wrong",
    [
        "[process:bad]\n",
        "[process:bad]\ncmd = x\nnumprocesses = many\n",
        "[nonsense]\n",
        "no section\n",
        "[process:same]\ncmd = again\n",
    ],
)
async def test_a_wrong_file_changes_nothing(autojump_clock, kernel, file, wrong):
    before = kernel.events.seq
    file.write_text(wrong if "no section" in wrong else file.read_text() + wrong)
    with pytest.raises(ConfigError, match=r"gaffer\.ini:\d+: "):
        await kernel.reload()
    assert kernel.events.seq == before
    assert len(kernel.manager.jobs()) == 4


@pytest.mark.parametrize("text", ["", "\n# web = gone\n"])
async def test_file_without_a_section_is_refused(autojump_clock, kernel, file, text):
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        await kernel.reload()
    assert str(refused.value) == (
        f"{file}: no section left, but 4 jobs loaded from it: to unload them all, keep [gaffer]"
    )
    assert len(kernel.manager.pids()) == 4
    file.write_text("[gaffer]\n")
    await kernel.reload()
    assert kernel.manager.jobs() == []


async def test_file_that_never_had_a_section_is_reloaded(autojump_clock, file):
    file.write_text("")
    async with open_kernel(Config.read(file), system=FakeSystem()) as kernel:
        await kernel.reload()
        file.write_text(FILE)
        await kernel.reload()
        assert len(kernel.manager.jobs()) == 4


async def test_reload_logs_what_it_did(autojump_clock, kernel, file, caplog):
    caplog.set_level(logging.INFO)
    await kernel.reload()
    rewrite(
        file,
        ("cmd = old", "cmd = new"),
        ("cmd = scaled", "cmd = scaled\nnumprocesses = 3"),
        ("[process:gone]\ncmd = gone", "[process:fresh]\ncmd = fresh"),
    )
    await kernel.reload()
    assert messages(caplog) == [
        "configuration reloaded: no job changed",
        "gone: unloaded: removed from the configuration",
        "changed: changed: cmd",
        "scaled: scaled from 1 to 3",
        "fresh: loaded",
        "configuration reloaded: jobs: 1 loaded, 1 changed, 1 scaled, 1 unloaded",
    ]


ROLLING = "cmd = changed\nrestart_batch = 1\nready_after = 1s"


async def test_change_that_failed_is_tried_again_by_the_next_reload(autojump_clock, file, recorder):
    file.write_text("[process:web]\ncmd = old\n")
    plans = {}
    system = FakeSystem(plan=lambda request: plans.get(request.argv[0], Plan()))
    async with open_kernel(Config.read(file), plugins=[recorder], system=system) as kernel:
        job = kernel.manager.get("web")
        await job.settled()
        plans["changed"] = Plan(life=0.1, exit_code=1)
        rewrite(file, ("cmd = old", ROLLING))
        await kernel.reload()
        await job.settled()
        assert (job.config.cmd, job.pids()) == ("old", [1])
        assert recorder.names("web").count("restart_failed") == 1
        await kernel.reload()
        await job.settled()
        assert recorder.names("web").count("restart_failed") == 2
        del plans["changed"]
        await kernel.reload()
        await job.settled()
        assert job.config.cmd == "changed"
        assert job.restart_failure is None


async def test_file_with_the_old_configuration_again_changes_nothing(
    autojump_clock, file, recorder
):
    file.write_text("[process:web]\ncmd = old\n")
    plan = {"changed": Plan(life=0.1)}
    system = FakeSystem(plan=lambda request: plan.get(request.argv[0], Plan()))
    async with open_kernel(Config.read(file), plugins=[recorder], system=system) as kernel:
        job = kernel.manager.get("web")
        await job.settled()
        rewrite(file, ("cmd = old", ROLLING))
        await kernel.reload()
        await job.settled()
        rewrite(file, (ROLLING, "cmd = old"))
        await kernel.reload()
        await job.settled()
        assert job.pids() == [1]


async def test_a_missing_file_changes_nothing(autojump_clock, kernel, file):
    file.unlink()
    with pytest.raises(GafferError, match=r"gaffer\.ini"):
        await kernel.reload()
    assert len(kernel.manager.jobs()) == 4


async def test_reload_without_a_file_keeps_the_jobs(autojump_clock):
    async with open_kernel(system=FakeSystem()) as kernel:
        await kernel.reload()


async def test_a_reload_while_the_plugins_open_is_not_lost(autojump_clock, file):
    class Early:
        @hookimpl
        @asynccontextmanager
        async def gaffer_service(self, kernel):
            rewrite(file, ("[process:gone]\ncmd = gone", "[process:new]\ncmd = new"))
            await kernel.reload()
            yield

    async with open_kernel(Config.read(file), plugins=[Early()], system=FakeSystem()) as kernel:
        names = ["same", "changed", "scaled", "new"]
        assert [str(job.name) for job in kernel.manager.jobs()] == names
        await kernel.reload()
        assert [str(job.name) for job in kernel.manager.jobs()] == names


@pytest.mark.parametrize("text", ["", "[process:same]\ncmd = same\ntypo = 1\n"])
async def test_a_wrong_file_while_the_plugins_open_changes_nothing(autojump_clock, file, text):
    configured = []

    class Early:
        @hookimpl
        def gaffer_configure(self, config, plugins):
            configured.append(len(config.sections()))

        @hookimpl
        @asynccontextmanager
        async def gaffer_service(self, kernel):
            file.write_text(text)
            with pytest.raises(ConfigError):
                await kernel.reload()
            yield

    async with open_kernel(Config.read(file), plugins=[Early()], system=FakeSystem()) as kernel:
        names = ["same", "changed", "scaled", "gone"]
        assert [str(job.name) for job in kernel.manager.jobs()] == names
    assert configured[-1] == configured[0]


async def test_changed_keys_that_need_a_restart_are_logged(autojump_clock, file, caplog):
    async with open_kernel(Config.read(file), system=FakeSystem()) as kernel:
        file.write_text(f"[gaffer]\ndisable_plugins = web\npidfile = pid\n{FILE}")
        await kernel.reload()
        await kernel.reload()
    assert messages(caplog, logging.WARNING) == [
        "[gaffer] disable_plugins: changed: restart gafferd to apply it",
        "[gaffer] pidfile: changed: restart gafferd to apply it",
    ]
