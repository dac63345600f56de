"""A process in a control group: what it starts cannot escape."""

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.linux.cgroups import CgroupFolder
from gaffer_kernel.linux.spawn import spawn
from gaffer_kernel.spawn_settings import Cgroup, SpawnSettings
from gaffer_kernel.system import SpawnRequest
from tests.real import children, descriptors


def find_writable_group() -> Path | None:
    """Return our own group in cgroup v2, if we may create groups in it."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    mount = next((m[4] for m in mounts if m[m.index("-") + 1] == "cgroup2"), None)
    own = [line for line in Path("/proc/self/cgroup").read_text().splitlines() if "0::" in line]
    if mount is None or not own:
        return None
    folder = Path(mount, own[0].removeprefix("0::").strip("/"))
    return folder if os.access(folder, os.W_OK) else None


GROUP = find_writable_group()
_has_cgroup = pytest.mark.skipif(GROUP is None, reason="no cgroup v2 that this user may write to")


def needs_cgroup(test):
    """Mark a test that makes control groups: only root may in most places."""
    return pytest.mark.root(_has_cgroup(test))


@pytest.fixture
def group() -> Iterator[Path]:
    """The path of a group that does not exist yet; it must be gone at the end."""
    assert GROUP is not None
    folder = GROUP / f"gaffer-test-{secrets.token_hex(4)}"
    yield folder
    assert not folder.exists()


ESCAPE = """python3 -S -c "
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.execve('/bin/sleep', ['sleep', '60'], {})
"; """
"""Starts three processes that leave the group and the session, and clear their environment."""


def count(group: Path) -> int:
    return len((group / "cgroup.procs").read_text().split())


@needs_cgroup
async def test_a_process_begins_in_its_group(run, adviser, group):
    adviser.settings = SpawnSettings(cgroup=Cgroup(str(group)))
    printed = await run("grep ^0:: /proc/self/cgroup")
    assert printed.strip().endswith(f"/{group.name}")


@needs_cgroup
async def test_stopping_kills_what_has_left_the_group_of_processes(run, adviser, group):
    adviser.settings = SpawnSettings(cgroup=Cgroup(str(group)))
    process = await run.begin(ESCAPE + "exec sleep 60", shell=True)
    await until(lambda: count(group) == 4)
    process.stop()
    exited = await run.end(process)
    assert exited.data["term_signal"] == signal.SIGTERM
    assert not group.exists()


@needs_cgroup
async def test_the_exit_of_a_process_kills_what_it_leaves_in_its_group(run, adviser, group):
    adviser.settings = SpawnSettings(cgroup=Cgroup(str(group)))
    process = await run.begin(ESCAPE + "exit 3", shell=True)
    exited = await run.end(process)
    assert exited.data["exit_code"] == 3
    assert not group.exists()


@needs_cgroup
async def test_groups_that_a_process_has_made_are_killed_and_removed(run, adviser, group):
    adviser.settings = SpawnSettings(cgroup=Cgroup(str(group)))
    line = f"mkdir {group}/inner; (echo 0 > {group}/inner/cgroup.procs; exec sleep 60) & wait"
    process = await run.begin(line, shell=True)
    await until(lambda: (group / "inner").exists() and count(group / "inner") == 1)
    process.stop()
    await run.end(process)
    assert not group.exists()


@needs_cgroup
async def test_a_stubborn_process_is_killed_with_its_group(run, adviser, group):
    adviser.settings = SpawnSettings(cgroup=Cgroup(str(group)))
    line = "trap '' TERM; " + ESCAPE + "while :; do sleep 0.01; done"
    process = await run.begin(line, shell=True, graceful_timeout=0.3)
    await until(lambda: count(group) >= 4)
    started = trio.current_time()
    process.stop()
    exited = await run.end(process)
    assert 0.3 <= trio.current_time() - started < 10
    assert exited.data["term_signal"] == signal.SIGKILL


async def test_a_group_that_cannot_be_made_is_a_spawn_error(run, adviser, recorder, tmp_path):
    adviser.settings = SpawnSettings(cgroup=Cgroup(f"{tmp_path}/no/group"))
    pid = run.load("true").commit()
    failed = await recorder.wait_for("spawn_error", pid=pid)
    assert failed.data["reason"] == (
        f"cgroup: cannot create {tmp_path}/no/group: No such file or directory"
    )


@needs_cgroup
def test_a_value_that_the_system_refuses_is_a_spawn_error_and_leaves_nothing(group):
    before = descriptors(), children()
    settings = SpawnSettings(cgroup=Cgroup(str(group), {"cgroup.freeze": "soon"}))
    with pytest.raises(SpawnError) as caught:
        spawn(SpawnRequest(["true"], {"PATH": "/bin:/usr/bin"}, settings=settings))
    assert str(caught.value).startswith(f"cgroup: cannot write soon into {group}/cgroup.freeze: ")
    assert (descriptors(), children()) == before


@needs_cgroup
def test_no_group_is_left_after_another_setting_failed(group):
    settings = SpawnSettings(cgroup=Cgroup(str(group)), oom_score_adj=5000)
    with pytest.raises(SpawnError, match="cannot set oom_score_adj"):
        spawn(SpawnRequest(["true"], {"PATH": "/bin:/usr/bin"}, settings=settings))


@needs_cgroup
def test_without_cgroup_kill_each_process_is_killed(group, monkeypatch):
    folder = CgroupFolder(Cgroup(str(group)))
    folder.create()
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    folder.enter(pid)
    write = CgroupFolder._write

    def old(self, name, value):
        if name == "cgroup.kill":
            raise FileNotFoundError
        write(self, name, value)

    monkeypatch.setattr(CgroupFolder, "_write", old)
    assert folder.is_populated()
    folder.kill()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert not folder.is_populated()
    folder.remove()


def test_an_oom_kill_is_read_from_the_events_of_the_group(tmp_path):
    folder = CgroupFolder(Cgroup(str(tmp_path)))
    assert not folder.has_oom_kill()
    for text, expected in ("oom 3\noom_kill 0\n", False), ("oom 3\noom_kill 12\n", True):
        (tmp_path / "memory.events").write_text(text)
        assert folder.has_oom_kill() is expected
