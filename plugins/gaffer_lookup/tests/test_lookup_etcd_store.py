"""Nodes in a real etcd, registered directly and through lookupds."""

import json
import re
import shutil
import textwrap
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from gaffer_kernel import JobConfig, JobName, PluginError
from gaffer_kernel.testing import FakeSystem
from gaffer_testing.waiting import until

from gaffer_lookup.etcd import watch as watch_module
from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.etcd_sync import MAX_OPERATIONS
from gaffer_lookup.etcd.keys import Keys
from gaffer_lookup.etcd.leased_node import LeasedNode
from gaffer_lookup.etcd.mirror import Mirror
from gaffer_lookup.etcd.registration import EtcdRegistration
from gaffer_lookup.registry.node import make_node

from .cluster_members import (
    get_jobs,
    open_follower,
    open_node,
    open_sharing_lookupd,
    running_jobs,
    settings,
)
from .etcd_cluster import needs_etcd, running

pytestmark = needs_etcd


@pytest.fixture(scope="module")
def etcd(tmp_path_factory):
    with running(tmp_path_factory.mktemp("etcd")) as cluster:
        yield cluster


@pytest.fixture
def address(etcd, request):
    """The address of the etcd, with a prefix for each test."""
    name = "".join(char if char.isalnum() else "_" for char in request.node.name)
    return f"{etcd.addresses[0]}/{name}"


@pytest.fixture
async def follower(address):
    async with open_follower(address) as follower:
        yield follower


class FakeNode:
    """A registered node, whose jobs a test changes."""

    def __init__(self, etcd, node, lease):
        self.jobs = {}
        self.registration = EtcdRegistration(
            etcd, node, lease, self.jobs.get, lambda: list(self.jobs)
        )

    def put(self, name, *pids):
        job = JobName.parse(name)
        self.jobs[job] = set(pids)
        self.registration.mark_changed(job)

    def drop(self, name):
        job = JobName.parse(name)
        del self.jobs[job]
        self.registration.mark_changed(job)


@asynccontextmanager
async def open_registration(
    address, name="web1", origin=None, owner="machine a", version="1", lease=60
):
    etcd = Etcd(settings(address))
    node = make_node(name, origin or f"http://{name}:5000", version, owner)
    fake_node = FakeNode(etcd, node, lease)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fake_node.registration.run)
            yield fake_node
            nursery.cancel_scope.cancel()
    finally:
        await etcd.aclose()


@asynccontextmanager
async def open_registered(address, *args, **options):
    async with open_registration(address, *args, **options) as fake_node:
        await until(lambda: fake_node.registration.registered)
        yield fake_node


async def test_changes_of_a_node_are_published_once_in_order(address, follower):
    async with open_registered(address) as node:
        node.put("web")
        await until(lambda: follower.jobs() == {"web": set()})
        node.put("web", 1)
        await until(lambda: follower.jobs() == {"web": {1}})
        node.put("web")
        await until(lambda: follower.jobs() == {"web": set()})
        node.drop("web")
        await until(lambda: follower.jobs() == {})
    await until(lambda: follower.names() == [])
    assert follower.events == [
        *("add_node web1", "identify web1", "add_job web1 web", "add_process web1 web 1"),
        *("remove_process web1 web 1", "remove_job web1 web", "remove_node web1"),
    ]


async def test_cancelled_registration_removes_its_jobs(address, follower):
    async with open_registered(address) as node:
        node.put("web", 1)
        await until(lambda: follower.jobs() == {"web": {1}})
    await until(lambda: follower.names() == [])
    assert follower.events[-3:] == [
        "remove_process web1 web 1",
        "remove_job web1 web",
        "remove_node web1",
    ]


async def test_late_follower_reads_all_jobs(address):
    async with open_registered(address) as node:
        node.put("prod.web", 1, 2)
        async with open_follower(address) as follower:
            await until(lambda: follower.jobs() == {"prod.web": {1, 2}})


async def test_many_jobs_are_written_in_few_transactions(address, follower):
    async with open_registration(address) as node:
        for number in range(3 * MAX_OPERATIONS):
            node.jobs[JobName("many", f"job{number}")] = {number + 1}
        await until(lambda: len(follower.jobs() or ()) == 3 * MAX_OPERATIONS)
        for number in range(3 * MAX_OPERATIONS):
            node.drop(f"many.job{number}")
        await until(lambda: follower.jobs() == {})


