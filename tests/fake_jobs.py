"""What the tests of jobs on the fake system have in common."""

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
    """A job called web that runs `serve`, unless said otherwise."""
    return JobConfig(**{"name": "web", "cmd": "serve", **settings})


def puppets(job: Job, system: FakeSystem) -> list[FakeProcess]:
    """The fake processes of a job, oldest first."""
    return [system.processes[process.os_pid] for process in job.processes]


async def calm() -> None:
    """Let everything happen that needs no time."""
    await trio.testing.wait_all_tasks_blocked()


class Span:
    """How much virtual time something took."""

    def __init__(self) -> None:
        self.begin = trio.current_time()

    @property
    def seconds(self) -> float:
        """Seconds since this was made."""
        return trio.current_time() - self.begin
