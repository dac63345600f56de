"""Long responses: others are served in between, and changes meanwhile do not corrupt them."""

import json
import time

import pytest
from gaffer_testing.latency_probe import run_latency_probe

from gaffer_lookup.lookupd.json_stream import TIME_SLICE, stream_json
from gaffer_lookup.registry import MemoryBackend, Registry, serializers


@pytest.fixture
def registry():
    return Registry(MemoryBackend(lambda *args, **what: None))


def node(registry, number, *jobs):
    one = registry.connect("token a")
    one.identify(f"web{number}", f"http://web{number}:5000", "0.1")
    one.register_jobs({name: [1] for name in jobs})
    return one


async def test_long_response_lets_other_tasks_run():
    def slow():
        for _ in range(20):
            time.sleep(1.1 * TIME_SLICE)
            yield b"x"

    async with run_latency_probe() as others:
        answer = await stream_json(slow())
        async with answer.response as body:
            assert b"".join([chunk async for chunk in body]) == 20 * b"x"
    # At least one turn in each pause, except perhaps the first.
    assert others.turns >= 19


async def test_long_response_is_chunked_and_complete(lookupd):
    jobs = {f"s{number % 7}.job{number}x": [1, 2] for number in range(5000)}
    node(lookupd.lookupd.registry, 1).register_jobs(jobs)
    answer = await lookupd.ask("/jobs")
    assert "content-length" not in answer.headers
    received = answer.json()
    names = [job["name"] for job in received["jobs"]]
    assert received["nb_jobs"] == 5000
    assert set(names) == set(jobs)
    assert names == sorted(names, key=lambda name: name.split("."))
    sessions = (await lookupd.get("/sessions"))["sessions"]
    assert [each["sessionid"] for each in sessions] == [f"s{number}" for number in range(7)]
    assert [name for each in sessions for name in each["jobs"]] == names
    assert (await lookupd.get("/sessions/web1"))["sessions"] == sessions


async def test_short_response_has_a_content_length(lookupd):
    answer = await lookupd.ask("/jobs")
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_response_begins_with_the_first_chunk_that_is_not_empty():
    def nothing_at_first():
        for _ in range(3):
            time.sleep(1.1 * TIME_SLICE)
            yield b""
        yield b"all"

    answer = await stream_json(nothing_at_first())
    async with answer.response as body:
        assert b"".join([chunk async for chunk in body]) == b"all"


JOBS = [f"s{number // 10}.job{number}x" for number in range(30)]


@pytest.mark.parametrize("taken", range(0, 120, 7))
@pytest.mark.parametrize("ask", [serializers.jobs, serializers.sessions, serializers.nodes])
async def test_response_stays_valid_while_nodes_come_and_go(registry, ask, taken):
    one, other = node(registry, 1, *JOBS), node(registry, 2, *JOBS[::2])
    chunks = ask(registry.store)
    received = [next(chunks, b"") for _ in range(taken)]
    one.close()
    other.unregister_job(JOBS[-2])
    node(registry, 3, "s0.late")
    received = json.loads(b"".join([*received, *chunks]))
    if "nb_jobs" in received:
        assert received["nb_jobs"] == len(received["jobs"]) >= 14
    elif "nb_sessions" in received:
        assert received["nb_sessions"] == len(received["sessions"]) == 3


@pytest.mark.parametrize("taken", range(12))
async def test_sessions_of_a_node_stay_valid_while_it_is_removed(registry, taken):
    one, _ = node(registry, 1, "a", "b"), node(registry, 2, "a")
    chunks = serializers.node_sessions(registry.store, "web1")
    received = [next(chunks, b"") for _ in range(taken)]
    one.close()
    received = json.loads(b"".join([*received, *chunks]))
    assert received["nb_sessions"] == len(received["sessions"])
