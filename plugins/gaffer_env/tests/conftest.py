"""Jobs with environment files on a fake system."""

from contextlib import asynccontextmanager

import pytest
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_kernel.testing import FakeSystem, Recorder

from gaffer_env.plugin import plugin as env_plugin


class Bench:
    """A kernel with the plugin, and the folder of its files."""

    def __init__(self, kernel, system, recorder, folder):
        self.kernel = kernel
        self.system = system
        self.recorder = recorder
        self.folder = folder

    def write(self, name, text):
        """Write a file, and return its path."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def load(self, *files, **fields):
        """Load the job `web`; fields that belong to the plugin are options."""
        options = {key: fields.pop(key) for key in ("user_env",) if key in fields}
        fields = {"name": "web", "cmd": "serve", "cwd": str(self.folder), **fields}
        return self.kernel.manager.load(JobConfig(**fields, options={"env_file": files, **options}))

    async def start(self, *files, **fields):
        """Load the job; return the variables of its process."""
        return await self.environ(self.load(*files, **fields))

    async def environ(self, job):
        """Return the variables of the process of a job."""
        await job.settled()
        [process] = job.processes
        return self.system.processes[process.os_pid].request.environ

    async def error(self, *files, **fields):
        """Load the job; return the reason why its process is not started."""
        self.load(*files, **fields)
        event = await self.recorder.wait_for("spawn_error")
        return event.data["error"], event.data["reason"]


@pytest.fixture
def run_bench(autojump_clock, tmp_path):
    """Run a kernel with a configuration: `async with run_bench(ini) as bench`."""

    @asynccontextmanager
    async def run(ini=""):
        system, recorder = FakeSystem(), Recorder()
        (tmp_path / "gaffer.ini").write_text(ini)
        config = Config.read(tmp_path / "gaffer.ini")
        async with open_kernel(config, plugins=[env_plugin, recorder], system=system) as kernel:
            yield Bench(kernel, system, recorder, tmp_path)

    return run


@pytest.fixture
async def bench(run_bench):
    """A kernel without jobs."""
    async with run_bench() as bench:
        yield bench
