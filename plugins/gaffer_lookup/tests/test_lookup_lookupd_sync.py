"""The messages that bring a lookupd up to date, after any history of the jobs."""

import json
from itertools import count

import pytest
from gaffer_kernel import JobName
from hypothesis import given
from hypothesis import strategies as st

from gaffer_lookup.node.lookupd_sync import LookupdSync
from gaffer_lookup.protocol import encode_message
from gaffer_lookup.registry import MemoryBackend, Registry
from gaffer_lookup.registry.message_handler import handle_message
from gaffer_lookup.registry.store import iter_jobs

WEB, DB = JobName("default", "web"), JobName("prod", "db")


class TwoSides:
    """Both sides: the jobs that run, and the jobs that a lookupd knows."""

    def __init__(self):
        self.jobs = {}
        self.sync = LookupdSync(self._get_pids, count(1))
        self.largest = 0
        self.connect()

    def _get_pids(self, job):
        return frozenset(self.jobs[job]) if job in self.jobs else None

    def connect(self):
        self.registry = Registry(MemoryBackend(lambda *args, **kwargs: None))
        self.node_session = self.registry.connect("token a")
        self.node_session.identify("web1", "http://web1:5000", "0.1")
        self.sync.reset(self.jobs)

    def send(self, limit=None):
        """Send pending messages, up to a limit; return their types."""
        sent = []
        while limit is None or len(sent) < limit:
            message = self.sync.next_message()
            if message is None:
                break
            sent.append(type(message).__name__)
            self.largest = max(self.largest, len(encode_message(message)))
            assert (
                json.loads(handle_message(self.node_session, encode_message(message)))["ok"] is True
            ), message
        return sent

    @property
    def known(self):
        return {job: set(*where.values()) for job, where in iter_jobs(self.registry.store)}


async def test_new_lookupd_gets_all_jobs_in_one_message():
    sides = TwoSides()
    sides.jobs |= {WEB: {1, 2}, DB: set()}
    sides.connect()
    assert sides.send() == ["RegisterJobs"]
    assert sides.known == sides.jobs
    assert sides.send() == []


async def test_single_job_is_sent_in_single_messages():
    sides = TwoSides()
    sides.jobs[WEB] = {1, 2}
    sides.connect()
    assert sides.send() == ["RegisterJob", "RegisterProcess", "RegisterProcess"]
    assert sides.known == sides.jobs


@pytest.mark.parametrize(("jobs", "pids"), [(10_000, 1), (3, 10_000), (100, 500)])
async def test_messages_fit_the_limit_of_lookupd(jobs, pids):
    sides = TwoSides()
    for number in range(jobs):
        sides.jobs[JobName("s" * 100, f"job{number}" + "x" * 100)] = set(range(1, pids + 1))
    sides.connect()
    sides.send()
    assert sides.largest < 64 * 1024
    assert sides.known == sides.jobs


async def test_only_differences_are_sent():
    sides = TwoSides()
    sides.jobs[WEB] = {1}
    sides.connect()
    sides.send()
    sides.jobs[WEB] = {2}
    sides.sync.mark_changed(WEB)
    assert sides.send() == ["UnregisterProcess", "RegisterProcess"]
    del sides.jobs[WEB]
    sides.sync.mark_changed(WEB)
    assert sides.send() == ["UnregisterJob"]
    assert sides.known == {}


async def test_job_deleted_before_it_was_sent_is_not_kept():
    sides = TwoSides()
    for number in range(1000):
        job = JobName("default", f"job{number}x")
        sides.jobs[job] = {number}
        sides.sync.mark_changed(job)
        del sides.jobs[job]
        sides.sync.mark_changed(job)
    assert not sides.sync._pending
    assert sides.send() == []


async def test_mark_all_changed_covers_every_job():
    sides = TwoSides()
    sides.jobs[WEB] = {1}
    sides.connect()
    sides.send()
    del sides.jobs[WEB]
    sides.jobs[DB] = {2}  # Without mark_changed.
    sides.sync.mark_all_changed(sides.jobs)
    sides.send()
    assert sides.known == sides.jobs


names = st.sampled_from([JobName("default", "a"), JobName("default", "b"), JobName("prod", "a")])
steps = st.one_of(
    st.tuples(st.just("set"), names, st.sets(st.integers(1, 4))),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("send"), st.integers(0, 3)),
    st.tuples(st.just("lose")),
    st.tuples(st.just("reconnect")),
)


@given(st.lists(steps, max_size=40))
async def test_lookupd_converges_after_any_history(story):
    sides = TwoSides()
    for step, *values in story:
        match step:
            case "set":
                sides.jobs[values[0]] = values[1]
                sides.sync.mark_changed(values[0])
            case "delete":
                sides.jobs.pop(values[0], None)
                sides.sync.mark_changed(values[0])
            case "send":
                sides.send(values[0])
            case "lose":
                sides.sync.mark_all_changed(sides.jobs)
            case "reconnect":
                sides.connect()
    sides.send()
    assert sides.known == sides.jobs
