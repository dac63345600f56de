"""Who may read, who may register, and in whose name."""

import os

import httpx2
import pytest
from tests.waiting import until
from trio_websocket import ConnectionRejected


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
        for name, origin in (
            ("web1", "http://evil:5000"),
            ("web2", "http://web1:5000"),
            ("web1", "http://web1:5000"),
        ):
            said = {"name": name, "origin": origin, "version": "0.1"}
            assert (await other.say("IDENTIFY", **said))["errno"] == 409
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
