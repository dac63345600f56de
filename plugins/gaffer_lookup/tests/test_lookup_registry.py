"""The rules of the registry, one connection after the other, on a virtual clock."""

import pytest
import trio
import trio.testing

from gaffer_lookup.registry import MemoryKeeper, Refusal, Registry
from gaffer_lookup.registry import node_session as registrant
from gaffer_lookup.registry import quotas as shares_module
from gaffer_lookup.registry.store import all_jobs

LEASE = 45.0
ORIGIN = "http://web1:5000"


class Told:
    """What the registry tells, as short words."""

    def __init__(self):
        self.words = []

    def __call__(self, event, node, job_name=None, pid=None):
        self.words.append(" ".join(str(each) for each in (event, node.name, job_name, pid) if each))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def registry(told):
    return Registry(MemoryKeeper(told), lease=LEASE)


def identified(registry, name="web1", origin=ORIGIN, owner="token a"):
    one = registry.connect(owner)
    one.identify(name, origin, "0.1")
    return one


def known(registry):
    return {
        str(job): {node.name: sorted(pids) for node, pids in sources.items()}
        for job, sources in all_jobs(registry.store)
    }


def refused(errno, reason, function, *args):
    with pytest.raises(Refusal) as raised:
        function(*args)
    assert (raised.value.errno, raised.value.reason) == (errno, reason)
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_everything_a_node_does_is_told_once_in_order(registry, told):
    node = identified(registry)
    node.register_job("default.web")
    node.register_process("web", 1)
    node.unregister_process("web", 1)
    node.unregister_job("web")
    node.leave()
    assert told.words == [
        "add_node web1",
        "identify web1",
        "add_job web1 web",
        "add_process web1 web 1",
        "remove_process web1 web 1",
        "remove_job web1 web",
        "remove_node web1",
    ]


async def test_whoever_has_not_said_who_he_is_is_not_listed_and_can_tell_nothing(registry, told):
    stranger = registry.connect("token a")
    for verb, *args in (
        (stranger.register_job, "web"),
        (stranger.unregister_job, "web"),
        (stranger.register_process, "web", 1),
        (stranger.unregister_process, "web", 1),
    ):
        refused(404, "no_identity", verb, *args)
    assert not registry.store.nodes()
    stranger.leave()
    assert told.words == []


async def test_a_connection_is_one_node(registry):
    node = identified(registry)
    refused(409, "conflict", node.identify, "web2", "http://web2:5000", "0.1")
    assert [each.name for each in registry.store.nodes()] == ["web1"]


async def test_a_node_is_on_one_connection_and_free_when_that_ends(registry):
    first = identified(registry)
    second = registry.connect("token a")
    refused(409, "conflict", second.identify, "web1", ORIGIN, "0.1")
    first.leave()
    second.identify("web1", ORIGIN, "0.2")
    assert [each.version for each in registry.store.nodes()] == ["0.2"]


async def test_one_name_may_have_two_origins_of_one_owner(registry):
    identified(registry)
    identified(registry, origin="http://web1:5001")
    assert len(registry.store.nodes()) == 2


@pytest.mark.parametrize(
    ("name", "origin"), [("web1", "http://evil:5000"), ("evil", ORIGIN), ("web1", ORIGIN)]
)
async def test_neither_name_nor_origin_of_another_can_be_had(registry, name, origin):
    identified(registry)
    evil = registry.connect("token b")
    assert "somebody else" in refused(409, "conflict", evil.identify, name, origin, "0.1")
    assert [each.owner for each in registry.store.nodes()] == ["token a"]


async def test_a_refused_identity_leaves_nothing_behind(registry):
    identified(registry)
    evil = registry.connect("token b")
    refused(409, "conflict", evil.identify, "evil", ORIGIN, "0.1")
    evil.identify("evil", "http://evil:5000", "0.1")
    evil.leave()
    identified(registry, "evil", "http://evil:5000", owner="token c")


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a/b", "x" * 256, "a\n"])
async def test_a_name_is_that_of_a_host(registry, name):
    refused(400, "bad_message", registry.connect("token a").identify, name, ORIGIN, "0.1")


@pytest.mark.parametrize(
    "origin",
    [
        *("", "web1:5000", "ftp://web1:5000", "http://", "http://u:p@web1", "http://web1/path"),
        *("javascript:alert(1)", "http://web1:5000\n", "http://" + "x" * 300),
    ],
)
async def test_an_origin_is_an_address_of_an_api(registry, origin):
    refused(400, "bad_message", registry.connect("token a").identify, "web1", origin, "0.1")


@pytest.mark.parametrize("version", ["", "x" * 65, "0.1\n"])
async def test_a_version_is_short_and_one_line(registry, version):
    refused(400, "bad_message", registry.connect("token a").identify, "web1", ORIGIN, version)


@pytest.mark.parametrize("name", ["", "a b", "a.b.c", "1", "../x", "x" * 300])
async def test_a_job_has_a_name_as_everywhere(registry, name):
    refused(400, "bad_message", identified(registry).register_job, name)


