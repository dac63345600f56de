"""Exited processes: their last output is kept, because it says why they exited."""

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel.errors import NotFound
from gaffer_kernel.jobs.instances import MAX_EXITED
from gaffer_kernel.processes.output import TAIL
from tests.fake_jobs import CRASH, web


def written(process):
    """Return the kept output of a process."""
    reader = process.outputs.reader(tail=True)
    output = reader.receive_nowait()
    reader.close()
    return output.data if output else b""


async def crashed(run, line, **settings):
    """Return a process that has exited."""
    process = await run.begin(line, shell=True, redirect_output=["out"], **settings)
    await run.end(process)
    return process


async def test_output_of_a_process_that_crashed_at_once_is_kept(run):
    process = await crashed(run, "echo why; exit 3")
    manager = run.kernel.manager
    with pytest.raises(NotFound):
        manager.process(process.pid)
    kept = manager.process(process.pid, exited=True)
    info = kept.info()
    assert written(kept) == b"why\n"
    assert (info["active"], info["exit_code"], info["term_signal"]) == (False, 3, 0)
    [job] = manager.jobs()
    assert job.status()["ended"] == [process.pid]


async def test_uptime_does_not_grow_after_the_exit(run):
    process = await crashed(run, "exit 0")
    began = trio.current_time()
    lived = process.uptime
    await until(lambda: trio.current_time() > began)
    assert process.uptime == lived


async def test_only_the_last_exited_processes_of_a_job_are_kept(autojump_clock, kernel, plans):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(redirect_output=("out",)))
    await trio.sleep(60)
    pids = [process.pid for process in job.exited]
    assert pids == list(range(pids[-1] - MAX_EXITED + 1, pids[-1] + 1))
    assert pids[-1] > MAX_EXITED
    with pytest.raises(NotFound):
        kernel.manager.process(pids[0] - 1, exited=True)
    kernel.manager.unload("web")
    await job.gone.wait()
    with pytest.raises(NotFound):
        kernel.manager.process(pids[-1], exited=True)


async def test_exited_processes_without_redirected_output_are_not_kept(
    autojump_clock, kernel, plans
):
    plans["serve"] = CRASH
    job = kernel.manager.load(web(redirect_output=()))
    await trio.sleep(60)
    assert list(job.exited) == []


async def test_only_the_tail_is_kept_after_the_last_reader_closed(run):
    line = f"read x; yes | head -c {TAIL * 9}"
    process = await run.begin(line, shell=True, redirect_output=["out"], redirect_input=True)
    reader = process.outputs.reader()
    await process.write("go\n")
    await run.end(process)
    run.readers[process.pid].close()
    assert process.outputs.logs["out"].start == 0
    reader.close()
    assert len(written(process)) == TAIL
