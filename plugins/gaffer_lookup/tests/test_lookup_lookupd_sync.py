"""What is still to be said to a lookupd, whatever has become of the jobs."""

import json
from itertools import count

import pytest
from gaffer_kernel import JobName
from hypothesis import given
from hypothesis import strategies as st

from gaffer_lookup.node.lookupd_sync import Ledger
from gaffer_lookup.protocol import say
from gaffer_lookup.registry import MemoryKeeper, Registry
from gaffer_lookup.registry.message_handler import answer
from gaffer_lookup.registry.store import all_jobs

WEB, DB = JobName("default", "web"), JobName("prod", "db")


class Side:
    """Both sides: what is true here, and what a lookupd has understood of it."""

    def __init__(self):
        self.jobs = {}
        self.ledger = Ledger(self._truth, count(1))
        self.largest = 0
        self.connect()

    def _truth(self, job):
        return frozenset(self.jobs[job]) if job in self.jobs else None

    def connect(self):
        self.registry = Registry(MemoryKeeper(lambda *args, **kwargs: None))
        self.registrant = self.registry.connect("token a")
        self.registrant.identify("web1", "http://web1:5000", "0.1")
        self.ledger.begin(self.jobs)

    def say(self, most=None):
        """Say what there is to say, at most so much; the types of the words."""
        said = []
        while most is None or len(said) < most:
            word = self.ledger.next()
            if word is None:
                break
            said.append(type(word).__name__)
            self.largest = max(self.largest, len(say(word)))
            assert json.loads(answer(self.registrant, say(word)))["ok"] is True, word
        return said

    @property
    def understood(self):
        return {job: set(*where.values()) for job, where in all_jobs(self.registry.store)}


async def test_everything_is_said_to_one_who_knows_nothing():
    side = Side()
    side.jobs |= {WEB: {1, 2}, DB: set()}
    side.connect()
    assert side.say() == ["RegisterJobs"]
    assert side.understood == side.jobs
    assert side.say() == []


async def test_one_job_is_said_in_single_words():
    side = Side()
    side.jobs[WEB] = {1, 2}
    side.connect()
    assert side.say() == ["RegisterJob", "RegisterProcess", "RegisterProcess"]
    assert side.understood == side.jobs


@pytest.mark.parametrize(("jobs", "pids"), [(10_000, 1), (3, 10_000), (100, 500)])
async def test_no_message_is_larger_than_lookupd_takes(jobs, pids):
    side = Side()
    for number in range(jobs):
        side.jobs[JobName("s" * 100, f"job{number}" + "x" * 100)] = set(range(1, pids + 1))
    side.connect()
    side.say()
    assert side.largest < 64 * 1024
    assert side.understood == side.jobs


async def test_only_the_difference_is_said_afterwards():
    side = Side()
    side.jobs[WEB] = {1}
    side.connect()
    side.say()
    side.jobs[WEB] = {2}
    side.ledger.touch(WEB)
    assert side.say() == ["UnregisterProcess", "RegisterProcess"]
    del side.jobs[WEB]
    side.ledger.touch(WEB)
    assert side.say() == ["UnregisterJob"]
    assert side.understood == {}


async def test_what_came_and_went_untold_is_not_kept():
    side = Side()
    for number in range(1000):
        job = JobName("default", f"job{number}x")
        side.jobs[job] = {number}
        side.ledger.touch(job)
        del side.jobs[job]
        side.ledger.touch(job)
    assert not side.ledger._open
    assert side.say() == []


async def test_after_a_loss_all_is_looked_at_again():
    side = Side()
    side.jobs[WEB] = {1}
    side.connect()
    side.say()
    del side.jobs[WEB]
    side.jobs[DB] = {2}  # Nobody was told.
    side.ledger.touch_all(side.jobs)
    side.say()
    assert side.understood == side.jobs


names = st.sampled_from([JobName("default", "a"), JobName("default", "b"), JobName("prod", "a")])
steps = st.one_of(
    st.tuples(st.just("set"), names, st.sets(st.integers(1, 4))),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("say"), st.integers(0, 3)),
    st.tuples(st.just("lose")),
    st.tuples(st.just("reconnect")),
)


@given(st.lists(steps, max_size=40))
async def test_whatever_happens_in_between_the_lookupd_ends_up_with_the_truth(story):
    side = Side()
    for step, *values in story:
        match step:
            case "set":
                side.jobs[values[0]] = values[1]
                side.ledger.touch(values[0])
            case "delete":
                side.jobs.pop(values[0], None)
                side.ledger.touch(values[0])
            case "say":
                side.say(values[0])
            case "lose":
                side.ledger.touch_all(side.jobs)
            case "reconnect":
                side.connect()
    side.say()
    assert side.understood == side.jobs
