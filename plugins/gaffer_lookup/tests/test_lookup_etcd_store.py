"""Nodes in a real etcd: registered directly and through lookupds, read by whoever looks."""

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
from tests.waiting import until

from gaffer_lookup.etcd import watch as watch_module
from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.etcd_sync import MAX_OPERATIONS
from gaffer_lookup.etcd.keys import Keys
from gaffer_lookup.etcd.leased_node import Claim
from gaffer_lookup.etcd.mirror import Mirror
from gaffer_lookup.etcd.registration import Registration
from gaffer_lookup.registry.node import make_node

from .cluster_members import following, jobs_of, open_node, settings, sharing, true
from .etcds import needs_etcd, running

pytestmark = needs_etcd


@pytest.fixture(scope="module")
def etcd(tmp_path_factory):
    with running(tmp_path_factory.mktemp("etcd")) as cluster:
        yield cluster


@pytest.fixture
def place(etcd, request):
    """The address of an etcd whose other keys are nobody's business."""
    name = "".join(char if char.isalnum() else "_" for char in request.node.name)
    return f"{etcd.addresses[0]}/{name}"


@pytest.fixture
async def seen(place):
    async with following(place) as seen:
        yield seen


class Runs:
    """A node that is registered, and what it runs, as a test says."""

    def __init__(self, etcd, node, lease):
        self.jobs = {}
        self.registration = Registration(etcd, node, lease, self.jobs.get, lambda: list(self.jobs))

    def put(self, name, *pids):
        job = JobName.parse(name)
        self.jobs[job] = set(pids)
        self.registration.touch(job)

    def drop(self, name):
        job = JobName.parse(name)
        del self.jobs[job]
        self.registration.touch(job)


@asynccontextmanager
async def registering(place, name="web1", origin=None, owner="machine a", version="1", lease=60):
    etcd = Etcd(settings(place))
    node = make_node(name, origin or f"http://{name}:5000", version, owner)
    runs = Runs(etcd, node, lease)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runs.registration.run)
            yield runs
            nursery.cancel_scope.cancel()
    finally:
        await etcd.aclose()


@asynccontextmanager
async def registered(place, *args, **options):
    async with registering(place, *args, **options) as runs:
        await until(lambda: runs.registration.registered)
        yield runs


async def test_what_a_node_does_is_told_once_in_order(place, seen):
    async with registered(place) as node:
        node.put("web")
        await until(lambda: seen.jobs() == {"web": set()})
        node.put("web", 1)
        await until(lambda: seen.jobs() == {"web": {1}})
        node.put("web")
        await until(lambda: seen.jobs() == {"web": set()})
        node.drop("web")
        await until(lambda: seen.jobs() == {})
    await until(lambda: seen.names() == [])
    assert seen.told == [
        *("add_node web1", "identify web1", "add_job web1 web", "add_process web1 web 1"),
        *("remove_process web1 web 1", "remove_job web1 web", "remove_node web1"),
    ]


async def test_a_node_that_goes_takes_everything_along(place, seen):
    async with registered(place) as node:
        node.put("web", 1)
        await until(lambda: seen.jobs() == {"web": {1}})
    await until(lambda: seen.names() == [])
    assert seen.told[-3:] == [
        "remove_process web1 web 1",
        "remove_job web1 web",
        "remove_node web1",
    ]


async def test_whoever_comes_later_knows_everything(place):
    async with registered(place) as node:
        node.put("prod.web", 1, 2)
        async with following(place) as seen:
            await until(lambda: seen.jobs() == {"prod.web": {1, 2}})


async def test_a_mass_of_jobs_is_told_in_few_words(place, seen):
    async with registering(place) as node:
        for number in range(3 * MAX_OPERATIONS):
            node.jobs[JobName("many", f"job{number}")] = {number + 1}
        await until(lambda: len(seen.jobs() or ()) == 3 * MAX_OPERATIONS)
        for number in range(3 * MAX_OPERATIONS):
            node.drop(f"many.job{number}")
        await until(lambda: seen.jobs() == {})


