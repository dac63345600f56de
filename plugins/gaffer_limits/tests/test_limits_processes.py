"""Limits of real processes."""

import os
from pathlib import Path

import pytest
import trio
from gaffer_kernel import JobConfig, open_kernel
from gaffer_kernel.testing import Recorder

from gaffer_limits.hierarchy import find_own, find_problem
from gaffer_limits.plugin import LimitsPlugin


def needs_group(controller):
    """Return a mark for tests that make control groups: only root may in most places."""
    problem = find_problem(controller)
    missing = pytest.mark.skipif(problem is not None, reason=f"a control group {problem}")
    return lambda test: pytest.mark.root(missing(test))


async def run(cmd, **options):
    """Run a job once, and return its `exit` event."""
    recorder = Recorder()
    async with open_kernel(plugins=[LimitsPlugin(), recorder]) as kernel:
        config = JobConfig(name="web", cmd=cmd, options=options, shell=True, restart="never")
        kernel.manager.load(config)
        with trio.fail_after(20):
            return await recorder.wait_for("exit")


def is_running(pid):
    """Return whether a process runs; a zombie does not, and has no command line."""
    try:
        return Path("/proc", pid, "cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


async def test_a_process_has_its_limits(tmp_path):
    report = "ulimit -Sn; ulimit -Hn; ulimit -c; nice; umask; cat /proc/self/oom_score_adj"
    await run(
        f"({report}) >{tmp_path}/out",
        rlimit_nofile="100:200",
        rlimit_core=0,
        nice=6,
        umask="027",
        oom_score_adj=400,
        cpu_affinity=[min(os.sched_getaffinity(0))],
    )
    words = (tmp_path / "out").read_text().split()
    assert words == ["100", "200", "0", "6", "0027", "400"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do it")
async def test_a_limit_that_the_system_refuses_is_named(tmp_path):
    recorder = Recorder()
    async with open_kernel(plugins=[LimitsPlugin(), recorder]) as kernel:
        kernel.manager.load(JobConfig(name="web", cmd="true", options={"nice": -5}))
        failed = await recorder.wait_for("spawn_error")
    assert failed.data["reason"] == "cannot set nice to -5: Permission denied"


@needs_group(None)
async def test_with_a_control_group_nothing_outlives_a_process(tmp_path):
    own = find_own()
    assert own is not None
    left = tmp_path / "left"
    script = f"import os, time; os.setsid(); open('{left}', 'w').write(str(os.getpid()));"
    script += " time.sleep(60)"
    line = f'env -i python3 -c "{script}" & while [ ! -s {left} ]; do sleep 0.01; done'
    exited = await run(f"cat /proc/self/cgroup >{tmp_path}/group; {line}", cgroup=True)
    assert exited.data["exit_code"] == 0
    assert not is_running(left.read_text())
    assert f"/gaffer-jobs-{os.getpid()}/default.web.1." in (tmp_path / "group").read_text()
    assert list(own.glob(f"gaffer-jobs-{os.getpid()}*")) == []


@needs_group("memory")
async def test_a_process_that_uses_too_much_memory_is_reported():
    exited = await run("exec python3 -c 'b\"x\" * 2**28'", memory_max="32M")
    assert exited.data["oom_killed"] is True
    assert exited.data["reason"].endswith(": out of memory")