async def test_largest_number_of_processes_is_written(address, follower):
    async with open_registered(address) as node:
        pids = set(range(10**17, 10**17 + 10_000))
        for name in ("a", "b", "c"):
            node.put(name, *pids)
        await until(lambda: follower.jobs() == {"a": pids, "b": pids, "c": pids})


async def test_readme_python_example_runs(address, capsys):
    page = (Path(__file__).parent.parent / "README.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    imports, _, block = code.partition("\n\n")
    block = block.replace('"etcd://a:2379", "etcd://b:2379"', repr(address))
    names = {}
    exec(f"{imports}\nasync def read():\n{textwrap.indent(block, '    ')}", names)
    async with open_follower(address) as follower, open_registered(address) as node:
        node.put("prod.web", 2, 1)
        await until(lambda: follower.jobs() == {"prod.web": {1, 2}})
        await names["read"]()
    assert "prod prod.web {'http://web1:5000': [1, 2]}" in capsys.readouterr().out


# Owners of names


@pytest.mark.parametrize(
    ("name", "origin"), [("web1", "http://other:5000"), ("other_owner", "http://web1:5000")]
)
async def test_name_and_origin_of_another_owner_are_refused(
    address, follower, name, origin, caplog
):
    async with open_registered(address):
        async with open_registration(address, name, origin, owner="machine b") as other_owner:
            await until(lambda: other_owner.registration.error)
            assert not other_owner.registration.registered
            assert "is registered by another owner" in other_owner.registration.error
            assert "\n" not in other_owner.registration.error
        assert follower.names() == ["web1"]
        assert len([each for each in caplog.records if "another owner" in each.message]) == 1


async def test_invalid_key_that_blocks_a_name_is_named(etcd, address):
    key = f"{prefix(address)}nodes/web1/by/hand"
    etcd.put(key, "x")
    async with open_registration(address) as node:
        await until(lambda: node.registration.error)
        assert node.registration.error.endswith(f"by another owner, under {key!r}")
        etcd.delete(key)
        await until(lambda: node.registration.registered)


async def test_name_is_free_when_its_owner_has_gone(address, follower):
    leave = trio.Event()

    async def own(task_status):
        async with open_registered(address):
            task_status.started()
            await leave.wait()

    async with trio.open_nursery() as nursery:
        await nursery.start(own)
        async with open_registration(address, owner="machine b") as other:
            await until(lambda: other.registration.error)
            leave.set()
            await until(lambda: other.registration.registered)
    await until(lambda: follower.names() == [])


async def test_one_name_may_have_two_origins_of_one_owner(address, follower):
    async with open_registered(address), open_registered(address, origin="http://web1:5001"):
        await until(lambda: follower.names() == ["web1", "web1"])


async def test_newest_registration_counts_without_a_visible_change(address, follower):
    async with open_registered(address) as new:
        async with open_registered(address) as old:
            # The inner registration is the newer one, and ends first.
            new, old = old, new
            old.put("web", 1)
            new.put("web", 1)
            new.put("db", 2)
            await until(lambda: follower.jobs() == {"web": {1}, "db": {2}})
            del follower.events[:]
            old.put("web", 7)
            old.put("mark", 1)
        await until(lambda: follower.jobs() == {"web": {7}, "mark": {1}})
    await until(lambda: follower.names() == [])
    assert follower.events.count("remove_node web1") == 1
    assert "add_node web1" not in follower.events


# Loss of keys, leases and changes


async def test_node_registers_again_after_a_lost_lease(etcd, address, follower):
    async with open_registered(address, lease=2) as node:
        node.put("web", 1)
        await until(lambda: follower.jobs() == {"web": {1}})
        before = leases(etcd, address)
        [lease] = before
        etcd.revoke(lease)
        await until(lambda: follower.names() == [])
        await until(lambda: follower.jobs() == {"web": {1}})
        assert leases(etcd, address).isdisjoint(before)


def leases(etcd, address):
    return {int(key.rpartition("/")[2], 16) for key in etcd.keys(f"{prefix(address)}nodes/")}


def prefix(address):
    """Return the prefix of the keys of an address."""
    return f"{settings(address).prefix}/"


async def test_keys_deleted_by_hand_come_back(etcd, address, follower):
    async with open_registered(address, lease=2) as node:
        node.put("web", 1)
        await until(lambda: follower.jobs() == {"web": {1}})
        etcd.delete(prefix(address))
        await until(lambda: follower.names() == [])
        await until(lambda: follower.jobs() == {"web": {1}})
        assert len(leases(etcd, address)) == 1


@pytest.mark.parametrize("key", ["nodes/", "origins/"])
async def test_single_key_deleted_by_hand_comes_back(etcd, address, follower, key):
    async with open_registered(address, lease=2) as node:
        node.put("web", 1)
        await until(lambda: follower.jobs() == {"web": {1}})
        before = leases(etcd, address)
        etcd.delete(prefix(address) + key)
        await until(lambda: leases(etcd, address).isdisjoint(before) and etcd.keys(prefix(address)))
        await until(lambda: follower.jobs() == {"web": {1}})


async def test_late_transactions_of_a_hung_member_have_no_effect(address, follower, monkeypatch):
    do, done = Etcd.txn, []

    async def remember(self, *args):
        done.append(args)
        return await do(self, *args)

    monkeypatch.setattr(Etcd, "txn", remember)
    async with open_registered(address, lease=2) as node:
        for pid in (1, 2):
            node.put("web", pid)
            node.put("gone", pid)
            await until(lambda pid=pid: follower.jobs() == {"web": {pid}, "gone": {pid}})
        node.drop("gone")
        await until(lambda: follower.jobs() == {"web": {2}})
        del follower.events[:]
        late = Etcd(settings(address))
        for args in reversed(done.copy()):
            await do(late, *args)
        await late.aclose()
        node.put("web", 2, 3)
        await until(lambda: follower.jobs() == {"web": {2, 3}})
        assert follower.events == ["add_process web1 web 3"]


async def test_node_registers_again_in_an_etcd_restored_from_a_backup(tmp_path):
    with running(tmp_path) as cluster:
        [member] = cluster.members
        data, copy = tmp_path / member.name, tmp_path / "copy"
        [address] = cluster.addresses
        async with open_follower(address) as follower, open_registered(address, lease=3) as node:
            node.put("web", 1)
            await until(lambda: follower.jobs() == {"web": {1}})
            before = leases(cluster, address)
            cluster.kill()
            shutil.copytree(data, copy)
            cluster.start()
            node.put("web", 2)
            await until(lambda: follower.jobs() == {"web": {2}})
            cluster.kill()
            shutil.rmtree(data)
            copy.rename(data)
            cluster.start()
            await until(lambda: leases(cluster, address).isdisjoint(before))
            await until(lambda: follower.jobs() == {"web": {2}})
            async with open_follower(address) as late:
                await until(lambda: late.jobs() == {"web": {2}})


async def test_lease_is_renewed(address, follower):
    async with open_registered(address, lease=2):
        await until(lambda: follower.names() == ["web1"])
        await trio.sleep(4.5)  # More than two leases: time is what is tested.
        assert follower.events == ["add_node web1", "identify web1"]


async def test_mirror_reads_again_after_a_compaction(etcd, address, monkeypatch):
    follow = Mirror._follow
    held = trio.Event()

    async def wait_then_follow(self, follower):
        await held.wait()
        await follow(self, follower)

    monkeypatch.setattr(Mirror, "_follow", wait_then_follow)
    async with open_follower(address) as follower, open_registered(address) as node:
        for pid in range(1, 5):
            node.put("web", pid)
            await until(lambda: node.registration._sync.next_batch() == {})
        etcd.compact()
        assert follower.names() == []
        held.set()
        await until(lambda: follower.jobs() == {"web": {4}})


async def test_silent_watch_is_reopened_without_a_gap(address, monkeypatch):
    monkeypatch.setattr(watch_module, "SILENCE_TIMEOUT", 0.05)
    async with open_follower(address) as follower, open_registered(address) as node:
        for pid in range(1, 30):
            node.put("web", pid)
            await until(lambda pid=pid: follower.jobs() == {"web": {pid}})
            await trio.sleep(0.02)  # Some changes come between two watches.
        assert follower.events.count("add_node web1") == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("nodes/x", "{}"), ("nodes/x/y/LEASE", "{}"), ("nodes/x/y/LEASE", "nothing")),
        *(("jobs/LEASE/a b", "[1]"), ("jobs/LEASE/web", '"x"'), ("jobs/LEASE/web", "[1]")),
        *(("other", "x"), ("nodes/x/y/z", "{}"), ("jobs/z/web", "[1]")),
        ("nodes/x/y/LEASE", json.dumps(dict.fromkeys(("name", "origin", "version", "owner"), "x"))),
    ],
)
async def test_invalid_keys_are_ignored(etcd, address, follower, key, value):
    lease = etcd.grant()
    etcd.put(prefix(address) + key.replace("LEASE", f"{lease:016x}"), value, lease)
    async with open_registered(address) as node:
        node.put("web", 1)
        await until(lambda: follower.jobs() == {"web": {1}})
        assert follower.names() == ["web1"]


