"""`/webhooks`: hooks that are registered over HTTP, and the permission for it."""

import json

import pytest
from gaffer_http.app import Api
from gaffer_http.openapi.document import describe_routes
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Kernel
from gaffer_testing import Callers
from gaffer_testing.waiting import until
from httpx2 import AsyncClient

from gaffer_webhooks.plugin import plugin as webhooks_plugin

from .conftest import SECRET, publish

PUBLIC = "http://93.184.216.34/hook"
"""A public address. Nothing is sent there: the hooks of these tests match no event."""

PATHS = [
    *(("GET", "/webhooks"), ("POST", "/webhooks"), ("GET", "/webhooks/x")),
    *(("DELETE", "/webhooks/x"), ("GET", "/webhooks/x/dead"), ("DELETE", "/webhooks/x/dead")),
    ("POST", "/webhooks/x/replay"),
]


@pytest.fixture
def api(posting):
    """`async with api(lines) as kernel`: run a kernel with these hooks and the API."""

    def api(lines=""):
        return posting(lines, http_plugin, Callers(), options={"bind": "127.0.0.1:0"})

    return api


async def ask(kernel, method, path, body=None, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    base = kernel.services["http"].addresses[0]
    async with AsyncClient(base_url=base, headers=headers) as client:
        data = None if body is None else json.dumps(body)
        answer = await client.request(method, path, content=data)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    return answer.status_code, answer.json(), answer.headers


async def test_registered_hook_is_listed_until_deleted(api):
    async with api() as kernel:
        body = {"pattern": "never", "url": PUBLIC, "secret": SECRET}
        status, answer, headers = await ask(kernel, "POST", "/webhooks", body)
        assert (status, set(answer)) == (201, {"ok", "id"})
        path = headers["location"]
        assert path == f"/webhooks/{answer['id']}"
        shown = {
            "id": answer["id"],
            "pattern": "never",
            "url": PUBLIC,
            "signed": True,
            "trusted": False,
            "fixed": False,
            "waiting": 0,
            "dead": 0,
            "dropped": 0,
            "failing": None,
        }
        assert await listed(kernel) == [shown]
        assert (await ask(kernel, "GET", path))[:2] == (200, shown)
    async with api() as kernel:
        assert await listed(kernel) == [shown]
        assert (await ask(kernel, "DELETE", path))[:2] == (200, {"ok": True})
        assert await listed(kernel) == []
        assert (await ask(kernel, "DELETE", path))[0] == 404
    async with api() as kernel:
        assert await listed(kernel) == []


async def listed(kernel):
    status, answer, _ = await ask(kernel, "GET", "/webhooks")
    assert status == 200
    return answer["webhooks"]


async def test_same_pattern_and_url_is_same_hook(api, state):
    async with api() as kernel:
        ids = set()
        for secret in ({}, {"secret": SECRET}, {"secret": None}):
            body = {"pattern": "never", "url": PUBLIC, **secret}
            ids.add((await ask(kernel, "POST", "/webhooks", body))[1]["id"])
            [hook] = await listed(kernel)
            assert hook["signed"] == bool(secret.get("secret"))
        assert len(ids) == 1
    assert (state / "hooks.json").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


async def test_hook_of_configuration_cannot_be_deleted(api, receiver):
    async with api(f"never = {receiver.url}") as kernel:
        [hook] = await listed(kernel)
        assert (hook["fixed"], hook["trusted"]) == (True, True)
        status, answer, _ = await ask(kernel, "DELETE", f"/webhooks/{hook['id']}")
        assert (status, answer["error"]) == (400, "bad_value")
        assert answer["reason"] == "id: this hook is in the configuration: remove it there"
        assert await listed(kernel) == [hook]


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ({"url": PUBLIC}, "bad_value", "pattern: is missing"),
        ({"pattern": "x"}, "bad_value", "url: is missing"),
        ({"pattern": "a b", "url": PUBLIC}, "bad_value", "pattern: must be '.' or"),
        ({"pattern": 5, "url": PUBLIC}, "bad_value", "pattern: must be '.' or"),
        ({"pattern": "x", "url": 5}, "bad_value", "url: must be a text"),
        ({"pattern": "x", "url": "gopher://x"}, "bad_value", "url: must begin with"),
        ({"pattern": "x", "url": "http://127.1/"}, "bad_value", "url: leads to 127.0.0.1"),
        ({"pattern": "x", "url": "http://localhost/"}, "bad_value", "url: leads to"),
        ({"pattern": "x", "url": "http://[::ffff:a00:1]/"}, "bad_value", "url: leads to"),
        ({"pattern": "x", "url": PUBLIC, "secret": "s3"}, "bad_value", "secret: must be whsec_"),
        ({"pattern": "x", "url": PUBLIC, "secret": 5}, "bad_value", "secret: must be whsec_"),
        ({"pattern": "x", "url": PUBLIC, "trusted": True}, "bad_value", "trusted: is not a field"),
        ([], "invalid_json", "the body is not valid JSON"),
    ],
)
async def test_invalid_hook_is_rejected(api, body, error, reason):
    async with api() as kernel:
        status, answer, _ = await ask(kernel, "POST", "/webhooks", body)
        assert (status, answer["error"]) == (400, error)
        assert answer["reason"].startswith(reason)
        assert await listed(kernel) == []