async def test_as_many_processes_as_a_node_may_have_are_told(place, seen):
    async with registered(place) as node:
        pids = set(range(10**17, 10**17 + 10_000))
        for name in ("a", "b", "c"):
            node.put(name, *pids)
        await until(lambda: seen.jobs() == {"a": pids, "b": pids, "c": pids})


async def test_what_the_readme_shows_in_python_reads_it(place, capsys):
    page = (Path(__file__).parent.parent / "README.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    imports, _, block = code.partition("\n\n")
    block = block.replace('"etcd://a:2379", "etcd://b:2379"', repr(place))
    names = {}
    exec(f"{imports}\nasync def read():\n{textwrap.indent(block, '    ')}", names)
    async with following(place) as seen, registered(place) as node:
        node.put("prod.web", 2, 1)
        await until(lambda: seen.jobs() == {"prod.web": {1, 2}})
        await names["read"]()
    assert "prod prod.web {'http://web1:5000': [1, 2]}" in capsys.readouterr().out


# Whose a name is


@pytest.mark.parametrize(
    ("name", "origin"), [("web1", "http://evil:5000"), ("evil", "http://web1:5000")]
)
async def test_neither_name_nor_origin_of_another_can_be_had(place, seen, name, origin, caplog):
    async with registered(place):
        async with registering(place, name, origin, owner="machine b") as evil:
            await until(lambda: evil.registration.error)
            assert not evil.registration.registered
            assert "has been registered by somebody else" in evil.registration.error
            assert "\n" not in evil.registration.error
        assert seen.names() == ["web1"]
        assert len([each for each in caplog.records if "somebody else" in each.message]) == 1


async def test_a_key_that_keeps_a_name_and_is_no_node_is_named(etcd, place):
    key = f"{below(place)}nodes/web1/by/hand"
    etcd.put(key, "x")
    async with registering(place) as node:
        await until(lambda: node.registration.error)
        assert node.registration.error.endswith(f"by somebody else, under {key!r}")
        etcd.delete(key)
        await until(lambda: node.registration.registered)


async def test_a_name_is_free_when_its_owner_has_gone(place, seen):
    leave = trio.Event()

    async def own(task_status):
        async with registered(place):
            task_status.started()
            await leave.wait()

    async with trio.open_nursery() as nursery:
        await nursery.start(own)
        async with registering(place, owner="machine b") as other:
            await until(lambda: other.registration.error)
            leave.set()
            await until(lambda: other.registration.registered)
    await until(lambda: seen.names() == [])


async def test_one_name_may_have_two_origins_of_one_owner(place, seen):
    async with registered(place), registered(place, origin="http://web1:5001"):
        await until(lambda: seen.names() == ["web1", "web1"])


async def test_the_newest_registration_speaks_for_a_node_and_nobody_sees_the_change(place, seen):
    async with registered(place) as new:
        async with registered(place) as old:
            # The names are those of the end: the inner one came later.
            new, old = old, new
            old.put("web", 1)
            new.put("web", 1)
            new.put("db", 2)
            await until(lambda: seen.jobs() == {"web": {1}, "db": {2}})
            del seen.told[:]
            old.put("web", 7)
            old.put("mark", 1)
        await until(lambda: seen.jobs() == {"web": {7}, "mark": {1}})
    await until(lambda: seen.names() == [])
    assert seen.told.count("remove_node web1") == 1
    assert "add_node web1" not in seen.told


# What is lost


async def test_a_lost_lease_is_noticed_and_everything_told_again(etcd, place, seen):
    async with registered(place, lease=2) as node:
        node.put("web", 1)
        await until(lambda: seen.jobs() == {"web": {1}})
        before = leases(etcd, place)
        [lease] = before
        etcd.revoke(lease)
        await until(lambda: seen.names() == [])
        await until(lambda: seen.jobs() == {"web": {1}})
        assert leases(etcd, place).isdisjoint(before)


def leases(etcd, place):
    return {int(key.rpartition("/")[2], 16) for key in etcd.keys(f"{below(place)}nodes/")}


def below(place):
    """What the keys of an address begin with."""
    return f"{settings(place).prefix}/"


async def test_what_was_deleted_by_hand_comes_back(etcd, place, seen):
    async with registered(place, lease=2) as node:
        node.put("web", 1)
        await until(lambda: seen.jobs() == {"web": {1}})
        etcd.delete(below(place))
        await until(lambda: seen.names() == [])
        await until(lambda: seen.jobs() == {"web": {1}})
        assert len(leases(etcd, place)) == 1


@pytest.mark.parametrize("key", ["nodes/", "origins/"])
async def test_a_single_key_of_a_node_that_was_deleted_by_hand_comes_back(etcd, place, seen, key):
    async with registered(place, lease=2) as node:
        node.put("web", 1)
        await until(lambda: seen.jobs() == {"web": {1}})
        before = leases(etcd, place)
        etcd.delete(below(place) + key)
        await until(lambda: leases(etcd, place).isdisjoint(before) and etcd.keys(below(place)))
        await until(lambda: seen.jobs() == {"web": {1}})


async def test_what_a_member_does_late_that_hung_with_it_changes_nothing(place, seen, monkeypatch):
    do, done = Etcd.txn, []

    async def remember(self, *args):
        done.append(args)
        return await do(self, *args)

    monkeypatch.setattr(Etcd, "txn", remember)
    async with registered(place, lease=2) as node:
        for pid in (1, 2):
            node.put("web", pid)
            node.put("gone", pid)
            await until(lambda pid=pid: seen.jobs() == {"web": {pid}, "gone": {pid}})
        node.drop("gone")
        await until(lambda: seen.jobs() == {"web": {2}})
        del seen.told[:]
        late = Etcd(settings(place))
        for args in reversed(done.copy()):
            await do(late, *args)
        await late.aclose()
        node.put("web", 2, 3)
        await until(lambda: seen.jobs() == {"web": {2, 3}})
        assert seen.told == ["add_process web1 web 3"]


async def test_an_etcd_that_was_put_back_to_an_older_state_is_told_everything_again(tmp_path):
    with running(tmp_path) as cluster:
        [member] = cluster.members
        data, copy = tmp_path / member.name, tmp_path / "copy"
        [place] = cluster.addresses
        async with following(place) as seen, registered(place, lease=3) as node:
            node.put("web", 1)
            await until(lambda: seen.jobs() == {"web": {1}})
            before = leases(cluster, place)
            cluster.kill()
            shutil.copytree(data, copy)
            cluster.start()
            node.put("web", 2)
            await until(lambda: seen.jobs() == {"web": {2}})
            cluster.kill()
            shutil.rmtree(data)
            copy.rename(data)
            cluster.start()
            await until(lambda: leases(cluster, place).isdisjoint(before))
            await until(lambda: seen.jobs() == {"web": {2}})
            async with following(place) as late:
                await until(lambda: late.jobs() == {"web": {2}})


async def test_a_lease_is_kept_alive_for_longer_than_it_lasts(place, seen):
    async with registered(place, lease=2):
        await until(lambda: seen.names() == ["web1"])
        await trio.sleep(4.5)  # More than two leases: time is what is tested.
        assert seen.told == ["add_node web1", "identify web1"]


async def test_what_was_compacted_meanwhile_is_read_again(etcd, place, monkeypatch):
    follow = Mirror._follow
    held = trio.Event()

    async def wait_then_follow(self, seen):
        await held.wait()
        await follow(self, seen)

    monkeypatch.setattr(Mirror, "_follow", wait_then_follow)
    async with following(place) as seen, registered(place) as node:
        for pid in range(1, 5):
            node.put("web", pid)
            await until(lambda: node.registration._account.batch() == {})
        etcd.compact()
        assert seen.names() == []
        held.set()
        await until(lambda: seen.jobs() == {"web": {4}})


async def test_a_silent_watch_is_opened_again_and_misses_nothing(place, monkeypatch):
    monkeypatch.setattr(watch_module, "SILENCE", 0.05)
    async with following(place) as seen, registered(place) as node:
        for pid in range(1, 30):
            node.put("web", pid)
            await until(lambda pid=pid: seen.jobs() == {"web": {pid}})
            await trio.sleep(0.02)  # Some changes come between two watches.
        assert seen.told.count("add_node web1") == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("nodes/x", "{}"), ("nodes/x/y/LEASE", "{}"), ("nodes/x/y/LEASE", "nothing")),
        *(("jobs/LEASE/a b", "[1]"), ("jobs/LEASE/web", '"x"'), ("jobs/LEASE/web", "[1]")),
        *(("other", "x"), ("nodes/x/y/z", "{}"), ("jobs/z/web", "[1]")),
        ("nodes/x/y/LEASE", json.dumps(dict.fromkeys(("name", "origin", "version", "owner"), "x"))),
    ],
)
async def test_what_means_nothing_is_passed_over(etcd, place, seen, key, value):
    lease = etcd.grant()
    etcd.put(below(place) + key.replace("LEASE", f"{lease:016x}"), value, lease)
    async with registered(place) as node:
        node.put("web", 1)
        await until(lambda: seen.jobs() == {"web": {1}})
        assert seen.names() == ["web1"]


