"""Keys, batches and registrations, without an etcd."""

import msgspec
import pytest
from gaffer_kernel import JobName

from gaffer_lookup.etcd import etcd_sync as etcd_sync_module
from gaffer_lookup.etcd.etcd_sync import MAX_OPERATIONS, EtcdSync
from gaffer_lookup.etcd.keys import JobKey, Keys, NodeKey, decode_pids, encode_node, encode_pids
from gaffer_lookup.etcd.registrations import Registrations
from gaffer_lookup.etcd.wire import Change, Pair
from gaffer_lookup.registry.node import make_node

KEYS = Keys("/gaffer")
WEB = JobName("default", "web")


def node(name="web1", origin=None, version="1", owner="machine a"):
    return make_node(name, origin or f"http://{name}:5000", version, owner)


def node_pair(lease, given=None, revision=None):
    given = given or node()
    key = KEYS.node(given, lease)
    return Pair(key, encode_node(given), create_revision=revision or lease, lease=lease)


def job_pair(lease, *pids, job=WEB):
    return Pair(KEYS.job(lease, job), encode_pids(set(pids)), lease=lease)


# Keys


def test_keys_parse_back():
    assert KEYS.node(node(), 0x1F).startswith(b"/gaffer/nodes/web1/")
    assert KEYS.parse(KEYS.node(node(), 0x1F)) == NodeKey(0x1F)
    assert KEYS.parse(KEYS.job(0x1F, WEB)) == JobKey(0x1F, WEB)
    assert KEYS.parse(KEYS.origin(node(), 0x1F)) is None
    assert b"http%3A%2F%2Fweb1%3A5000" in KEYS.origin(node(), 1)


@pytest.mark.parametrize("owner", ["machine b", "machine c", "token x", "user 0"])
def test_foreign_ranges_hold_the_keys_of_other_owners_only(owner):
    own = node()
    ranges = list(KEYS.get_foreign_ranges(own))

    def is_found(key):
        return any(begin <= key < end for begin, end in ranges)

    for key in (KEYS.node, KEYS.origin):
        assert is_found(key(node(owner=owner), 7))
        assert not is_found(key(own, 7))
        for name in ("web", "web10", "web1.x", "web0", "web2"):
            assert not is_found(key(node(name, owner=owner), 7))


@pytest.mark.parametrize("value", [b"", b"x", b"{}", b'["a"]', b"[1.5]", b"[" * 100_000])
def test_invalid_pids_decode_to_none(value):
    assert decode_pids(value) is None


# What is written


class Runner:
    def __init__(self, **jobs):
        self.jobs = {JobName("default", name): pids for name, pids in jobs.items()}
        self.written = {}
        self.sync = EtcdSync(KEYS, 1, self.jobs.get, self.jobs)

    def write_all(self):
        """Write all batches; return their number."""
        for count in range(1000):
            batch = self.sync.next_batch()
            if not batch:
                return count
            assert len(self.sync.operations(batch)) == len(batch)
            self.written.update(batch)
            self.sync.mark_written(batch)
        raise AssertionError("the batches do not end")

    def get_written(self):
        return {job: pids for job, pids in self.written.items() if pids is not None}


def test_all_jobs_are_written_once():
    runner = Runner(web={1, 2}, db=set())
    assert runner.write_all() == 1
    assert runner.get_written() == runner.jobs
    runner.sync.mark_changed(WEB)
    assert runner.write_all() == 0


def test_job_changed_during_a_write_is_written_again():
    runner = Runner(web={1})
    batch = runner.sync.next_batch()
    runner.jobs[WEB] = {2}
    runner.sync.mark_changed(WEB)
    runner.sync.mark_written(batch)
    runner.write_all()
    assert runner.get_written() == {WEB: {2}}


def test_failed_write_is_retried_with_the_current_state():
    runner = Runner(web={1})
    runner.sync.next_batch()
    runner.jobs[WEB] = {1, 2}
    assert runner.sync.next_batch() == {WEB: {1, 2}}