async def test_dead_letters_are_listed_replayed_and_forgotten(api, receiver, fast):
    receiver.answers = [500] * 6
    async with receiver.up(), api(f"tries = 2\ntick = {receiver.url}") as kernel:
        [hook] = await listed(kernel)
        path = f"/webhooks/{hook['id']}"
        numbers = publish(kernel, 3)

        async def dead():
            return (await ask(kernel, "GET", f"{path}/dead"))[1]["dead"]

        await until(lambda: len(receiver.got) == 6)
        await until(lambda: kernel.services["webhooks"].list()[0].dead == 3)
        first, second, third = dead_letters = await dead()
        assert [each["body"]["seq"] for each in dead_letters] == numbers
        assert [each["id"] for each in dead_letters] == [receiver.got[n].id for n in (0, 2, 4)]
        assert {(each["event"], each["tries"], each["reason"]) for each in dead_letters} == {
            ("tick", 2, "answered 500 Internal Server Error")
        }
        answer = await ask(kernel, "POST", f"{path}/replay", {"ids": [second["id"], "unknown"]})
        assert answer[:2] == (200, {"ok": True, "replayed": 1})
        await until(lambda: len(receiver.got) == 7)
        assert receiver.got[6].id == second["id"]
        assert receiver.got[6].event == second["body"]
        answer = await ask(kernel, "DELETE", f"{path}/dead", {"ids": [first["id"]]})
        assert answer[:2] == (200, {"ok": True, "forgotten": 1})
        assert await dead() == [third]
        assert (await ask(kernel, "POST", f"{path}/replay"))[1]["replayed"] == 1
        await until(lambda: len(receiver.got) == 8)
        assert (await ask(kernel, "DELETE", f"{path}/dead"))[1]["forgotten"] == 0


async def test_dead_letters_survive_restart(api, receiver, fast):
    receiver.answers = [500]
    lines = f"tries = 1\ntick = {receiver.url}"
    async with receiver.up():
        async with api(lines) as kernel:
            publish(kernel, 1)
            await until(lambda: kernel.services["webhooks"].list()[0].dead)
        async with api(lines) as kernel:
            [hook] = kernel.services["webhooks"].list()
            assert (hook.dead, len(receiver.got)) == (1, 1)
            kernel.services["webhooks"].replay(hook.id)
            await until(lambda: len(receiver.got) == 2)
    assert receiver.got[0].id == receiver.got[1].id


