"""The routes of sessions and of single processes."""

import pytest
import trio


@pytest.fixture
async def shop(api):
    """Two jobs in the session `shop`, and one elsewhere."""
    for session, name in (("shop", "a"), ("shop", "b"), ("default", "c")):
        config = {"name": name, "cmd": "sleep 100"}
        assert (await api.ask("POST", f"/jobs/{session}?wait=10", config)).status == 201
    return api


async def states(api):
    return [(await api.ask("GET", f"/jobs/shop/{name}/state")).body for name in "ab"]


async def test_sessions_are_listed(shop):
    assert (await shop.ask("GET", "/sessions")).json == {"sessions": ["shop", "default"]}
    assert (await shop.ask("GET", "/sessions/shop")).json == {
        "sessionid": "shop",
        "jobs": ["shop.a", "shop.b"],
    }


async def test_session_is_stopped_started_and_restarted(shop):
    answer = await shop.ask("POST", "/sessions/shop/stop?wait=10")
    assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
    assert await states(shop) == [b"0", b"0"]
    assert (await shop.ask("GET", "/pids")).json == {"pids": [3]}
    await shop.ask("POST", "/sessions/shop/start?wait=10")
    assert await states(shop) == [b"1", b"1"]
    assert (await shop.ask("GET", "/pids")).json == {"pids": [3, 4, 5]}
    await shop.ask("POST", "/sessions/shop/restart?wait=10")
    assert (await shop.ask("GET", "/pids")).json == {"pids": [3, 6, 7]}


async def test_session_is_unloaded(shop):
    answer = await shop.ask("DELETE", "/sessions/shop?wait=10")
    assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
    assert (await shop.ask("GET", "/sessions")).json == {"sessions": ["default"]}
    assert (await shop.ask("GET", "/pids")).json == {"pids": [3]}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("POST", "/restart")],
)
async def test_missing_session_is_not_found(shop, method, path):
    assert (await shop.ask(method, f"/sessions/none{path}")).slug == "not_found"


async def test_pids_are_listed(shop):
    assert (await shop.ask("GET", "/pids")).json == {"pids": [1, 2, 3]}
    info = (await shop.ask("GET", "/pids/2")).json
    assert (info["pid"], info["name"], info["session"], info["job"]) == (2, "shop.b", "shop", "b")
    assert info["cmd"] == "sleep 100"
    assert info["active"] is True
    assert info["os_pid"] > 1
    assert (await shop.ask("HEAD", "/pids/2")).status == 200


async def test_stopped_process_is_replaced(shop):
    answer = await shop.ask("DELETE", "/pids/1?wait=10")
    assert (answer.status, answer.json) == (202, {"ok": True, "settled": True})
    assert (await shop.ask("GET", "/pids/1")).slug == "not_found"
    assert (await shop.ask("GET", "/jobs/shop/a/pids")).json == {"ok": True, "pids": [4]}


async def test_signal_reaches_the_process(shop):
    answer = await shop.ask("POST", "/pids/1/signal", {"signal": "KILL"})
    assert (answer.status, answer.json) == (202, {"ok": True})
    with trio.fail_after(10):
        while (await shop.ask("GET", "/pids")).json != {"pids": [2, 3, 4]}:
            await trio.sleep(0.01)


@pytest.mark.parametrize("pid", ["0", "99", "x", "-1", "1.0", "+1", "9" * 5000, "%D9%A1", "1%20"])
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/signal")])
async def test_missing_process_is_not_found(shop, method, path, pid):
    body = {"signal": 1} if path else None
    answer = await shop.ask(method, f"/pids/{pid}{path}", body)
    assert (answer.status, answer.slug) == (404, "not_found")


@pytest.mark.parametrize("number", ["", "NOPE", 0, 99, None, [1]])
async def test_invalid_signal_is_refused(shop, number):
    answer = await shop.ask("POST", "/pids/1/signal", {"signal": number})
    assert (answer.status, answer.slug) == (400, "bad_signal")