def test_job_deleted_before_it_was_written_is_not_kept():
    runner = Runner()
    for number in range(1000):
        job = JobName("default", f"once{number}")
        runner.jobs[job] = {1}
        runner.sync.mark_changed(job)
        del runner.jobs[job]
        runner.sync.mark_changed(job)
    assert not runner.sync._pending
    assert runner.write_all() == 0


def test_job_deleted_after_an_uncertain_write_is_deleted_in_etcd():
    runner = Runner(web={1})
    lost = runner.sync.next_batch()
    runner.written.update(lost)  # The outcome is unknown.
    del runner.jobs[WEB]
    runner.sync.mark_changed(WEB)
    runner.write_all()
    assert runner.get_written() == {}


def test_uncertain_write_over_an_old_value_is_corrected():
    runner = Runner(web={1})
    runner.write_all()
    runner.jobs[WEB] = {1, 2}
    runner.sync.mark_changed(WEB)
    runner.written.update(runner.sync.next_batch())  # The outcome is unknown.
    runner.jobs[WEB] = {1}
    runner.sync.mark_changed(WEB)
    runner.write_all()
    assert runner.get_written() == {WEB: {1}}
    assert runner.write_all() == 0


def test_job_deleted_during_a_write_is_deleted_in_etcd():
    runner = Runner(web={1})
    batch = runner.sync.next_batch()
    runner.written.update(batch)
    del runner.jobs[WEB]
    runner.sync.mark_changed(WEB)
    runner.sync.mark_written(batch)
    runner.write_all()
    assert runner.get_written() == {}


def test_mark_all_changed_covers_deleted_jobs():
    runner = Runner(web={1}, db={2})
    runner.write_all()
    del runner.jobs[WEB]
    runner.jobs[JobName("default", "new")] = {3}
    runner.sync.mark_all_changed(runner.jobs)
    runner.write_all()
    assert runner.get_written() == runner.jobs


def test_batch_fits_into_a_transaction(monkeypatch):
    runner = Runner(**{f"job{number}": {number} for number in range(MAX_OPERATIONS + 1)})
    assert runner.write_all() == 2
    monkeypatch.setattr(etcd_sync_module, "MAX_BYTES", 5_000)
    runner = Runner(**{f"job{number}": set(range(1, 101)) for number in range(4)})
    assert runner.write_all() == 4
    assert runner.get_written() == runner.jobs


# What is published


class Recorder:
    def __init__(self):
        self.events = []
        self.registrations = Registrations(KEYS, self)

    def __call__(self, event, node, job_name=None, pid=None):
        self.events.append(
            " ".join(str(each) for each in (event, node.name, job_name, pid) if each)
        )

    def put(self, *pairs):
        self.registrations.apply([Change(pair) for pair in pairs])
        return self.take_events()

    def delete(self, *pairs):
        self.registrations.apply([Change(Pair(pair.key), "DELETE") for pair in pairs])
        return self.take_events()

    def replace(self, *pairs):
        self.registrations.replace(pairs)
        return self.take_events()

    def take_events(self):
        events, self.events = self.events, []
        return events


@pytest.fixture
def recorder():
    return Recorder()


def test_jobs_are_published_once_their_node_is_registered(recorder):
    assert recorder.put(job_pair(1, 5)) == []
    assert recorder.put(node_pair(1)) == [
        *("add_node web1", "identify web1", "add_job web1 web", "add_process web1 web 5"),
    ]


def test_deleted_keys_are_published_in_order(recorder):
    recorder.put(node_pair(1), job_pair(1, 6, 5))
    assert recorder.delete(job_pair(1), node_pair(1)) == [
        *("remove_process web1 web 5", "remove_process web1 web 6"),
        *("remove_job web1 web", "remove_node web1"),
    ]
    assert not recorder.registrations.store.nodes()


def test_replace_publishes_only_differences(recorder):
    other = node("web2")
    recorder.put(node_pair(1), job_pair(1, 5), node_pair(2, other))
    assert recorder.replace(node_pair(1), job_pair(1, 5, 6)) == [
        *("add_process web1 web 6", "remove_node web2"),
    ]


