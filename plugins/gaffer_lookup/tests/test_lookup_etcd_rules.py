"""What is kept in etcd and what is made of it, without any etcd."""

import msgspec
import pytest
from gaffer_kernel import JobName

from gaffer_lookup.etcd import etcd_sync as account_module
from gaffer_lookup.etcd.etcd_sync import MAX_OPERATIONS, Account
from gaffer_lookup.etcd.keys import JobKey, Keys, NodeKey, node_value, pids_value, read_pids
from gaffer_lookup.etcd.registrations import Roll
from gaffer_lookup.etcd.wire import Change, Pair
from gaffer_lookup.registry.node import make_node

KEYS = Keys("/gaffer")
WEB = JobName("default", "web")


def node(name="web1", origin=None, version="1", owner="machine a"):
    return make_node(name, origin or f"http://{name}:5000", version, owner)


def node_pair(lease, made=None, revision=None):
    made = made or node()
    key = KEYS.node(made, lease)
    return Pair(key, node_value(made), create_revision=revision or lease, lease=lease)


def job_pair(lease, *pids, job=WEB):
    return Pair(KEYS.job(lease, job), pids_value(set(pids)), lease=lease)


# Keys


def test_keys_are_read_as_they_are_made():
    assert KEYS.node(node(), 0x1F).startswith(b"/gaffer/nodes/web1/")
    assert KEYS.parse(KEYS.node(node(), 0x1F)) == NodeKey(0x1F)
    assert KEYS.parse(KEYS.job(0x1F, WEB)) == JobKey(0x1F, WEB)
    assert KEYS.parse(KEYS.origin(node(), 0x1F)) is None
    assert b"http%3A%2F%2Fweb1%3A5000" in KEYS.origin(node(), 1)


@pytest.mark.parametrize("owner", ["machine b", "machine c", "token x", "user 0"])
def test_the_keys_of_others_are_those_below_the_same_name_or_origin_that_are_not_ours(owner):
    mine = node()
    ranges = list(KEYS.of_others(mine))

    def is_found(key):
        return any(begin <= key < end for begin, end in ranges)

    for key in (KEYS.node, KEYS.origin):
        assert is_found(key(node(owner=owner), 7))
        assert not is_found(key(mine, 7))
        for name in ("web", "web10", "web1.x", "web0", "web2"):
            assert not is_found(key(node(name, owner=owner), 7))


@pytest.mark.parametrize("value", [b"", b"x", b"{}", b'["a"]', b"[1.5]", b"[" * 100_000])
def test_what_are_no_pids_is_told_to_be_none(value):
    assert read_pids(value) is None


# What is told


class Truth:
    def __init__(self, **jobs):
        self.jobs = {JobName("default", name): pids for name, pids in jobs.items()}
        self.told = {}
        self.account = Account(KEYS, 1, self.jobs.get, self.jobs)

    def tell(self):
        """Tell everything; how many batches that took."""
        for count in range(1000):
            batch = self.account.batch()
            if not batch:
                return count
            assert len(self.account.operations(batch)) == len(batch)
            self.told.update(batch)
            self.account.settled(batch)
        raise AssertionError("it has no end")

    def known(self):
        return {job: pids for job, pids in self.told.items() if pids is not None}


def test_everything_is_told_once():
    truth = Truth(web={1, 2}, db=set())
    assert truth.tell() == 1
    assert truth.known() == truth.jobs
    truth.account.touch(WEB)
    assert truth.tell() == 0


def test_what_has_changed_while_it_was_told_is_told_again():
    truth = Truth(web={1})
    batch = truth.account.batch()
    truth.jobs[WEB] = {2}
    truth.account.touch(WEB)
    truth.account.settled(batch)
    truth.tell()
    assert truth.known() == {WEB: {2}}


def test_what_could_not_be_told_is_tried_again_as_it_is_then():
    truth = Truth(web={1})
    truth.account.batch()
    truth.jobs[WEB] = {1, 2}
    assert truth.account.batch() == {WEB: {1, 2}}


