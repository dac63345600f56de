"""Real processes under random requests: the events are consistent and nothing is left."""

import os
import random
import signal
from contextlib import suppress

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_kernel import Conflict, JobConfig, Kernel, NotFound, open_kernel
from gaffer_kernel.linux import LinuxSystem
from tests.real import branded, children, descriptors

PROGRAMS = [
    "sleep 60",
    "true",
    "false",
    "sleep 0.05",
    "sh -c 'trap \"\" TERM; sleep 60 & echo on; while :; do sleep 0.05; done'",
    "sh -c 'sleep 60 & sleep 60 & echo on; wait'",
    "sh -c 'head -c 200000 /dev/zero; exit 3'",
    "/no/such/program",
]
NAMES = ["a", "b", "c"]
VERBS = ["start", "stop", "restart", "reload", "stopall", "commit"]


def config(chance: random.Random) -> JobConfig:
    return JobConfig(
        name=chance.choice(NAMES),
        cmd=chance.choice(PROGRAMS),
        numprocesses=chance.randrange(4),
        graceful_timeout=chance.choice([0.0, 0.1]),
        redirect_output=chance.choice([[], ["out"], ["out", "err"]]),
        custom_streams=chance.choice([[], [], ["ctrl"]]),
    )


def disturb(kernel: Kernel, chance: random.Random) -> None:
    """Send a random request, or kill a process from outside."""
    manager, what = kernel.manager, chance.randrange(10)
    if what < 2:
        manager.load(config(chance))
    elif what < 3:
        manager.unload(chance.choice(NAMES))
    elif what < 4:
        manager.update(config(chance), start=chance.random() < 0.5)
    elif what < 5:
        manager.get(chance.choice(NAMES)).scale(chance.choice(["+1", "-1", "=2", "=0"]))
    elif what < 9:
        getattr(manager.get(chance.choice(NAMES)), chance.choice(VERBS))()
    elif processes := list(manager.walk()):
        with suppress(ProcessLookupError):
            os.kill(chance.choice(processes).os_pid, chance.choice([signal.SIGKILL, signal.SIGINT]))


@pytest.mark.parametrize("own_process", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
async def test_random_requests_leave_no_process_and_no_descriptor(
    brand, ledger, own_settings, seed, own_process
):
    before = descriptors(), children()
    chance = random.Random(seed)
    async with open_kernel(plugins=[ledger], system=LinuxSystem(own_process=own_process)) as kernel:
        for _ in range(150):
            with suppress(NotFound, Conflict):
                disturb(kernel, chance)
            await trio.sleep(chance.choice([0, 0, 0.002, 0.01]))
            ledger.check_events()
    ledger.check_over()
    del kernel
    await until(lambda: not branded(brand))
    assert (descriptors(), children()) == before
