"""Requests of every kind, which must not leak descriptors, tasks, readers or subscribers."""

import os

import pytest
import trio
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

ROUNDS = 5
"""Rounds of a hundred requests."""

CLIENTS = 4
"""Concurrent requests."""

KEPT = [
    ("GET", "/ping", 200),
    ("GET", "/jobs", 200),
    ("GET", "/watch?since=0", 200),
    ("HEAD", "/jobs/default/cat", 200),
    ("HEAD", "/watch?feed=eventsource", 200),
    ("GET", "/nothing", 404),
    ("DELETE", "/ping", 405),
    ("PUT", "/jobs/default/cat", 400),
]
"""Requests on one connection."""

ONCE = [
    ("GET", "/version", 200),
    ("GET", "/streams/77/stdout", 404),
    ("GET", "/watch?feed=x", 400),
    ("POST", "/streams/{pid}/stdin", 200),
    ("GET", "/streams/{pid}/stdout?feed=longpoll", 200),
    ("GET", "/pids/{pid}", 200),
]
"""Requests with their own connection."""

CUT_SHORT = [
    "/watch/restart?heartbeat=0.1",
    "/streams/{pid}/stderr?heartbeat=0.1",
    "/watch/restart?feed=eventsource&heartbeat=0.1",
]
"""Feeds that the client leaves after the first heartbeat."""


@pytest.fixture
async def cats(api):
    """A process for each client, and a function that counts resources."""
    config = JobConfig(
        name="cat",
        cmd="cat",
        numprocesses=CLIENTS,
        redirect_output=("stdout", "stderr"),
        redirect_input=True,
    )
    job = api.kernel.manager.load(config)
    await job.settled()
    logs = [log for process in job.processes for log in process.outputs.logs.values()]

    def count():
        return {
            "descriptors": len(os.listdir("/proc/self/fd")),
            "tasks": trio.lowlevel.current_statistics().tasks_living,
            "subscribers": api.kernel.events.subscribers,
            "readers": sum(log.readers for log in logs),
        }

    return count


async def ask_25(api, pid):
    async with api.client() as client:
        for method, path, status in 2 * KEPT:
            body = b"{" if method == "PUT" else None
            assert (await client.ask(method, path, body)).status == status, path
    for method, path, status in ONCE:
        body = b"x\n" if method == "POST" else None
        assert (await api.ask(method, path.format(pid=pid), body)).status == status, path
    for path in CUT_SHORT:
        async with api.client() as client:
            assert (await client.follow(path.format(pid=pid))).status == 200
            assert await client.more() in (b"\n", b":\r\n")


async def ask_100(api):
    async with trio.open_nursery() as nursery:
        for pid in range(1, CLIENTS + 1):
            nursery.start_soon(ask_25, api, pid)


async def test_requests_of_every_kind_leak_nothing(api, cats):
    before = cats()
    # The first round creates everything that is kept, like imported modules.
    await ask_100(api)
    await until(lambda: cats()["tasks"] == before["tasks"])
    before = cats()
    for _ in range(ROUNDS):
        await ask_100(api)
    await until(lambda: cats() == before)
