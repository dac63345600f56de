"""The spinner of a waiting verb, and Ctrl-C."""

import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
import trio
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

from .conftest import COMMANDS


@pytest.fixture
async def job(kernel, tmp_path):
    """A job that takes three seconds to stop."""
    script = "trap '' TERM; touch ready; exec sleep 1000"
    fields = {"shell": True, "cwd": str(tmp_path), "graceful_timeout": 3}
    job = kernel.manager.load(JobConfig(name="web", cmd=script, **fields))
    await until((tmp_path / "ready").exists)
    return job


@pytest.fixture
def at_terminal(environ, url):
    """Run gafferctl on a terminal while a block runs; yield the process and its terminal."""

    @asynccontextmanager
    async def run(*arguments):
        ours, theirs = os.openpty()
        env = {**environ, "GAFFER_ENDPOINT": url, "TERM": "xterm", "COLUMNS": "80"}
        process = await trio.lowlevel.open_process(
            [COMMANDS / "gafferctl", *arguments], env=env, stdout=subprocess.PIPE, stderr=theirs
        )
        os.close(theirs)
        try:
            async with trio.lowlevel.FdStream(ours) as shown:
                yield process, shown
        finally:
            process.kill()
            await process.wait()

    return run


async def read_until(shown, text):
    """Read until a text appears."""
    got = b""
    while text.encode() not in got:
        got += await shown.receive_some()


async def test_spinner_shows_what_is_waited_for(job, at_terminal):
    async with at_terminal("stop", "web") as (process, shown):
        await read_until(shown, "waiting for web")
        assert await process.wait() == 0
        assert await process.stdout.receive_some() == b"ok\n"
    assert job.pids() == []


async def test_ctrl_c_ends_the_wait_but_not_the_change(job, at_terminal):
    async with at_terminal("stop", "web") as (process, shown):
        await read_until(shown, "waiting for web")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == -signal.SIGINT
    assert job.pids() == [1]
    assert not job.active


def test_gafferctl_verbs_import_neither_kernel_nor_trio():
    code = (
        "import sys; from gaffer_cli import verbs;"
        "[verb.load() for verb in verbs.ALL if verb.program == 'gafferctl'];"
        "print([name for name in ('gaffer_kernel', 'trio', 'rich', 'pluggy')"
        " if name in sys.modules])"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