def test_what_came_and_went_untold_is_nothing():
    truth = Truth()
    for number in range(1000):
        job = JobName("default", f"once{number}")
        truth.jobs[job] = {1}
        truth.account.touch(job)
        del truth.jobs[job]
        truth.account.touch(job)
    assert not truth.account._open
    assert truth.tell() == 0


def test_what_may_have_been_told_is_taken_back_when_it_is_no_longer_so():
    truth = Truth(web={1})
    lost = truth.account.batch()
    truth.told.update(lost)  # Nobody said so.
    del truth.jobs[WEB]
    truth.account.touch(WEB)
    truth.tell()
    assert truth.known() == {}


def test_what_may_have_been_told_over_something_else_is_put_right():
    truth = Truth(web={1})
    truth.tell()
    truth.jobs[WEB] = {1, 2}
    truth.account.touch(WEB)
    truth.told.update(truth.account.batch())  # Nobody said so.
    truth.jobs[WEB] = {1}
    truth.account.touch(WEB)
    truth.tell()
    assert truth.known() == {WEB: {1}}
    assert truth.tell() == 0


def test_what_ended_while_it_was_told_is_taken_back():
    truth = Truth(web={1})
    batch = truth.account.batch()
    truth.told.update(batch)
    del truth.jobs[WEB]
    truth.account.touch(WEB)
    truth.account.settled(batch)
    truth.tell()
    assert truth.known() == {}


def test_when_nobody_knows_what_happened_all_jobs_are_looked_at_the_old_ones_too():
    truth = Truth(web={1}, db={2})
    truth.tell()
    del truth.jobs[WEB]
    truth.jobs[JobName("default", "new")] = {3}
    truth.account.touch_all(truth.jobs)
    truth.tell()
    assert truth.known() == truth.jobs


def test_a_batch_is_no_larger_than_a_transaction_may_be(monkeypatch):
    truth = Truth(**{f"job{number}": {number} for number in range(MAX_OPERATIONS + 1)})
    assert truth.tell() == 2
    monkeypatch.setattr(account_module, "MAX_BYTES", 5_000)
    truth = Truth(**{f"job{number}": set(range(1, 101)) for number in range(4)})
    assert truth.tell() == 4
    assert truth.known() == truth.jobs


# What is read


class Told:
    def __init__(self):
        self.words = []
        self.roll = Roll(KEYS, self)

    def __call__(self, event, node, job_name=None, pid=None):
        self.words.append(" ".join(str(each) for each in (event, node.name, job_name, pid) if each))

    def put(self, *pairs):
        self.roll.change([Change(pair) for pair in pairs])
        return self.taken()

    def delete(self, *pairs):
        self.roll.change([Change(Pair(pair.key), "DELETE") for pair in pairs])
        return self.taken()

    def replace(self, *pairs):
        self.roll.replace(pairs)
        return self.taken()

    def taken(self):
        words, self.words = self.words, []
        return words


@pytest.fixture
def told():
    return Told()


def test_jobs_whose_node_is_not_there_are_not_shown_until_it_is(told):
    assert told.put(job_pair(1, 5)) == []
    assert told.put(node_pair(1)) == [
        *("add_node web1", "identify web1", "add_job web1 web", "add_process web1 web 5"),
    ]


def test_the_end_of_a_lease_takes_everything_along_in_order(told):
    told.put(node_pair(1), job_pair(1, 6, 5))
    assert told.delete(job_pair(1), node_pair(1)) == [
        *("remove_process web1 web 5", "remove_process web1 web 6"),
        *("remove_job web1 web", "remove_node web1"),
    ]
    assert not told.roll.store.nodes()


def test_only_what_differs_is_told_after_all_was_read_again(told):
    other = node("web2")
    told.put(node_pair(1), job_pair(1, 5), node_pair(2, other))
    assert told.replace(node_pair(1), job_pair(1, 5, 6)) == [
        *("add_process web1 web 6", "remove_node web2"),
    ]