def test_newest_registration_counts_until_it_is_gone(recorder):
    recorder.put(node_pair(1), job_pair(1, 5))
    assert recorder.put(node_pair(2), job_pair(2, 5, 6)) == ["add_process web1 web 6"]
    assert recorder.put(job_pair(1, 7)) == []
    assert recorder.delete(node_pair(2), job_pair(2)) == [
        *("remove_process web1 web 5", "remove_process web1 web 6", "add_process web1 web 7"),
    ]
    assert recorder.delete(node_pair(1), job_pair(1))[-1] == "remove_node web1"


def test_another_version_is_another_node(recorder):
    recorder.put(node_pair(1))
    assert recorder.put(node_pair(2, node(version="2"))) == [
        *("remove_node web1", "add_node web1", "identify web1"),
    ]


def test_another_owner_is_another_node(recorder):
    recorder.put(node_pair(1))
    assert recorder.put(node_pair(2, node(owner="machine b"))) == [
        "add_node web1",
        "identify web1",
    ]
    assert len(recorder.registrations.store.nodes()) == 2


def test_node_under_the_key_of_another_is_ignored(recorder, caplog):
    for wrong in (node("web2"), node(owner="machine b")):
        assert recorder.put(Pair(KEYS.node(node(), 1), encode_node(wrong), lease=1)) == []
        assert "holds no valid node: ignored" in caplog.text


def test_key_under_another_lease_is_ignored(recorder):
    recorder.put(node_pair(1), job_pair(1, 5))
    for pair in (node_pair(1, node("other")), job_pair(1, 7, job=JobName("default", "other"))):
        pair.lease = 2
        assert recorder.put(pair) == []
    assert (
        recorder.put(Pair(b"/gaffer/nodes/web1/x/y", b"{}"), Pair(b"/gaffer/jobs/y/web", b"[]"))
        == []
    )


def test_deleting_a_foreign_key_removes_nothing(recorder):
    recorder.put(node_pair(1), job_pair(1, 5))
    other = node_pair(1, node("other"))
    other.lease = 2
    recorder.put(other)
    assert recorder.delete(other) == []
    for name in (b"web", b"default:web"):
        assert recorder.delete(Pair(KEYS.all + b"jobs/0000000000000001/" + name)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"lease": 2},
        {"value": b"nothing"},
        {"value": b"[0]"},
        {"value": b"[1,1%s]" % (b"0" * 30)},
        {"value": b"[%s]" % b",".join(b"%d" % pid for pid in range(1, 10_002))},
    ],
)
@pytest.mark.parametrize("make", [node_pair, lambda lease: job_pair(lease, 5)])
def test_follower_and_late_reader_agree(recorder, make, change):
    recorder.put(node_pair(1), job_pair(1, 5))
    put = msgspec.structs.replace(make(1), **change)
    recorder.put(put)
    now = {pair.key: pair for pair in (node_pair(1), job_pair(1, 5), put)}
    late = Recorder()
    late.replace(*now.values())
    stores = [
        {
            str(each): dict(reader.registrations.store.get_jobs(each))
            for each in reader.registrations.store.nodes()
        }
        for reader in (recorder, late)
    ]
    assert stores[0] == stores[1] != {str(node()): {WEB: {5}}}


def test_invalid_node_key_is_truncated_in_the_log(recorder, caplog):
    recorder.put(Pair(KEYS.all + b"nodes/%s/x/0000000000000001" % (b"x" * 100_000), b"", lease=1))
    assert "holds no valid node" in caplog.text
    assert len(caplog.text) < 1000


def test_limits_are_enforced(recorder, monkeypatch):
    monkeypatch.setattr("gaffer_lookup.etcd.registrations.MAX_REGISTRATIONS", 1)
    monkeypatch.setattr("gaffer_lookup.etcd.registrations.MAX_JOBS", 1)
    recorder.put(node_pair(1), node_pair(2, node("web2")), job_pair(3, 1))
    assert [each.name for each in recorder.registrations.store.nodes()] == ["web1"]
    recorder.put(job_pair(1, 1), job_pair(1, 1, job=JobName("default", "db")))
    [one] = recorder.registrations.store.nodes()
    assert set(recorder.registrations.store.get_jobs(one)) == {WEB}
    assert recorder.put(job_pair(1, 2)) == ["remove_process web1 web 1", "add_process web1 web 2"]