async def test_nobody_is_a_node_under_the_key_of_another(etcd, place, seen):
    """Rights in etcd are given by prefix."""
    lease = etcd.grant()
    node = make_node("web2", "http://web2:5000", "1", "machine a")
    value = {"name": "web1", "origin": node.origin, "version": "1", "owner": node.owner}
    key = Keys(settings(place).prefix).node(node, lease).decode()
    etcd.put(key, json.dumps(value), lease)
    async with registered(place, "web3"):
        await until(lambda: seen.names() == ["web3"])


async def test_jobs_that_are_refused_are_said_to_be_once(tmp_path, monkeypatch, caplog):
    renew, renewed = Claim.renew, []

    async def count(self):
        await renew(self)
        renewed.append(self)

    monkeypatch.setattr(Claim, "renew", count)
    with running(tmp_path, args=["--max-txn-ops", "8"]) as cluster:
        async with registering(cluster.addresses[0], lease=2) as node:
            for number in range(10):
                node.put(f"job{number}", 1)
            await until(lambda: len(renewed) > 2)
            assert not node.registration.registered
            assert "too many operations" in node.registration.error
    assert caplog.text.count("is not registered in etcd") == 1


# gafferd


async def test_a_gafferd_registers_itself_in_etcd(place, seen):
    system = FakeSystem()
    async with open_node(place, system=system) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
        await until(lambda: seen.jobs() == true(kernel))
        [node] = seen.mirror.store.nodes()
        assert node.origin == kernel.services["lookup"].origin
        # Who follows may be told of it before whoever wrote it.
        await until(lambda: kernel.services["lookup"].lookupds()[0].registered)
        [info] = kernel.services["lookup"].lookupds()
        assert (info.address, info.error) == (place, None)
        before = seen.jobs()
        next(iter(system.processes.values())).exit(1)
        await until(lambda: seen.jobs() == true(kernel) != before)
        job.scale("+4")
        await until(lambda: len(seen.jobs()["web"]) == 6)
        kernel.manager.unload("web")
        await until(lambda: seen.jobs() == {})
    await until(lambda: seen.names() == [])


