"""Who may read, who may register, and in whose name."""

import os
import resource

import httpx2
import pytest
import trio
from gaffer_http.serve import server
from gaffer_http.serve.peer import Peer
from gaffer_testing import TokenCaller
from tests.waiting import until
from trio_websocket import ConnectionRejected

from gaffer_lookup.lookupd.command import MAX_CONNECTIONS, make_http
from gaffer_lookup.registry import quotas as shares
from gaffer_lookup.registry.quotas import SHARE

NODES = 1000


async def refusal(lookupd, path="/ws", **headers):
    try:
        async with lookupd.websocket(path, **headers):
            return None
    except* ConnectionRejected as group:
        [rejected] = group.exceptions
        status = rejected.status_code
    return status


FOREIGN = {"origin": "https://evil.example"}
REBOUND = {"host": "evil.example"}


async def test_no_foreign_page_can_read_or_register(lookupd):
    for headers, status in ((FOREIGN, 403), (REBOUND, 421)):
        for path in ("/", "/nodes", "/jobs", "/findJob?name=web"):
            assert (await lookupd.ask(path, **headers)).status_code == status
    for path in ("/ws", "/lookup/websocket"):
        assert await refusal(lookupd, path, **FOREIGN) == 403


async def test_whoever_shows_a_wrong_token_is_nobody(lookupd):
    wrong = {"authorization": "Bearer wrong"}
    assert (await lookupd.ask("/nodes", **wrong)).status_code == 401
    assert await refusal(lookupd, **wrong) == 401
    assert await refusal(lookupd, "/lookup/websocket", **wrong) == 401


async def test_whoever_comes_through_a_proxy_is_nobody_without_a_token(lookupd):
    assert (await lookupd.ask("/nodes", via="1.1 proxy")).status_code == 401


async def test_a_reader_reads_and_observes_but_does_not_register(lookupd):
    reader = {"authorization": "Bearer reader"}
    assert (await lookupd.ask("/nodes", **reader)).status_code == 200
    async with lookupd.websocket("/lookup/websocket", **reader):
        pass
    assert await refusal(lookupd, **reader) == 403


async def test_a_node_cannot_speak_for_another(lookupd):
    async with lookupd.node("web1") as node, lookupd.node("web2") as other:
        await node.identify("web1")
        await node.register("web", 1)
        for name, origin, errno in (
            ("web1", "http://evil:5000", 403),
            ("web2", "http://web1:5000", 409),
            ("web1", "http://web1:5000", 403),
        ):
            said = {"name": name, "origin": origin, "version": "0.1"}
            assert (await other.say("IDENTIFY", **said))["errno"] == errno
        await other.identify("web2")
        await other.say("UNREGISTER_JOB", job_name="web")
        [found] = (await lookupd.get("/findJob?name=web"))["sources"]
        assert found["node_info"]["origin"] == "http://web1:5000"


async def test_the_owner_is_the_same_from_every_process(lookupd):
    async with lookupd.node() as node:
        await node.identify("web1")
        [known] = lookupd.lookupd.registry.store.nodes()
        assert known.owner == f"user {os.getuid()}"


async def test_a_name_stays_with_its_token_from_one_connection_to_the_next(lookupd):
    async with lookupd.node("web1") as node, lookupd.node("web1") as second:
        await node.identify("web1")
        await second.identify("web1", "http://web1:5001")
        assert await lookupd.names() == ["web1", "web1"]


async def test_a_node_whose_token_is_revoked_is_gone(lookupd):
    async with lookupd.node("web1") as node:
        await node.identify("web1")
        lookupd.people.known["web1"].revoke()
        assert await node.closed() == 4401

        async def gone():
            return not await lookupd.names()

        await until(gone)


async def test_connections_are_bounded(running_lookupd):
    async with (
        running_lookupd(connections=2) as lookupd,
        lookupd.node() as node,
        lookupd.node() as other,
    ):
        await node.identify("web1")
        await other.identify("web2")
        # Nobody who is busy gives way.
        with pytest.raises(httpx2.RemoteProtocolError):
            await lookupd.names()


async def test_one_token_cannot_take_all_connections(running_lookupd):
    async with (
        running_lookupd(per_caller=2) as lookupd,
        lookupd.node("web1") as node,
        lookupd.websocket("/lookup/websocket", authorization="Bearer web1"),
    ):
        await node.identify("web1")
        token = {"authorization": "Bearer web1"}
        assert await refusal(lookupd, **token) == 429
        answer = await lookupd.ask("/nodes", **token)
        assert (answer.status_code, answer.json()["error"]) == (429, "too_many_requests")
        assert answer.json()["reason"].startswith("token web1 has 2 requests and websockets here")
        async with lookupd.node("web2") as other:
            await other.identify("web2")


async def test_a_connection_that_ends_makes_room_for_another_of_its_token(running_lookupd):
    async with running_lookupd(per_caller=1) as lookupd:
        async with lookupd.node("web1"):
            assert await refusal(lookupd, authorization="Bearer web1") == 429

        async def room():
            return await refusal(lookupd, authorization="Bearer web1") is None

        await until(room)


async def test_a_node_too_many_of_a_token_is_told_so_in_its_own_protocol(lookupd, monkeypatch):
    monkeypatch.setitem(shares.MOST, "nodes", 4)
    async with lookupd.node("web1") as node, lookupd.node("web1") as second:
        await node.identify("web1")
        said = {"name": "web1", "origin": "http://web2:5000", "version": "0.1"}
        answer = await second.say("IDENTIFY", **said)
        message = answer.pop("message")
        assert answer == {"errno": 429, "reason": "too_many"}
        assert "give each node a token of its own" in message
        async with lookupd.node("web2") as other:
            await other.identify("web2")


@pytest.fixture
def many_files():
    """Allow this program as many open files as the system allows it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_nodes_behind_one_address_register_at_once(running_lookupd, monkeypatch):
    monkeypatch.setattr(server, "get_peer", lambda sock: Peer(None, address="192.0.2.1"))
    names = [f"node{number}" for number in range(NODES)]
    registered, everyone = 0, trio.Event()
    async with (
        running_lookupd(http=make_http(MAX_CONNECTIONS, SHARE), backlog=1024) as lookupd,
        trio.open_nursery() as nursery,
    ):
        lookupd.people.known |= {each: TokenCaller("write", f"token {each}") for each in names}

        async def register(name):
            nonlocal registered
            async with lookupd.node(name) as node:
                await node.identify(name)
                registered += 1
                if registered == NODES:
                    everyone.set()
                await trio.sleep_forever()

        for name in names:
            nursery.start_soon(register, name)
        await everyone.wait()
        assert {node.name for node in lookupd.lookupd.registry.store.nodes()} == set(names)
        nursery.cancel_scope.cancel()