def test_the_newest_registration_speaks_and_the_one_before_when_it_is_gone(told):
    told.put(node_pair(1), job_pair(1, 5))
    assert told.put(node_pair(2), job_pair(2, 5, 6)) == ["add_process web1 web 6"]
    assert told.put(job_pair(1, 7)) == []
    assert told.delete(node_pair(2), job_pair(2)) == [
        *("remove_process web1 web 5", "remove_process web1 web 6", "add_process web1 web 7"),
    ]
    assert told.delete(node_pair(1), job_pair(1))[-1] == "remove_node web1"


def test_another_version_is_another_node(told):
    told.put(node_pair(1))
    assert told.put(node_pair(2, node(version="2"))) == [
        *("remove_node web1", "add_node web1", "identify web1"),
    ]


def test_another_owner_is_another_node(told):
    told.put(node_pair(1))
    assert told.put(node_pair(2, node(owner="machine b"))) == ["add_node web1", "identify web1"]
    assert len(told.roll.store.nodes()) == 2


def test_a_node_is_not_read_under_the_key_of_another(told, caplog):
    for wrong in (node("web2"), node(owner="machine b")):
        assert told.put(Pair(KEYS.node(node(), 1), node_value(wrong), lease=1)) == []
        assert "is no node: passed over" in caplog.text


def test_what_is_not_under_the_lease_that_its_key_names_is_passed_over(told):
    told.put(node_pair(1), job_pair(1, 5))
    for pair in (node_pair(1, node("evil")), job_pair(1, 7, job=JobName("default", "evil"))):
        pair.lease = 2
        assert told.put(pair) == []
    assert (
        told.put(Pair(b"/gaffer/nodes/web1/x/y", b"{}"), Pair(b"/gaffer/jobs/y/web", b"[]")) == []
    )


def test_nobody_goes_when_a_key_is_deleted_that_only_names_his_lease(told):
    told.put(node_pair(1), job_pair(1, 5))
    evil = node_pair(1, node("evil"))
    evil.lease = 2
    told.put(evil)
    assert told.delete(evil) == []
    for name in (b"web", b"default:web"):
        assert told.delete(Pair(KEYS.all + b"jobs/0000000000000001/" + name)) == []


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
def test_whoever_follows_knows_what_is_known_to_whoever_reads_it_now(told, make, change):
    told.put(node_pair(1), job_pair(1, 5))
    put = msgspec.structs.replace(make(1), **change)
    told.put(put)
    now = {pair.key: pair for pair in (node_pair(1), job_pair(1, 5), put)}
    late = Told()
    late.replace(*now.values())
    shown = [
        {str(each): dict(who.roll.store.jobs_of(each)) for each in who.roll.store.nodes()}
        for who in (told, late)
    ]
    assert shown[0] == shown[1] != {str(node()): {WEB: {5}}}


def test_what_is_no_node_is_named_in_short(told, caplog):
    told.put(Pair(KEYS.all + b"nodes/%s/x/0000000000000001" % (b"x" * 100_000), b"", lease=1))
    assert "is no node" in caplog.text
    assert len(caplog.text) < 1000


def test_numbers_are_bounded(told, monkeypatch):
    monkeypatch.setattr("gaffer_lookup.etcd.registrations.MAX_REGISTRATIONS", 1)
    monkeypatch.setattr("gaffer_lookup.etcd.registrations.MAX_JOBS", 1)
    told.put(node_pair(1), node_pair(2, node("web2")), job_pair(3, 1))
    assert [each.name for each in told.roll.store.nodes()] == ["web1"]
    told.put(job_pair(1, 1), job_pair(1, 1, job=JobName("default", "db")))
    [one] = told.roll.store.nodes()
    assert set(told.roll.store.jobs_of(one)) == {WEB}
    assert told.put(job_pair(1, 2)) == ["remove_process web1 web 1", "add_process web1 web 2"]