async def test_more_events_than_anybody_keeps_lose_nothing(place, seen):
    async with open_node(place) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        await until(lambda: seen.jobs() == true(kernel))
        for _ in range(30_000):  # Without a pause: the log forgets those before them.
            kernel.events.publish("noise", name="test")
        job.scale("+1")
        for _ in range(30_000):
            kernel.events.publish("noise", name="test")
        await until(lambda: seen.jobs() == true(kernel))


async def test_an_etcd_that_is_away_does_not_hold_up_a_gafferd():
    with trio.fail_after(10):
        async with open_node("etcd://127.0.0.1:1") as kernel:
            [info] = kernel.services["lookup"].lookupds()
            await until(lambda: kernel.services["lookup"].lookupds()[0].error)
            [info] = kernel.services["lookup"].lookupds()
            assert info.error == "etcd://127.0.0.1:1: connection refused"
            assert not info.registered


async def test_an_origin_that_nobody_would_believe_is_one_line(place):
    said = pytest.RaisesExc(PluginError, match="cannot be registered in etcd: origin: must be")
    with pytest.RaisesGroup(said):
        async with open_node(place, more=f"broadcast_address = {'a' * 300}"):
            pass


# lookupds that share an etcd


async def has(lookupd, wanted):
    return await jobs_of(lookupd) == wanted


