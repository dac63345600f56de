"""Answers that are long: nobody else waits for them, and what changes meanwhile breaks none."""

import json
import time

import pytest
from tests.latency_probe import bystanding

from gaffer_lookup.lookupd.json_stream import TURN, tell
from gaffer_lookup.registry import MemoryKeeper, Registry
from gaffer_lookup.registry import serializers as views


@pytest.fixture
def registry():
    return Registry(MemoryKeeper(lambda *args, **what: None))


def node(registry, number, *jobs):
    one = registry.connect("token a")
    one.identify(f"web{number}", f"http://web{number}:5000", "0.1")
    one.register_jobs({name: [1] for name in jobs})
    return one


async def test_others_have_their_turn_while_a_long_answer_is_put_together():
    def slow():
        for _ in range(20):
            time.sleep(1.1 * TURN)
            yield b"x"

    async with bystanding() as others:
        answer = await tell(slow())
        async with answer.response as body:
            assert b"".join([piece async for piece in body]) == 20 * b"x"
    # In each pause at least one, but perhaps in the first.
    assert others.turns >= 19


async def test_a_long_answer_is_sent_in_pieces_and_is_whole(lookupd):
    jobs = {f"s{number % 7}.job{number}x": [1, 2] for number in range(5000)}
    node(lookupd.lookupd.registry, 1).register_jobs(jobs)
    answer = await lookupd.ask("/jobs")
    assert "content-length" not in answer.headers
    told = answer.json()
    names = [job["name"] for job in told["jobs"]]
    assert told["nb_jobs"] == 5000
    assert set(names) == set(jobs)
    assert names == sorted(names, key=lambda name: name.split("."))
    sessions = (await lookupd.get("/sessions"))["sessions"]
    assert [each["sessionid"] for each in sessions] == [f"s{number}" for number in range(7)]
    assert [name for each in sessions for name in each["jobs"]] == names
    assert (await lookupd.get("/sessions/web1"))["sessions"] == sessions


async def test_a_short_answer_says_how_long_it_is(lookupd):
    answer = await lookupd.ask("/jobs")
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_a_long_answer_begins_with_what_comes_after_a_long_search():
    def nothing_at_first():
        for _ in range(3):
            time.sleep(1.1 * TURN)
            yield b""
        yield b"all"

    answer = await tell(nothing_at_first())
    async with answer.response as body:
        assert b"".join([piece async for piece in body]) == b"all"


JOBS = [f"s{number // 10}.job{number}x" for number in range(30)]


@pytest.mark.parametrize("begun", range(0, 120, 7))
@pytest.mark.parametrize("ask", [views.every_job, views.sessions, views.nodes])
async def test_nodes_that_go_and_come_while_it_is_told_do_not_break_an_answer(registry, ask, begun):
    one, other = node(registry, 1, *JOBS), node(registry, 2, *JOBS[::2])
    pieces = ask(registry.store)
    told = [next(pieces, b"") for _ in range(begun)]
    one.leave()
    other.unregister_job(JOBS[-2])
    node(registry, 3, "s0.late")
    told = json.loads(b"".join([*told, *pieces]))
    if "nb_jobs" in told:
        assert told["nb_jobs"] == len(told["jobs"]) >= 14
    elif "nb_sessions" in told:
        assert told["nb_sessions"] == len(told["sessions"]) == 3


@pytest.mark.parametrize("begun", range(12))
async def test_the_sessions_of_a_node_that_goes_meanwhile_are_told(registry, begun):
    one, _ = node(registry, 1, "a", "b"), node(registry, 2, "a")
    pieces = views.sessions_of(registry.store, "web1")
    told = [next(pieces, b"") for _ in range(begun)]
    one.leave()
    told = json.loads(b"".join([*told, *pieces]))
    assert told["nb_sessions"] == len(told["sessions"])
