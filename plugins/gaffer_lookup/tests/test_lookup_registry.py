"""The rules of the registry, on a virtual clock."""

import pytest
import trio
import trio.testing

from gaffer_lookup.registry import MemoryBackend, Registry, RegistryError
from gaffer_lookup.registry import node_session as node_session_module
from gaffer_lookup.registry import quotas as quotas_module
from gaffer_lookup.registry.store import iter_jobs

LEASE = 45.0
ORIGIN = "http://web1:5000"


class Recorder:
    """Records the published changes as short strings."""

    def __init__(self):
        self.events = []

    def __call__(self, event, node, job_name=None, pid=None):
        self.events.append(
            " ".join(str(each) for each in (event, node.name, job_name, pid) if each)
        )


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def registry(recorder):
    return Registry(MemoryBackend(recorder), lease=LEASE)


def identified(registry, name="web1", origin=ORIGIN, owner="token a"):
    one = registry.connect(owner)
    one.identify(name, origin, "0.1")
    return one


def known(registry):
    return {
        str(job): {node.name: sorted(pids) for node, pids in sources.items()}
        for job, sources in iter_jobs(registry.store)
    }


def expect_error(errno, reason, function, *args):
    with pytest.raises(RegistryError) as raised:
        function(*args)
    assert (raised.value.errno, raised.value.reason) == (errno, reason)
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_changes_of_a_node_are_published_once_in_order(registry, recorder):
    node = identified(registry)
    node.register_job("default.web")
    node.register_process("web", 1)
    node.unregister_process("web", 1)
    node.unregister_job("web")
    node.close()
    assert recorder.events == [
        "add_node web1",
        "identify web1",
        "add_job web1 web",
        "add_process web1 web 1",
        "remove_process web1 web 1",
        "remove_job web1 web",
        "remove_node web1",
    ]


async def test_session_without_identify_can_register_nothing(registry, recorder):
    unidentified = registry.connect("token a")
    for verb, *args in (
        (unidentified.register_job, "web"),
        (unidentified.unregister_job, "web"),
        (unidentified.register_process, "web", 1),
        (unidentified.unregister_process, "web", 1),
    ):
        expect_error(404, "no_identity", verb, *args)
    assert not registry.store.nodes()
    unidentified.close()
    assert recorder.events == []


async def test_session_has_one_node(registry):
    node = identified(registry)
    expect_error(409, "conflict", node.identify, "web2", "http://web2:5000", "0.1")
    assert [each.name for each in registry.store.nodes()] == ["web1"]


async def test_node_has_one_session_and_is_free_after_it(registry):
    first = identified(registry)
    second = registry.connect("token a")
    expect_error(409, "conflict", second.identify, "web1", ORIGIN, "0.1")
    first.close()
    second.identify("web1", ORIGIN, "0.2")
    assert [each.version for each in registry.store.nodes()] == ["0.2"]


async def test_one_name_may_have_two_origins_of_one_owner(registry):
    identified(registry)
    identified(registry, origin="http://web1:5001")
    assert len(registry.store.nodes()) == 2


@pytest.mark.parametrize(
    ("name", "origin"), [("web1", "http://other:5000"), ("other", ORIGIN), ("web1", ORIGIN)]
)
async def test_name_and_origin_of_another_owner_are_refused(registry, name, origin):
    identified(registry)
    other = registry.connect("token b")
    assert "another owner" in expect_error(409, "conflict", other.identify, name, origin, "0.1")
    assert [each.owner for each in registry.store.nodes()] == ["token a"]


async def test_refused_identify_leaves_nothing_behind(registry):
    identified(registry)
    other = registry.connect("token b")
    expect_error(409, "conflict", other.identify, "other", ORIGIN, "0.1")
    other.identify("other", "http://other:5000", "0.1")
    other.close()
    identified(registry, "other", "http://other:5000", owner="token c")


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a/b", "x" * 256, "a\n"])
async def test_invalid_node_name_is_refused(registry, name):
    expect_error(400, "bad_message", registry.connect("token a").identify, name, ORIGIN, "0.1")


@pytest.mark.parametrize(
    "origin",
    [
        *("", "web1:5000", "ftp://web1:5000", "http://", "http://u:p@web1", "http://web1/path"),
        *("javascript:alert(1)", "http://web1:5000\n", "http://" + "x" * 300),
    ],
)
async def test_invalid_origin_is_refused(registry, origin):
    expect_error(400, "bad_message", registry.connect("token a").identify, "web1", origin, "0.1")


@pytest.mark.parametrize("version", ["", "x" * 65, "0.1\n"])
async def test_invalid_version_is_refused(registry, version):
    expect_error(400, "bad_message", registry.connect("token a").identify, "web1", ORIGIN, version)


@pytest.mark.parametrize("name", ["", "a b", "a.b.c", "1", "../x", "x" * 300])
async def test_invalid_job_name_is_refused(registry, name):
    expect_error(400, "bad_message", identified(registry).register_job, name)