@pytest.fixture
async def two(place):
    async with sharing(place) as one, sharing(place) as other:
        yield one, other


async def test_what_one_lookupd_is_told_every_lookupd_tells(two):
    one, other = two
    wanted = [
        *("add_node", "identify", "add_job", "add_process"),
        *("remove_process", "remove_job", "remove_node"),
    ]
    async with one.observer() as first, other.observer() as second:
        async with one.node() as node:
            await node.identify()
            told = [[(await each.hear())["event"] for _ in range(2)] for each in (first, second)]
            await node.register("web", 1)
            for lookupd in two:
                await until(has, lookupd, {("web", "web1"): {1}})
        for each, events in zip((first, second), told, strict=True):
            events += [(await each.hear())["event"] for _ in range(5)]
            assert events == wanted


async def test_a_node_that_tells_two_lookupds_is_one_node(two):
    one, other = two
    async with one.observer() as observer:
        async with open_node(one.url, other.url) as kernel:
            kernel.manager.load(JobConfig(name="web", cmd="serve"))
            for lookupd in two:
                await until(has, lookupd, {("web", "web1"): {1}})
            await until(
                lambda: all(each.registered for each in kernel.services["lookup"].lookupds())
            )
            assert await one.names() == await other.names() == ["web1"]
        told = [(await observer.hear())["event"] for _ in range(4)]
        assert told == ["add_node", "identify", "add_job", "add_process"]


async def test_a_lookupd_that_goes_takes_nothing_along_that_another_knows(place):
    async with (
        sharing(place) as one,
        sharing(place) as other,
        open_node(one.url, other.url) as kernel,
    ):
        kernel.manager.load(JobConfig(name="web", cmd="serve"))
        links = kernel.services["lookup"].lookupds
        await until(lambda: all(each.registered for each in links()))
        await until(has, one, {("web", "web1"): {1}})
        async with one.observer() as observer:
            other.kernel.stop()
            await until(lambda: not all(each.registered for each in links()))
            kernel.manager.load(JobConfig(name="db", cmd="serve"))
            await until(has, one, {("web", "web1"): {1}, ("db", "web1"): {2}})
            events = [(await observer.hear())["event"] for _ in range(2)]
            assert events == ["add_job", "add_process"]


async def test_a_name_that_another_lookupd_knows_can_not_be_had(two):
    one, other = two
    async with one.node("web1") as node, other.node("web2") as evil:
        await node.identify()

        async def known():
            return await other.names() == ["web1"]

        await until(known)
        answer = await evil.say("IDENTIFY", name="web2", origin="http://web1:5000", version="1")
        assert (answer["errno"], answer["reason"]) == (409, "conflict")
    # The owner of lookupd registers any node, but none that a token has registered.
    async with one.node("web1") as node, other.node() as evil:
        await node.identify()
        await until(known)
        answer = await evil.say("IDENTIFY", name="web1", origin="http://evil:5000", version="1")
        assert (answer["errno"], answer["reason"]) == (409, "conflict")


async def test_lookupds_and_direct_registrations_know_each_other(place, two):
    one, _ = two
    async with registered(place, "direct") as node, one.node() as other:
        node.put("db", 7)
        await other.identify()
        await other.register("web", 1)
        for lookupd in two:
            await until(has, lookupd, {("db", "direct"): {7}, ("web", "web1"): {1}})


async def test_a_lookupd_starts_and_answers_without_etcd(caplog):
    with trio.fail_after(15):
        async with sharing("etcd://127.0.0.1:1/x") as lookupd, lookupd.node() as node:
            await node.identify()
            assert await lookupd.names() == []
    assert "etcd://127.0.0.1:1/x: connection refused" in caplog.text