async def test_a_job_is_registered_once_by_a_node_and_by_many_nodes(registry):
    one, two = identified(registry), identified(registry, "web2", "http://web2:5000", "token b")
    one.register_job("prod.web")
    two.register_job("prod/web")
    refused(409, "conflict", one.register_job, "prod:web")
    one.register_process("prod.web", 1)
    two.register_process("prod.web", 1)
    assert known(registry) == {"prod.web": {"web1": [1], "web2": [1]}}


async def test_a_process_needs_its_job_and_is_registered_once(registry):
    node = identified(registry)
    refused(404, "no_job", node.register_process, "web", 1)
    node.register_job("web")
    node.register_process("web", 1)
    refused(409, "conflict", node.register_process, "web", 1)
    assert known(registry) == {"web": {"web1": [1]}}


async def test_many_jobs_are_registered_at_once(registry, told):
    node = identified(registry)
    node.register_jobs({"web": [2, 1], "prod.db": [], "default.cache": [3]})
    assert known(registry) == {
        "web": {"web1": [1, 2]},
        "prod.db": {"web1": []},
        "cache": {"web1": [3]},
    }
    assert told.words[2:5] == [
        "add_job web1 web",
        "add_process web1 web 1",
        "add_process web1 web 2",
    ]


@pytest.mark.parametrize(
    ("errno", "reason", "jobs"),
    [
        (409, "conflict", {"db": [], "web": []}),
        (409, "conflict", {"db": [], "default.db": []}),
        (409, "conflict", {"db": [1, 1]}),
        (400, "bad_message", {"db": [], "a b": []}),
    ],
)
async def test_of_many_jobs_all_or_none_are_registered(registry, told, errno, reason, jobs):
    node = identified(registry)
    node.register_job("web")
    refused(errno, reason, node.register_jobs, jobs)
    assert known(registry) == {"web": {"web1": []}}
    assert told.words[-1] == "add_job web1 web"


async def test_taking_away_what_is_not_there_is_no_error_and_is_not_told(registry, told):
    node = identified(registry)
    node.unregister_job("web")
    node.unregister_process("web", 1)
    node.register_job("web")
    node.unregister_process("web", 1)
    assert told.words[2:] == ["add_job web1 web"]


async def test_one_node_cannot_take_away_what_another_has(registry):
    one, two = identified(registry), identified(registry, "web2", "http://web2:5000", "token b")
    one.register_job("web")
    one.register_process("web", 1)
    two.unregister_process("web", 1)
    two.unregister_job("web")
    refused(404, "no_job", two.register_process, "web", 1)
    assert known(registry) == {"web": {"web1": [1]}}


async def test_the_last_job_takes_its_session_along(registry):
    node = identified(registry)
    for name in ("prod.web", "prod.db", "test.web"):
        node.register_job(name)
    node.unregister_job("prod.web")
    assert set(registry.store.sessions()) == {"prod", "test"}
    node.unregister_job("prod.db")
    assert set(registry.store.sessions()) == {"test"}


async def test_a_node_that_goes_takes_everything_along_and_each_thing_is_told(registry, told):
    node = identified(registry)
    node.register_job("web")
    node.register_process("web", 2)
    node.register_process("web", 1)
    del told.words[:]
    node.leave()
    node.leave()
    assert told.words == [
        "remove_process web1 web 1",
        "remove_process web1 web 2",
        "remove_job web1 web",
        "remove_node web1",
    ]
    assert not registry.store.sessions()


async def test_numbers_are_bounded(registry, monkeypatch):
    monkeypatch.setattr(registrant, "MAX_JOBS", 1)
    monkeypatch.setattr(registrant, "MAX_PIDS", 1)
    node = identified(registry)
    node.register_job("web")
    node.register_process("web", 1)
    refused(400, "bad_message", node.register_job, "db")
    refused(400, "bad_message", node.register_process, "web", 2)
    node.unregister_job("web")
    refused(400, "bad_message", node.register_jobs, {"web": [1, 2]})
    refused(400, "bad_message", node.register_jobs, {"web": [], "db": []})


@pytest.fixture
def little_room(monkeypatch):
    """Eight of everything, and two of that for each owner."""
    monkeypatch.setattr(shares_module, "MOST", {"nodes": 8, "jobs": 8, "processes": 8})


def numbered(registry, number, owner):
    return identified(registry, f"web{number}", f"http://web{number}:5000", owner)


async def test_one_token_cannot_take_all_places(registry, little_room):
    first, _ = numbered(registry, 1, "token a"), numbered(registry, 2, "token a")
    third = registry.connect("token a")
    said = ("web3", "http://web3:5000", "0.1")
    message = refused(429, "too_many", third.identify, *said)
    assert "token a has 2 nodes here, of at most 2" in message
    assert "--share" in message
    numbered(registry, 4, "token b")
    # A place that is left can be taken again.
    first.leave()
    third.identify(*said)


