"""What lookupd answers, and what it tells observers."""

import pytest
from tests.waiting import until
from trio_websocket import ConnectionClosed

WEB1 = {"name": "web1", "origin": "http://web1:5000", "version": "0.1"}
WEB2 = {"name": "web2", "origin": "http://web2:5000", "version": "0.1"}


def source(info, *pids):
    return {"name": info["name"], "pids": list(pids), "node_info": info}


@pytest.fixture
async def two(lookupd):
    """Two nodes that have a job in common."""
    async with lookupd.node() as one, lookupd.node() as other:
        await one.identify("web1")
        await one.register("web", 2, 1)
        await one.register("prod.db", 3)
        await other.identify("web2")
        await other.register("default.web", 1)
        yield lookupd


async def test_it_says_who_it_is(lookupd):
    version = (await lookupd.get("/version"))["version"]
    assert await lookupd.get("/") == {"welcome": "gaffer-lookupd", "version": version}
    ping = await lookupd.ask("/ping")
    assert (ping.text, ping.headers["content-type"]) == ("OK", "text/plain; charset=utf-8")


async def test_nothing_is_known_at_first(lookupd):
    assert await lookupd.get("/nodes") == {"nodes": []}
    assert await lookupd.get("/sessions") == {"nb_sessions": 0, "sessions": []}
    assert await lookupd.get("/jobs") == {"nb_jobs": 0, "jobs": []}
    assert await lookupd.get("/findJob?name=web") == {"sources": []}
    assert await lookupd.get("/findSession?sessionid=prod") == {"nb_jobs": 0, "jobs": []}


async def test_nodes_are_listed(two):
    assert await two.get("/nodes") == {"nodes": [WEB1, WEB2]}


async def test_a_connection_that_has_not_said_who_it_is_is_not_listed(lookupd):
    async with lookupd.node() as node:
        assert (await node.say("PING")) == {"ok": True}
        assert (await node.say("REGISTER_JOB", job_name="web"))["errno"] == 404
        assert await lookupd.get("/nodes") == {"nodes": []}


async def test_sessions_are_listed(two):
    assert await two.get("/sessions") == {
        "nb_sessions": 2,
        "sessions": [
            {"sessionid": "default", "jobs": {"web": [source(WEB1, 1, 2), source(WEB2, 1)]}},
            {"sessionid": "prod", "jobs": {"prod.db": [source(WEB1, 3)]}},
        ],
    }


async def test_the_sessions_of_a_node_are_listed(two):
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
async def test_a_job_is_found(two, name):
    found = await two.get(f"/findJob?name={name}")
    assert found == {"sources": [source(WEB1, 1, 2), source(WEB2, 1)]}


async def test_a_session_is_found(two):
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
async def test_a_wrong_question_is_told_so(lookupd, path):
    answer = await lookupd.ask(path)
    assert answer.status_code == 400
    assert answer.json()["reason"]


async def test_there_is_nothing_of_gafferd_itself(lookupd):
    for path in ("/pids", "/processes", "/watch", "/plugins", "/openapi.json", "/streams/1/stdout"):
        assert (await lookupd.ask(path)).status_code == 404


async def test_a_node_that_goes_is_gone(lookupd):
    async with lookupd.node() as node:
        await node.identify()
        await node.register("web", 1)
        assert await lookupd.names() == ["web1"]

    async def gone():
        return not await lookupd.names()

    await until(gone)
    assert await lookupd.get("/sessions") == {"nb_sessions": 0, "sessions": []}


async def test_observers_are_told_everything_once_in_order(lookupd):
    async with lookupd.observer() as one, lookupd.observer() as other:
        async with lookupd.node() as node:
            await node.identify()
            await node.register("web", 1)
            await node.say("UNREGISTER_PROCESS", job_name="web", pid=1)
            await node.say("UNREGISTER_JOB", job_name="web")
        for observer in (one, other):
            told = [await observer.hear() for _ in range(7)]
            job = {"node": WEB1, "job_name": "web"}
            assert told == [
                {"event": "add_node", **WEB1},
                {"event": "identify", **WEB1},
                {"event": "add_job", **job},
                {"event": "add_process", **job, "pid": 1},
                {"event": "remove_process", **job, "pid": 1},
                {"event": "remove_job", **job},
                {"event": "remove_node", **WEB1},
            ]


async def test_an_observer_may_talk(lookupd):
    async with lookupd.observer() as observer, lookupd.node() as node:
        for _ in range(100):
            await observer.socket.send_message("hello")
        await node.identify()
        assert (await observer.hear())["event"] == "add_node"
    await until(lambda: lookupd.lookupd.changes.subscribers == 0)


async def test_an_observer_that_is_too_slow_is_told_how_much_it_missed(lookupd):
    async with lookupd.observer() as observer:
        registrant = lookupd.lookupd.registry.connect("token a")
        registrant.identify("web1", "http://web1:5000", "0.1")
        for _ in range(15_000):  # Without a pause: nobody can be told meanwhile.
            registrant.register_job("web")
            registrant.unregister_job("web")
        gap = await observer.hear()
        assert gap["event"] == "gap"
        kept = 0
        registrant.leave()
        while (await observer.hear())["event"] != "remove_node":
            kept += 1
        assert gap["dropped"] + kept == 30_002


async def test_a_silent_node_is_sent_away(running_lookupd):
    async with running_lookupd(lease=0.3) as lookupd, lookupd.node() as node:
        await node.identify()
        assert await node.closed() == 4408
        assert await lookupd.names() == []


async def test_whoever_is_connected_is_told_that_lookupd_ends(running_lookupd):
    async with running_lookupd() as lookupd, lookupd.node() as node, lookupd.observer() as observer:
        await node.identify()
        lookupd.kernel.stop()
        assert await node.closed() == 1012
        assert await observer.closed() == 1012


async def test_no_node_is_said_to_be_gone_when_it_is_lookupd_that_ends(running_lookupd):
    async with running_lookupd() as lookupd, lookupd.node() as node, lookupd.observer() as observer:
        await node.identify()
        for _ in ("add_node", "identify"):
            await observer.hear()
        lookupd.kernel.stop()
        with pytest.raises(ConnectionClosed):
            await observer.hear()