async def test_node_cannot_register_under_the_key_of_another(etcd, address, follower):
    """Permissions in etcd are granted by prefix."""
    lease = etcd.grant()
    node = make_node("web2", "http://web2:5000", "1", "machine a")
    value = {"name": "web1", "origin": node.origin, "version": "1", "owner": node.owner}
    key = Keys(settings(address).prefix).node(node, lease).decode()
    etcd.put(key, json.dumps(value), lease)
    async with open_registered(address, "web3"):
        await until(lambda: follower.names() == ["web3"])


async def test_rejected_write_is_logged_once(tmp_path, monkeypatch, caplog):
    renew, renewed = LeasedNode.renew, []

    async def count(self):
        await renew(self)
        renewed.append(self)

    monkeypatch.setattr(LeasedNode, "renew", count)
    with running(tmp_path, args=["--max-txn-ops", "8"]) as cluster:
        async with open_registration(cluster.addresses[0], lease=2) as node:
            for number in range(10):
                node.put(f"job{number}", 1)
            await until(lambda: len(renewed) > 2)
            assert not node.registration.registered
            assert "too many operations" in node.registration.error
    assert caplog.text.count("is not registered in etcd") == 1


# gafferd


async def test_gafferd_registers_itself_in_etcd(address, follower):
    system = FakeSystem()
    async with open_node(address, system=system) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
        await until(lambda: follower.jobs() == running_jobs(kernel))
        [node] = follower.mirror.store.nodes()
        assert node.origin == kernel.services["lookup"].origin
        # A follower may receive the change before the writer has its response.
        await until(lambda: kernel.services["lookup"].lookupds()[0].registered)
        [info] = kernel.services["lookup"].lookupds()
        assert (info.address, info.error) == (address, None)
        before = follower.jobs()
        next(iter(system.processes.values())).exit(1)
        await until(lambda: follower.jobs() == running_jobs(kernel) != before)
        job.scale("+4")
        await until(lambda: len(follower.jobs()["web"]) == 6)
        kernel.manager.unload("web")
        await until(lambda: follower.jobs() == {})
    await until(lambda: follower.names() == [])


