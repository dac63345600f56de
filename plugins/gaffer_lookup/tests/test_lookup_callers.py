"""Authentication, permissions, and the owner of a node."""

import os
import resource

import httpx2
import pytest
import trio
from gaffer_http.serve import server
from gaffer_http.serve.peer import Peer
from gaffer_testing import TokenCaller
from gaffer_testing.waiting import until
from trio_websocket import ConnectionRejected

from gaffer_lookup.lookupd.command import MAX_CONNECTIONS, make_http
from gaffer_lookup.registry import quotas as quotas_module
from gaffer_lookup.registry.quotas import DEFAULT_SHARE

NODES = 600
"""More than the connections of a gafferd, and more than a share of them."""


async def get_refusal_status(lookupd, path="/ws", **headers):
    try:
        async with lookupd.websocket(path, **headers):
            return None
    except* ConnectionRejected as group:
        [rejected] = group.exceptions
        status = rejected.status_code
    return status


FOREIGN = {"origin": "https://evil.example"}
REBOUND = {"host": "evil.example"}


async def test_foreign_pages_cannot_read_or_register(lookupd):
    for headers, status in ((FOREIGN, 403), (REBOUND, 421)):
        for path in ("/", "/nodes", "/jobs", "/findJob?name=web"):
            assert (await lookupd.ask(path, **headers)).status_code == status
    for path in ("/ws", "/lookup/websocket"):
        assert await get_refusal_status(lookupd, path, **FOREIGN) == 403


async def test_wrong_token_is_unauthorized(lookupd):
    wrong = {"authorization": "Bearer wrong"}
    assert (await lookupd.ask("/nodes", **wrong)).status_code == 401
    assert await get_refusal_status(lookupd, **wrong) == 401
    assert await get_refusal_status(lookupd, "/lookup/websocket", **wrong) == 401


async def test_proxied_request_without_token_is_unauthorized(lookupd):
    assert (await lookupd.ask("/nodes", via="1.1 proxy")).status_code == 401


async def test_read_permission_allows_reading_and_observing_but_not_registering(lookupd):
    reader = {"authorization": "Bearer reader"}
    assert (await lookupd.ask("/nodes", **reader)).status_code == 200
    async with lookupd.websocket("/lookup/websocket", **reader):
        pass
    assert await get_refusal_status(lookupd, **reader) == 403


async def test_token_cannot_register_or_change_the_node_of_another(lookupd):
    async with lookupd.node("web1") as node, lookupd.node("web2") as other:
        await node.identify("web1")
        await node.register("web", 1)
        for name, origin, errno in (
            ("web1", "http://evil:5000", 403),
            ("web2", "http://web1:5000", 409),
            ("web1", "http://web1:5000", 403),
        ):
            fields = {"name": name, "origin": origin, "version": "0.1"}
            assert (await other.request("IDENTIFY", **fields))["errno"] == errno
        await other.identify("web2")
        await other.request("UNREGISTER_JOB", job_name="web")
        [found] = (await lookupd.get("/findJob?name=web"))["sources"]
        assert found["node_info"]["origin"] == "http://web1:5000"


async def test_owner_is_the_user_id(lookupd):
    async with lookupd.node() as node:
        await node.identify("web1")
        [known] = lookupd.lookupd.registry.store.nodes()
        assert known.owner == f"user {os.getuid()}"


async def test_two_connections_of_one_token_share_a_name(lookupd):
    async with lookupd.node("web1") as node, lookupd.node("web1") as second:
        await node.identify("web1")
        await second.identify("web1", "http://web1:5001")
        assert await lookupd.names() == ["web1", "web1"]


async def test_revoked_token_closes_its_node(lookupd):
    async with lookupd.node("web1") as node:
        await node.identify("web1")
        lookupd.callers.known["web1"].revoke()
        assert await node.wait_closed() == 4401

        async def gone():
            return not await lookupd.names()

        await until(gone)


async def test_connections_are_limited(running_lookupd):
    async with (
        running_lookupd(connections=2) as lookupd,
        lookupd.node() as node,
        lookupd.node() as other,
    ):
        await node.identify("web1")
        await other.identify("web2")
        # A connection in use is not closed to make room.
        with pytest.raises(httpx2.RemoteProtocolError):
            await lookupd.names()


async def test_connections_of_one_token_are_limited(running_lookupd):
    async with (
        running_lookupd(per_caller=2) as lookupd,
        lookupd.node("web1") as node,
        lookupd.websocket("/lookup/websocket", authorization="Bearer web1"),
    ):
        await node.identify("web1")
        token = {"authorization": "Bearer web1"}
        assert await get_refusal_status(lookupd, **token) == 429
        answer = await lookupd.ask("/nodes", **token)
        assert (answer.status_code, answer.json()["error"]) == (429, "too_many_requests")
        assert answer.json()["reason"].startswith("token web1 has 2 requests and websockets here")
        async with lookupd.node("web2") as other:
            await other.identify("web2")


async def test_closed_connection_frees_its_place(running_lookupd):
    async with running_lookupd(per_caller=1) as lookupd:
        async with lookupd.node("web1"):
            assert await get_refusal_status(lookupd, authorization="Bearer web1") == 429

        async def room():
            return await get_refusal_status(lookupd, authorization="Bearer web1") is None

        await until(room)


async def test_exceeded_node_quota_is_reported_over_the_websocket(lookupd, monkeypatch):
    monkeypatch.setitem(quotas_module.LIMITS, "nodes", 4)
    async with lookupd.node("web1") as node, lookupd.node("web1") as second:
        await node.identify("web1")
        fields = {"name": "web1", "origin": "http://web2:5000", "version": "0.1"}
        answer = await second.request("IDENTIFY", **fields)
        message = answer.pop("message")
        assert answer == {"errno": 429, "reason": "too_many"}
        assert "give each node a token of its own" in message
        async with lookupd.node("web2") as other:
            await other.identify("web2")


@pytest.fixture
def many_files():
    """Raise the limit of open files of this process to its hard limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
async def test_hundreds_of_nodes_behind_one_address_register_at_once(running_lookupd, monkeypatch):
    monkeypatch.setattr(server, "get_peer", lambda sock: Peer(None, address="192.0.2.1"))
    names = [f"node{number}" for number in range(NODES)]
    registered, all_registered = 0, trio.Event()
    async with (
        running_lookupd(http=make_http(MAX_CONNECTIONS, DEFAULT_SHARE), backlog=1024) as lookupd,
        trio.open_nursery() as nursery,
    ):
        lookupd.callers.known |= {each: TokenCaller("write", f"token {each}") for each in names}

        async def register(name):
            nonlocal registered
            async with lookupd.node(name) as node:
                await node.identify(name)
                registered += 1
                if registered == NODES:
                    all_registered.set()
                await trio.sleep_forever()

        for name in names:
            nursery.start_soon(register, name)
        await all_registered.wait()
        assert {node.name for node in lookupd.lookupd.registry.store.nodes()} == set(names)
        nursery.cancel_scope.cancel()
