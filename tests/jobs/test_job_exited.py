"""What is kept of processes that have ended: why they did is in the last that they wrote."""

import pytest
import trio

from gaffer_kernel.errors import NotFound
from gaffer_kernel.jobs.instances import MAX_EXITED
from gaffer_kernel.processes.output import TAIL
from tests.fake_jobs import CRASH, web
from tests.waiting import until


def written(process):
    """What is kept of its output."""
    reader = process.outputs.reader(tail=True)
    output = reader.receive_nowait()
    reader.close()
    return output.data if output else b""


async def crashed(run, line, **settings):
    """A process that has ended."""
    process = await run.begin(line, shell=True, redirect_output=["out"], **settings)
    await run.end(process)
    return process


async def test_the_last_words_of_a_process_that_crashed_at_once_were_lost(run):
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


async def test_a_process_grows_no_older_after_its_end(run):
    process = await crashed(run, "exit 0")
    began = trio.current_time()
    lived = process.uptime
    await until(lambda: trio.current_time() > began)
    assert process.uptime == lived


async def test_only_the_last_few_of_a_job_are_kept(autojump_clock, kernel, plans):
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


async def test_of_those_that_wrote_for_nobody_nothing_is_kept(autojump_clock, kernel, plans):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(60)
    assert list(job.exited) == []


async def test_when_the_last_reader_has_gone_no_more_than_the_tail_is_kept(run):
    line = f"read x; yes | head -c {TAIL * 9}"
    process = await run.begin(line, shell=True, redirect_output=["out"], redirect_input=True)
    reader = process.outputs.reader()
    await process.write("go\n")
    await run.end(process)
    run.readers[process.pid].close()
    assert process.outputs.logs["out"].start == 0
    reader.close()
    assert len(written(process)) == TAIL