async def test_dropped_events_lose_no_change(address, follower):
    async with open_node(address) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        await until(lambda: follower.jobs() == running_jobs(kernel))
        for _ in range(30_000):  # Without a pause, so that the event log drops those before.
            kernel.events.publish("noise", name="test")
        job.scale("+1")
        for _ in range(30_000):
            kernel.events.publish("noise", name="test")
        await until(lambda: follower.jobs() == running_jobs(kernel))


async def test_unreachable_etcd_does_not_delay_gafferd():
    with trio.fail_after(10):
        async with open_node("etcd://127.0.0.1:1") as kernel:
            [info] = kernel.services["lookup"].lookupds()
            await until(lambda: kernel.services["lookup"].lookupds()[0].error)
            [info] = kernel.services["lookup"].lookupds()
            assert info.error == "etcd://127.0.0.1:1: connection refused"
            assert not info.registered


async def test_invalid_broadcast_address_is_reported_in_one_line(address):
    expected = pytest.RaisesExc(PluginError, match="cannot be registered in etcd: origin: must be")
    with pytest.RaisesGroup(expected):
        async with open_node(address, more=f"broadcast_address = {'a' * 300}"):
            pass


# lookupds that share an etcd


async def has_jobs(lookupd, expected):
    return await get_jobs(lookupd) == expected


