"""The responses of lookupd, and the changes for observers."""

import pytest
from gaffer_testing.waiting import until
from trio_websocket import ConnectionClosed

WEB1 = {"name": "web1", "origin": "http://web1:5000", "version": "0.1"}
WEB2 = {"name": "web2", "origin": "http://web2:5000", "version": "0.1"}


def source(info, *pids):
    return {"name": info["name"], "pids": list(pids), "node_info": info}


@pytest.fixture
async def two(lookupd):
    """A lookupd with two nodes that have a job in common."""
    async with lookupd.node() as one, lookupd.node() as other:
        await one.identify("web1")
        await one.register("web", 2, 1)
        await one.register("prod.db", 3)
        await other.identify("web2")
        await other.register("default.web", 1)
        yield lookupd


async def test_welcome_version_and_ping(lookupd):
    version = (await lookupd.get("/version"))["version"]
    assert await lookupd.get("/") == {"welcome": "gaffer-lookupd", "version": version}
    ping = await lookupd.ask("/ping")
    assert (ping.text, ping.headers["content-type"]) == ("OK", "text/plain; charset=utf-8")


async def test_new_lookupd_is_empty(lookupd):
    assert await lookupd.get("/nodes") == {"nodes": []}
    assert await lookupd.get("/sessions") == {"nb_sessions": 0, "sessions": []}
    assert await lookupd.get("/jobs") == {"nb_jobs": 0, "jobs": []}
    assert await lookupd.get("/findJob?name=web") == {"sources": []}
    assert await lookupd.get("/findSession?sessionid=prod") == {"nb_jobs": 0, "jobs": []}


async def test_nodes_are_listed(two):
    assert await two.get("/nodes") == {"nodes": [WEB1, WEB2]}


async def test_connection_without_identify_is_not_listed(lookupd):
    async with lookupd.node() as node:
        assert (await node.request("PING")) == {"ok": True}
        assert (await node.request("REGISTER_JOB", job_name="web"))["errno"] == 404
        assert await lookupd.get("/nodes") == {"nodes": []}


async def test_sessions_are_listed(two):
    assert await two.get("/sessions") == {
        "nb_sessions": 2,
        "sessions": [
            {"sessionid": "default", "jobs": {"web": [source(WEB1, 1, 2), source(WEB2, 1)]}},
            {"sessionid": "prod", "jobs": {"prod.db": [source(WEB1, 3)]}},
        ],
    }


async def test_sessions_of_a_node_are_listed(two):
    assert await two.get("/sessions/web2") == {
        "nb_sessions": 1,
        "sessions": [{"sessionid": "default", "jobs": {"web": [source(WEB2, 1)]}}],
    }
    assert (await two.ask("/sessions/web3")).status_code == 404


async def test_jobs_are_listed(two):
    assert await two.get("/jobs") == {
        "nb_jobs": 2,
        "jobs": [
            {"name": "web", "sources": [source(WEB1, 1, 2), source(WEB2, 1)]},
            {"name": "prod.db", "sources": [source(WEB1, 3)]},
        ],
    }


@pytest.mark.parametrize("name", ["web", "default.web", "default:web"])
async def test_find_job_returns_its_sources(two, name):
    found = await two.get(f"/findJob?name={name}")
    assert found == {"sources": [source(WEB1, 1, 2), source(WEB2, 1)]}


async def test_find_session_returns_its_jobs(two):
    assert await two.get("/findSession?sessionid=prod") == {
        "nb_jobs": 1,
        "jobs": [{"name": "prod.db", "sources": [source(WEB1, 3)]}],
    }


@pytest.mark.parametrize(
    "path",
    [
        *("/findJob", "/findJob?name=", "/findJob?name=a%20b", "/findJob?name=a&name=b"),
        *("/findJob?job=a", "/findJob?name=a&x=1", "/findSession", "/findSession?sessionid=a.b"),
        *("/nodes?name=a", "/jobs?session=a", "/sessions?sessionid=a", "/sessions/web1?x="),
    ],
)
async def test_invalid_query_is_a_bad_request(lookupd, path):
    answer = await lookupd.ask(path)
    assert answer.status_code == 400
    assert answer.json()["reason"]


async def test_routes_of_gafferd_do_not_exist(lookupd):
    for path in ("/pids", "/processes", "/watch", "/plugins", "/openapi.json", "/streams/1/stdout"):
        assert (await lookupd.ask(path)).status_code == 404


async def test_disconnected_node_is_removed(lookupd):
    async with lookupd.node() as node:
        await node.identify()
        await node.register("web", 1)
        assert await lookupd.names() == ["web1"]

    async def gone():
        return not await lookupd.names()

    await until(gone)
    assert await lookupd.get("/sessions") == {"nb_sessions": 0, "sessions": []}


async def test_observers_get_each_change_once_in_order(lookupd):
    async with lookupd.observer() as one, lookupd.observer() as other:
        async with lookupd.node() as node:
            await node.identify()
            await node.register("web", 1)
            await node.request("UNREGISTER_PROCESS", job_name="web", pid=1)
            await node.request("UNREGISTER_JOB", job_name="web")
        for observer in (one, other):
            events = [await observer.receive() for _ in range(7)]
            job = {"node": WEB1, "job_name": "web"}
            assert events == [
                {"event": "add_node", **WEB1},
                {"event": "identify", **WEB1},
                {"event": "add_job", **job},
                {"event": "add_process", **job, "pid": 1},
                {"event": "remove_process", **job, "pid": 1},
                {"event": "remove_job", **job},
                {"event": "remove_node", **WEB1},
            ]


async def test_messages_of_an_observer_are_discarded(lookupd):
    async with lookupd.observer() as observer, lookupd.node() as node:
        for _ in range(100):
            await observer.socket.send_message("hello")
        await node.identify()
        assert (await observer.receive())["event"] == "add_node"
    await until(lambda: lookupd.lookupd.changes.subscribers == 0)


async def test_slow_observer_gets_the_number_of_dropped_changes(lookupd):
    async with lookupd.observer() as observer:
        node_session = lookupd.lookupd.registry.connect("token a")
        node_session.identify("web1", "http://web1:5000", "0.1")
        for _ in range(15_000):  # Without a pause, so that nothing can be sent meanwhile.
            node_session.register_job("web")
            node_session.unregister_job("web")
        gap = await observer.receive()
        assert gap["event"] == "gap"
        kept = 0
        node_session.close()
        while (await observer.receive())["event"] != "remove_node":
            kept += 1
        assert gap["dropped"] + kept == 30_002


async def test_silent_node_is_closed_with_4408(running_lookupd):
    async with running_lookupd(lease=0.3) as lookupd, lookupd.node() as node:
        await node.identify()
        assert await node.wait_closed() == 4408
        assert await lookupd.names() == []


async def test_shutdown_closes_websockets_with_1012(running_lookupd):
    async with running_lookupd() as lookupd, lookupd.node() as node, lookupd.observer() as observer:
        await node.identify()
        lookupd.kernel.stop()
        assert await node.wait_closed() == 1012
        assert await observer.wait_closed() == 1012


async def test_shutdown_publishes_no_removed_nodes(running_lookupd):
    async with running_lookupd() as lookupd, lookupd.node() as node, lookupd.observer() as observer:
        await node.identify()
        for _ in ("add_node", "identify"):
            await observer.receive()
        lookupd.kernel.stop()
        with pytest.raises(ConnectionClosed):
            await observer.receive()