async def test_no_token_can_fill_the_memory_with_jobs_and_processes(registry, little_room):
    node, other = numbered(registry, 1, "token a"), numbered(registry, 2, "token a")
    node.register_jobs({"web": [1]})
    refused(429, "too_many", other.register_jobs, {"web": [1], "db": []})
    refused(429, "too_many", other.register_jobs, {"web": [1, 2]})
    # Nothing of what was refused counts.
    other.register_jobs({"web": [1]})
    refused(429, "too_many", node.register_process, "web", 2)
    refused(429, "too_many", node.register_job, "db")
    other.unregister_process("web", 1)
    node.register_process("web", 2)
    node.unregister_job("web")
    other.register_process("web", 1)
    other.register_jobs({"db": [2]})
    other.leave()
    node.register_jobs({"web": [1], "db": [2]})


async def test_all_together_cannot_either(registry, little_room):
    for number in range(8):
        numbered(registry, number, f"token {number // 2}")
    late = registry.connect("token z")
    message = refused(429, "too_many", late.identify, "web9", "http://web9:5000", "0.1")
    assert "this lookupd has 8 nodes, of at most 8" in message


async def test_the_share_may_be_everything(told, little_room):
    registry = Registry(MemoryKeeper(told), share=1.0)
    for number in range(8):
        numbered(registry, number, "token a")


async def test_one_node_could_fill_the_memory_with_many_jobs_of_many_processes(
    registry, monkeypatch
):
    monkeypatch.setattr(registrant, "MAX_PROCESSES", 3)
    node = identified(registry)
    refused(400, "bad_message", node.register_jobs, {"web": [1, 2], "db": [3, 4]})
    node.register_jobs({"web": [1, 2], "db": [3]})
    refused(400, "bad_message", node.register_process, "db", 4)
    # What is gone makes room, once.
    for _ in range(2):
        node.unregister_process("db", 3)
    node.register_process("db", 4)
    node.unregister_job("web")
    node.register_jobs({"more": [5, 6]})
    refused(400, "bad_message", node.register_process, "db", 7)


# Time


async def test_whoever_is_silent_for_a_lease_is_gone(registry, told, nursery, autojump_clock):
    nursery.start_soon(registry.run)
    node = identified(registry)
    node.register_job("web")
    await trio.sleep(LEASE - 0.1)
    assert not node.gone.is_set()
    await trio.sleep(0.2)
    assert node.gone.is_set()
    assert told.words[-2:] == ["remove_job web1 web", "remove_node web1"]
    refused(404, "no_identity", node.ping)
    refused(404, "no_identity", node.register_job, "db")
    refused(404, "no_identity", node.identify, "web1", ORIGIN, "0.1")
    nursery.cancel_scope.cancel()


async def test_every_word_begins_the_lease_anew_also_a_refused_one(
    registry, nursery, autojump_clock
):
    nursery.start_soon(registry.run)
    node = identified(registry)
    for say in (
        node.ping,
        lambda: node.register_job("web"),
        lambda: refused(409, "conflict", node.register_job, "web"),
        lambda: node.register_process("web", 1),
        lambda: node.unregister_process("web", 1),
        lambda: node.unregister_job("web"),
    ):
        await trio.sleep(LEASE - 1)
        say()
    await trio.sleep(LEASE - 1)
    assert not node.gone.is_set()
    nursery.cancel_scope.cancel()


async def test_whoever_never_says_who_he_is_is_sent_away(registry, nursery, autojump_clock):
    nursery.start_soon(registry.run)
    stranger = registry.connect("token a")
    with trio.fail_after(LEASE + 1):
        await stranger.gone.wait()
    nursery.cancel_scope.cancel()


async def test_leases_end_in_their_order_and_one_after_the_other(registry, nursery, autojump_clock):
    nursery.start_soon(registry.run)
    one = identified(registry)
    await trio.sleep(10)
    two = identified(registry, "web2", "http://web2:5000")
    await trio.sleep(10)
    one.ping()
    await two.gone.wait()
    assert not one.gone.is_set()
    assert trio.current_time() == pytest.approx(10 + LEASE, abs=0.01)
    await one.gone.wait()
    assert trio.current_time() == pytest.approx(20 + LEASE, abs=0.01)
    nursery.cancel_scope.cancel()


async def test_a_node_that_left_is_not_judged(registry, told, nursery, autojump_clock):
    nursery.start_soon(registry.run)
    identified(registry).leave()
    again = identified(registry)
    await trio.sleep(LEASE - 1)
    again.ping()
    await trio.sleep(LEASE - 1)
    assert told.words.count("remove_node web1") == 1
    nursery.cancel_scope.cancel()


async def test_nobody_is_judged_at_once_after_a_standstill(registry, nursery, mock_clock):
    nursery.start_soon(registry.run)
    node = identified(registry)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(LEASE + 20)  # The machine has slept.
    await trio.testing.wait_all_tasks_blocked()
    assert not node.gone.is_set()
    node.ping()  # It had waited in the socket.
    mock_clock.jump(LEASE / 3)
    await trio.testing.wait_all_tasks_blocked()
    assert not node.gone.is_set()
    mock_clock.jump(LEASE - LEASE / 3 + 0.1)
    await trio.testing.wait_all_tasks_blocked()
    assert node.gone.is_set()
    nursery.cancel_scope.cancel()