@pytest.mark.parametrize("ids", ["all", [1], {}, None])
async def test_invalid_ids_are_rejected(api, receiver, ids):
    async with api(f"never = {receiver.url}") as kernel:
        [hook] = await listed(kernel)
        for method, path in (("POST", "replay"), ("DELETE", "dead")):
            path = f"/webhooks/{hook['id']}/{path}"
            status, answer, _ = await ask(kernel, method, path, {"ids": ids})
            assert (status, answer["reason"]) == (400, "ids: must be a list of ids")


async def test_hook_that_cannot_be_stored_is_507(api, state):
    hook = {"pattern": "never", "url": PUBLIC}
    async with api() as kernel:
        state.write_text("a file where the folder should be")
        status, answer, _ = await ask(kernel, "POST", "/webhooks", hook)
        assert (status, answer["error"]) == (507, "insufficient_storage")
        assert answer["reason"] == f"webhooks: {state}: cannot be used: File exists"
        state.unlink()
        _, registered, _ = await ask(kernel, "POST", "/webhooks", hook)
        (state / "hooks.json").unlink()
        (state / "hooks.json").mkdir()
        status, answer, _ = await ask(kernel, "DELETE", f"/webhooks/{registered['id']}")
        assert (status, answer["error"]) == (507, "insufficient_storage")
        reason = f"webhooks: {state}/hooks.json: cannot be written: Is a directory"
        assert answer["reason"] == reason
        assert (await ask(kernel, "GET", f"/webhooks/{registered['id']}"))[0] == 200


@pytest.mark.parametrize(("method", "path"), [each for each in PATHS if "x" in each[1]])
async def test_unknown_hook_is_404(api, method, path):
    async with api() as kernel:
        status, answer, _ = await ask(kernel, method, path)
        assert (status, answer["error"], answer["reason"]) == (404, "not_found", "no webhook 'x'")


@pytest.mark.parametrize("token", ["read", "write", "manage.shop", "manage.default", "read.shop"])
async def test_webhooks_need_permission_to_manage_every_session(api, token):
    async with api() as kernel:
        for method, path in PATHS:
            body = {"pattern": ".", "url": PUBLIC}
            status, answer, _ = await ask(kernel, method, path, body, token)
            assert (status, answer["error"]) == (403, "forbidden"), (method, path)
        assert await listed(kernel) == []
        assert (await ask(kernel, "GET", "/webhooks", token="manage"))[0] == 200


async def test_secret_is_not_shown(api, receiver):
    async with api(f"never = {receiver.url} {SECRET}") as kernel:
        await ask(kernel, "POST", "/webhooks", {"pattern": "x", "url": PUBLIC, "secret": SECRET})
        for hook in await listed(kernel):
            assert hook["signed"] is True
            for path in ("", "/dead"):
                answer = await ask(kernel, "GET", f"/webhooks/{hook['id']}{path}")
                assert SECRET not in json.dumps(answer[1])
        assert SECRET not in repr(kernel.services["webhooks"].list())


async def test_number_of_hooks_is_limited(api, monkeypatch):
    monkeypatch.setattr("gaffer_webhooks.service.MAX_HOOKS", 2)
    async with api() as kernel:
        for number in range(3):
            body = {"pattern": f"never{number}", "url": PUBLIC}
            status, answer, _ = await ask(kernel, "POST", "/webhooks", body)
        assert (status, answer["reason"]) == (400, "url: there are 2 hooks already")
        assert len(await listed(kernel)) == 2


def test_openapi_describes_every_path():
    paths = describe_routes(Api(Kernel(plugins=[http_plugin, webhooks_plugin])), "1")["paths"]
    shown = {
        (method, path.replace("{hook}", "x"))
        for path, operations in paths.items()
        if path.startswith("/webhooks")
        for method in map(str.upper, operations)
    }
    assert shown == set(PATHS)
    assert "requestBody" in paths["/webhooks"]["post"]


async def test_paths_are_404_while_plugin_is_closed(api):
    async with api() as kernel:
        await kernel.plugins.close("webhooks")
        status, answer, _ = await ask(kernel, "GET", "/webhooks")
        assert (status, answer["error"]) == (404, "resource_not_found")
