"""Which samples, and which command lines, a caller sees."""

import json
from functools import partial

import msgspec
import pytest
import trio
from gaffer_kernel import JobConfig

FEEDS = ["", "?feed=longpoll"]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def get_commands(value):
    """Return every command line in a response, those of children too."""
    if isinstance(value, list):
        return [command for each in value for command in get_commands(each)]
    if isinstance(value, dict):
        here = [value["cmdline"]] if "cmdline" in value else []
        return here + [command for each in value.values() for command in get_commands(each)]
    return []


@pytest.fixture
async def parent(kernel):
    """The job shop.parent, whose process has a child."""
    config = JobConfig(name="parent", cmd="sh -c 'sleep 64 & wait'")
    job = kernel.manager.load(config, "shop")
    await job.settled()
    async with kernel.services["stats"].watch(job) as samples:
        while "sleep 64" not in get_commands(json.loads(msgspec.json.encode(await anext(samples)))):
            pass
    return job


@pytest.mark.parametrize("feed", FEEDS)
async def test_stats_list_jobs_that_caller_may_read(ask, feed):
    for token, expected in (
        ("read.shop", ["shop.web"]),
        ("manage.default", ["nap", "idle"]),
        ("read.none", []),
        ("read", ["nap", "idle", "shop.web"]),
    ):
        status, jobs = await ask(f"/stats{feed}", **bearer(token))
        assert (status, [job["name"] for job in jobs]) == (200, expected)


async def test_feed_omits_later_jobs_of_other_sessions(follow, kernel):
    async with follow("/stats?feed=continuous", **bearer("read.shop")) as lines:
        kernel.manager.load(JobConfig(name="secret", cmd="sleep 65"))
        kernel.manager.load(JobConfig(name="later", cmd="sleep 66"), "shop")
        names = []
        while "shop.later" not in names:
            names = [job["name"] for job in json.loads(await anext(lines))]
            assert "secret" not in names


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    ("path", "denial"),
    [
        ("/stats/nap", (403, "forbidden")),
        ("/jobs/default/nap/stats", (403, "forbidden")),
        # The response does not reveal that the pid exists.
        ("/stats/nap/1", (404, "not_found")),
    ],
)
async def test_samples_of_other_sessions_are_denied(ask, path, feed, denial):
    status, body = await ask(f"{path}{feed}", **bearer("manage.shop"))
    assert (status, body["error"]) == denial


@pytest.mark.parametrize("feed", FEEDS)
async def test_command_lines_need_permission_to_manage(ask, parent, feed):
    [pid] = parent.pids()
    paths = [
        *("/stats", "/stats/shop.parent", "/jobs/shop/parent/stats"),
        *(f"/stats/shop.parent/{pid}", f"/pids/{pid}/stats", f"/{pid}/stats"),
    ]

    async def check(path, token, *, shown):
        status, answer = await ask(f"{path}{feed}", **bearer(token))
        assert status == 200
        assert len(get_commands(answer)) >= 2
        assert (None not in get_commands(answer)) is shown
        assert ("sleep 64" in get_commands(answer)) is shown

    async with trio.open_nursery() as nursery:
        for path in paths:
            for token in ("read", "write", "read.shop", "write.shop"):
                nursery.start_soon(partial(check, path, token, shown=False))
            for token in ("manage", "manage.shop"):
                nursery.start_soon(partial(check, path, token, shown=True))
