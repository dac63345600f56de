"""The commands as subprocesses, and a kernel with an API."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, open_kernel
from gaffer_procfile.plugin import plugin as procfile_plugin
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing.ticks import TICKS

from .foreground import Foreground

COMMANDS = Path(sys.executable).parent


@pytest.fixture
async def kernel():
    """A kernel with the API, on a free port."""
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    plugins = [http_plugin, stats_plugin, procfile_plugin, TICKS]
    async with open_kernel(config, plugins=plugins) as kernel:
        yield kernel


@pytest.fixture
def url(kernel):
    return kernel.services["http"].addresses[0]


@pytest.fixture
def environ(tmp_path):
    """Variables for a command, without colour settings of the parent of the tests."""
    inherited = {key: value for key, value in os.environ.items() if "COLOR" not in key}
    return {**inherited, "HOME": str(tmp_path), "GAFFER_ENDPOINT": "http://127.0.0.1:1"}


@pytest.fixture
def command(environ, tmp_path):
    """Run a command: `done = command("gafferctl", "status", "web")`."""

    def run(program, *arguments, **settings):
        settings = {"cwd": tmp_path, "env": environ, "timeout": 60, **settings}
        argv = [COMMANDS / program, *map(str, arguments)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, **settings)

    return run


@pytest.fixture
def ask(command, environ, url):
    """Run a command that sends requests to the kernel: `done = await ask("gafferctl", ...)`."""
    environ["GAFFER_ENDPOINT"] = url

    async def run(program, *arguments, **settings):
        call = partial(command, program, *arguments, **settings)
        return await trio.to_thread.run_sync(call, abandon_on_cancel=True)

    return run


@pytest.fixture
def begin(environ, tmp_path):
    """Run gaffer in the foreground: `shown = begin("start", "web", terminal=(24, 80))`."""
    started = []

    def run(*arguments, terminal=None, **variables):
        argv = [COMMANDS / "gaffer", *map(str, arguments)]
        started.append(Foreground(argv, tmp_path, {**environ, **variables}, terminal=terminal))
        return started[-1]

    yield run
    for each in started:
        each.close()


@pytest.fixture
def procfile(tmp_path):
    """Write a Procfile: `procfile(web="./serve")`."""

    def write(**types):
        lines = [f"{name.replace('__', '-')}: {line}\n" for name, line in types.items()]
        (tmp_path / "Procfile").write_text("".join(lines))

    return write