@pytest.fixture
async def two(address):
    async with open_sharing_lookupd(address) as one, open_sharing_lookupd(address) as other:
        yield one, other


async def test_lookupds_publish_each_others_nodes(two):
    one, other = two
    expected = [
        *("add_node", "identify", "add_job", "add_process"),
        *("remove_process", "remove_job", "remove_node"),
    ]
    async with one.observer() as first, other.observer() as second:
        async with one.node() as node:
            await node.identify()
            received = [
                [(await each.receive())["event"] for _ in range(2)] for each in (first, second)
            ]
            await node.register("web", 1)
            for lookupd in two:
                await until(has_jobs, lookupd, {("web", "web1"): {1}})
        for each, events in zip((first, second), received, strict=True):
            events += [(await each.receive())["event"] for _ in range(5)]
            assert events == expected


async def test_node_registered_with_two_lookupds_is_one_node(two):
    one, other = two
    async with one.observer() as observer:
        async with open_node(one.url, other.url) as kernel:
            kernel.manager.load(JobConfig(name="web", cmd="serve"))
            for lookupd in two:
                await until(has_jobs, lookupd, {("web", "web1"): {1}})
            await until(
                lambda: all(each.registered for each in kernel.services["lookup"].lookupds())
            )
            assert await one.names() == await other.names() == ["web1"]
        events = [(await observer.receive())["event"] for _ in range(4)]
        assert events == ["add_node", "identify", "add_job", "add_process"]


async def test_stopped_lookupd_removes_no_node_of_another(address):
    async with (
        open_sharing_lookupd(address) as one,
        open_sharing_lookupd(address) as other,
        open_node(one.url, other.url) as kernel,
    ):
        kernel.manager.load(JobConfig(name="web", cmd="serve"))
        links = kernel.services["lookup"].lookupds
        await until(lambda: all(each.registered for each in links()))
        await until(has_jobs, one, {("web", "web1"): {1}})
        async with one.observer() as observer:
            other.kernel.stop()
            await until(lambda: not all(each.registered for each in links()))
            kernel.manager.load(JobConfig(name="db", cmd="serve"))
            await until(has_jobs, one, {("web", "web1"): {1}, ("db", "web1"): {2}})
            events = [(await observer.receive())["event"] for _ in range(2)]
            assert events == ["add_job", "add_process"]


async def test_name_known_to_another_lookupd_is_refused(two):
    one, other = two
    async with one.node("web1") as node, other.node("web2") as other_owner:
        await node.identify()

        async def known():
            return await other.names() == ["web1"]

        await until(known)
        answer = await other_owner.request(
            "IDENTIFY", name="web2", origin="http://web1:5000", version="1"
        )
        assert (answer["errno"], answer["reason"]) == (409, "conflict")
    # The owner of lookupd may register any node, except one that a token has registered.
    async with one.node("web1") as node, other.node() as other_owner:
        await node.identify()
        await until(known)
        answer = await other_owner.request(
            "IDENTIFY", name="web1", origin="http://other:5000", version="1"
        )
        assert (answer["errno"], answer["reason"]) == (409, "conflict")


async def test_lookupds_see_nodes_registered_in_etcd_directly(address, two):
    one, _ = two
    async with open_registered(address, "direct") as node, one.node() as other:
        node.put("db", 7)
        await other.identify()
        await other.register("web", 1)
        for lookupd in two:
            await until(has_jobs, lookupd, {("db", "direct"): {7}, ("web", "web1"): {1}})


async def test_lookupd_starts_and_answers_without_etcd(caplog):
    with trio.fail_after(15):
        async with open_sharing_lookupd("etcd://127.0.0.1:1/x") as lookupd, lookupd.node() as node:
            await node.identify()
            assert await lookupd.names() == []
    assert "etcd://127.0.0.1:1/x: connection refused" in caplog.text
