"""Kernel.plan says what Kernel.reload does, and changes nothing."""

import os
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from gaffer_kernel import Config, ConfigError, JobConfig, NotFound, hookimpl
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.testing import FakeSystem, Recorder

BEFORE = """
[process:same]
cmd = same
[process:changed]
cmd = old
[process:scaled]
cmd = scaled
[process:both]
cmd = both
[process:live]
cmd = live
[process:later]
cmd = later
[process:gone]
cmd = gone
"""
AFTER = """
[process:same]
cmd = same
[process:changed]
cmd = new
priority = 1
[process:scaled]
cmd = scaled
numprocesses = 3
[process:both]
cmd = changed
numprocesses = 2
[process:live]
cmd = live
tag_live = a
numprocesses = 2
[process:later]
cmd = later
tag_later = b
[process:shop:new]
cmd = new
"""
PLAN = {
    "gone": ("gone", ()),
    "same": ("unchanged", ()),
    "changed": ("replaced", ("cmd", "priority")),
    "scaled": ("scaled", ("numprocesses",)),
    "both": ("replaced", ("cmd", "numprocesses")),
    "live": ("live", ("numprocesses", "tag_live")),
    "later": ("next_start", ("tag_later",)),
    "shop.new": ("new", ()),
}


class Tags(Struct, frozen=True):
    tag_live: Annotated[str, Meta(description="A tag.", extra={"applies": "live"})] = ""
    tag_later: Annotated[str, Meta(description="A tag.", extra={"applies": "next_start"})] = ""


class Tagger:
    name = "tagger"

    @hookimpl
    def gaffer_job_options(self):
        return Tags


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gaffer.ini"
    path.write_text(BEFORE)
    return path


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
async def kernel(autojump_clock, file, recorder):
    plugins = [recorder, Tagger()]
    async with open_kernel(Config.read(file), plugins=plugins, system=FakeSystem()) as kernel:
        for job in kernel.manager.jobs():
            await job.settled()
        yield kernel


def show(changes):
    return {str(each.name): (each.change, each.keys) for each in changes}


async def test_plan_changes_nothing_and_reload_does_what_it_says(
    autojump_clock, kernel, recorder, file
):
    file.write_text(AFTER)
    before = len(recorder.events)
    assert show(await kernel.plan()) == PLAN
    assert len(recorder.events) == before
    assert kernel.manager.get("changed").config.cmd == "old"
    assert show(await kernel.reload()) == PLAN
    assert kernel.manager.get("changed").config.cmd == "new"
    with pytest.raises(NotFound):
        kernel.manager.get("gone")
    assert {change for change, _ in show(await kernel.plan()).values()} == {"unchanged"}


async def test_plan_compares_with_another_file(autojump_clock, kernel, file, tmp_path):
    other = tmp_path / "other.ini"
    other.write_text(AFTER)
    assert show(await kernel.plan(other)) == PLAN
    assert {change for change, _ in show(await kernel.plan()).values()} == {"unchanged"}


async def test_plan_names_the_mistake_in_a_wrong_file(autojump_clock, kernel, file):
    file.write_text("[process:same]\ncmd = same\ntypo = 1\n")
    with pytest.raises(ConfigError, match=r"gaffer\.ini:3: \[process:same\] typo"):
        await kernel.plan()
    file.write_text(BEFORE)
    assert {change for change, _ in show(await kernel.reload()).values()} == {"unchanged"}


@pytest.mark.parametrize("included", [False, True])
async def test_pipe_is_refused_at_once_and_nobody_waits_for_its_writer(
    autojump_clock, kernel, file, tmp_path, included
):
    pipe = tmp_path / "pipe.ini"
    os.mkfifo(pipe)
    other = tmp_path / "other.ini"
    other.write_text(f"[gaffer]\ninclude = {pipe}\n")
    with pytest.raises(ConfigError, match=r"pipe\.ini: is not a regular file"):
        await kernel.plan(other if included else pipe)
    file.unlink()
    pipe.rename(file)
    with pytest.raises(ConfigError, match=r"gaffer\.ini: is not a regular file"):
        await kernel.reload()


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "/dev/stdin"])
async def test_device_is_refused(autojump_clock, kernel, path):
    with pytest.raises(ConfigError, match=path):
        await kernel.plan(Path(path))


async def test_file_that_is_too_long_is_refused(autojump_clock, kernel, tmp_path):
    long = tmp_path / "long.ini"
    long.touch()
    os.truncate(long, 2**40)
    with pytest.raises(ConfigError, match=r"long\.ini: is longer than 16777216 bytes"):
        await kernel.plan(long)


async def test_file_without_a_section_is_refused(autojump_clock, kernel, file):
    file.write_text("")
    with pytest.raises(ConfigError, match="no section left"):
        await kernel.plan()


async def test_plan_knows_what_was_changed_over_the_api(autojump_clock, kernel, file):
    kernel.manager.unload("changed")
    kernel.manager.load(JobConfig(name="new", cmd="new", cwd=str(file.parent)), "shop")
    file.write_text(AFTER)
    plan = show(await kernel.plan())
    assert (plan["changed"], plan["shop.new"]) == (("new", ()), ("unchanged", ()))