async def test_job_is_registered_once_per_node(registry):
    one, two = identified(registry), identified(registry, "web2", "http://web2:5000", "token b")
    one.register_job("prod.web")
    two.register_job("prod/web")
    expect_error(409, "conflict", one.register_job, "prod:web")
    one.register_process("prod.web", 1)
    two.register_process("prod.web", 1)
    assert known(registry) == {"prod.web": {"web1": [1], "web2": [1]}}


async def test_process_needs_its_job_and_is_registered_once(registry):
    node = identified(registry)
    expect_error(404, "no_job", node.register_process, "web", 1)
    node.register_job("web")
    node.register_process("web", 1)
    expect_error(409, "conflict", node.register_process, "web", 1)
    assert known(registry) == {"web": {"web1": [1]}}


async def test_many_jobs_are_registered_at_once(registry, recorder):
    node = identified(registry)
    node.register_jobs({"web": [2, 1], "prod.db": [], "default.cache": [3]})
    assert known(registry) == {
        "web": {"web1": [1, 2]},
        "prod.db": {"web1": []},
        "cache": {"web1": [3]},
    }
    assert recorder.events[2:5] == [
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
async def test_register_jobs_is_all_or_nothing(registry, recorder, errno, reason, jobs):
    node = identified(registry)
    node.register_job("web")
    expect_error(errno, reason, node.register_jobs, jobs)
    assert known(registry) == {"web": {"web1": []}}
    assert recorder.events[-1] == "add_job web1 web"


async def test_unregistering_the_unknown_publishes_nothing(registry, recorder):
    node = identified(registry)
    node.unregister_job("web")
    node.unregister_process("web", 1)
    node.register_job("web")
    node.unregister_process("web", 1)
    assert recorder.events[2:] == ["add_job web1 web"]


async def test_node_cannot_unregister_the_jobs_of_another(registry):
    one, two = identified(registry), identified(registry, "web2", "http://web2:5000", "token b")
    one.register_job("web")
    one.register_process("web", 1)
    two.unregister_process("web", 1)
    two.unregister_job("web")
    expect_error(404, "no_job", two.register_process, "web", 1)
    assert known(registry) == {"web": {"web1": [1]}}


async def test_last_job_removes_its_session(registry):
    node = identified(registry)
    for name in ("prod.web", "prod.db", "test.web"):
        node.register_job(name)
    node.unregister_job("prod.web")
    assert set(registry.store.sessions()) == {"prod", "test"}
    node.unregister_job("prod.db")
    assert set(registry.store.sessions()) == {"test"}


async def test_closed_session_publishes_each_removal(registry, recorder):
    node = identified(registry)
    node.register_job("web")
    node.register_process("web", 2)
    node.register_process("web", 1)
    del recorder.events[:]
    node.close()
    node.close()
    assert recorder.events == [
        "remove_process web1 web 1",
        "remove_process web1 web 2",
        "remove_job web1 web",
        "remove_node web1",
    ]
    assert not registry.store.sessions()


async def test_limits_are_enforced(registry, monkeypatch):
    monkeypatch.setattr(node_session_module, "MAX_JOBS", 1)
    monkeypatch.setattr(node_session_module, "MAX_PIDS", 1)
    node = identified(registry)
    node.register_job("web")
    node.register_process("web", 1)
    expect_error(400, "bad_message", node.register_job, "db")
    expect_error(400, "bad_message", node.register_process, "web", 2)
    node.unregister_job("web")
    expect_error(400, "bad_message", node.register_jobs, {"web": [1, 2]})
    expect_error(400, "bad_message", node.register_jobs, {"web": [], "db": []})


@pytest.fixture
def small_limits(monkeypatch):
    """Limit everything to eight, and each owner to two of it."""
    monkeypatch.setattr(quotas_module, "LIMITS", {"nodes": 8, "jobs": 8, "processes": 8})


def numbered(registry, number, owner):
    return identified(registry, f"web{number}", f"http://web{number}:5000", owner)


async def test_nodes_of_one_owner_are_limited(registry, small_limits):
    first, _ = numbered(registry, 1, "token a"), numbered(registry, 2, "token a")
    third = registry.connect("token a")
    fields = ("web3", "http://web3:5000", "0.1")
    message = expect_error(429, "too_many", third.identify, *fields)
    assert "token a has 2 nodes here, of at most 2" in message
    assert "--share" in message
    numbered(registry, 4, "token b")
    # A released place can be reserved again.
    first.close()
    third.identify(*fields)


async def test_jobs_and_processes_of_one_owner_are_limited(registry, small_limits):
    node, other = numbered(registry, 1, "token a"), numbered(registry, 2, "token a")
    node.register_jobs({"web": [1]})
    expect_error(429, "too_many", other.register_jobs, {"web": [1], "db": []})
    expect_error(429, "too_many", other.register_jobs, {"web": [1, 2]})
    # A refused request reserves nothing.
    other.register_jobs({"web": [1]})
    expect_error(429, "too_many", node.register_process, "web", 2)
    expect_error(429, "too_many", node.register_job, "db")
    other.unregister_process("web", 1)
    node.register_process("web", 2)
    node.unregister_job("web")
    other.register_process("web", 1)
    other.register_jobs({"db": [2]})
    other.close()
    node.register_jobs({"web": [1], "db": [2]})


async def test_nodes_of_all_owners_are_limited(registry, small_limits):
    for number in range(8):
        numbered(registry, number, f"token {number // 2}")
    late = registry.connect("token z")
    message = expect_error(429, "too_many", late.identify, "web9", "http://web9:5000", "0.1")
    assert "this lookupd has 8 nodes, of at most 8" in message


async def test_share_may_be_the_whole_limit(recorder, small_limits):
    registry = Registry(MemoryBackend(recorder), share=1.0)
    for number in range(8):
        numbered(registry, number, "token a")


async def test_processes_of_one_node_are_limited(registry, monkeypatch):
    monkeypatch.setattr(node_session_module, "MAX_PROCESSES", 3)
    node = identified(registry)
    expect_error(400, "bad_message", node.register_jobs, {"web": [1, 2], "db": [3, 4]})
    node.register_jobs({"web": [1, 2], "db": [3]})
    expect_error(400, "bad_message", node.register_process, "db", 4)
    # A removed process makes room once.
    for _ in range(2):
        node.unregister_process("db", 3)
    node.register_process("db", 4)
    node.unregister_job("web")
    node.register_jobs({"more": [5, 6]})
    expect_error(400, "bad_message", node.register_process, "db", 7)


# Time


async def test_silent_session_is_closed_after_its_lease(
    registry, recorder, nursery, autojump_clock
):
    nursery.start_soon(registry.run)
    node = identified(registry)
    node.register_job("web")
    await trio.sleep(LEASE - 0.1)
    assert not node.closed.is_set()
    await trio.sleep(0.2)
    assert node.closed.is_set()
    assert recorder.events[-2:] == ["remove_job web1 web", "remove_node web1"]
    expect_error(404, "no_identity", node.ping)
    expect_error(404, "no_identity", node.register_job, "db")
    expect_error(404, "no_identity", node.identify, "web1", ORIGIN, "0.1")
    nursery.cancel_scope.cancel()


async def test_every_message_renews_the_lease_even_if_refused(registry, nursery, autojump_clock):
    nursery.start_soon(registry.run)
    node = identified(registry)
    for verb in (
        node.ping,
        lambda: node.register_job("web"),
        lambda: expect_error(409, "conflict", node.register_job, "web"),
        lambda: node.register_process("web", 1),
        lambda: node.unregister_process("web", 1),
        lambda: node.unregister_job("web"),
    ):
        await trio.sleep(LEASE - 1)
        verb()
    await trio.sleep(LEASE - 1)
    assert not node.closed.is_set()
    nursery.cancel_scope.cancel()


async def test_session_without_identify_is_closed_after_its_lease(
    registry, nursery, autojump_clock
):
    nursery.start_soon(registry.run)
    unidentified = registry.connect("token a")
    with trio.fail_after(LEASE + 1):
        await unidentified.closed.wait()
    nursery.cancel_scope.cancel()


async def test_leases_expire_in_order(registry, nursery, autojump_clock):
    nursery.start_soon(registry.run)
    one = identified(registry)
    await trio.sleep(10)
    two = identified(registry, "web2", "http://web2:5000")
    await trio.sleep(10)
    one.ping()
    await two.closed.wait()
    assert not one.closed.is_set()
    assert trio.current_time() == pytest.approx(10 + LEASE, abs=0.01)
    await one.closed.wait()
    assert trio.current_time() == pytest.approx(20 + LEASE, abs=0.01)
    nursery.cancel_scope.cancel()


async def test_closed_session_does_not_expire(registry, recorder, nursery, autojump_clock):
    nursery.start_soon(registry.run)
    identified(registry).close()
    again = identified(registry)
    await trio.sleep(LEASE - 1)
    again.ping()
    await trio.sleep(LEASE - 1)
    assert recorder.events.count("remove_node web1") == 1
    nursery.cancel_scope.cancel()


async def test_no_lease_expires_right_after_a_suspend(registry, nursery, mock_clock):
    nursery.start_soon(registry.run)
    node = identified(registry)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(LEASE + 20)  # The machine was suspended.
    await trio.testing.wait_all_tasks_blocked()
    assert not node.closed.is_set()
    node.ping()  # The message had waited in the socket.
    mock_clock.jump(LEASE / 3)
    await trio.testing.wait_all_tasks_blocked()
    assert not node.closed.is_set()
    mock_clock.jump(LEASE - LEASE / 3 + 0.1)
    await trio.testing.wait_all_tasks_blocked()
    assert node.closed.is_set()
    nursery.cancel_scope.cancel()
