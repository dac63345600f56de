"""Helpers of the tests of jobs on the fake system."""

from math import inf

import trio
import trio.testing

from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.testing import FakeProcess, FakeSystem, Plan

CRASH = Plan(life=0.0, exit_code=1)
STUBBORN = Plan(stop_delay=inf)
SLOW = Plan(stop_delay=10.0)


def web(**settings: object) -> JobConfig:
    """Return a job called web that runs `serve`, with other settings."""
    return JobConfig(**{"name": "web", "cmd": "serve", **settings})


def fakes(job: Job, system: FakeSystem) -> list[FakeProcess]:
    """Return the fake processes of a job, oldest first."""
    return [system.processes[process.os_pid] for process in job.processes]


async def idle() -> None:
    """Wait until every task is blocked."""
    await trio.testing.wait_all_tasks_blocked()


class Span:
    """A stopwatch on the virtual clock."""

    def __init__(self) -> None:
        self.begin = trio.current_time()

    @property
    def seconds(self) -> float:
        """Seconds since it was created."""
        return trio.current_time() - self.begin
