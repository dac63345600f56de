"""Plugins over HTTP: list, open, close, reload; their routes are added and removed with them."""

from contextlib import asynccontextmanager

import pytest
import trio
from gaffer_kernel import Plugins, open_kernel
from gaffer_kernel.config import Config
from gaffer_kernel.hookspecs import hookimpl
from quart import Blueprint, current_app, request

from gaffer_http.plugin import plugin as http_plugin

from ..conftest import Api

FOLDER = """
from gaffer_kernel.hookspecs import hookimpl
from quart import Blueprint

__version__ = "{version}"

@hookimpl(optionalhook=True)
def gaffer_http_routes(kernel):
    routes = Blueprint("ape", __name__)

    @routes.get("/ape/{version}")
    async def hello():
        return {{"version": "{version}"}}

    return routes
"""


class Extra:
    """A plugin with routes: `/extra` responds, `.../wait` never does, `.../work` starts a task."""

    name = "extra"
    gaffer_requires = ("base",)

    def __init__(self):
        self.told = []
        self.entered = trio.Event()
        self.failing = None

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        if self.failing == "hook":
            raise ValueError("oh")
        routes = Blueprint("jobs" if self.failing == "name" else "extra", __name__)

        @routes.before_app_serving
        async def before():
            if self.failing == "before":
                raise ValueError("oh")
            self.told.append("before")

        @routes.after_app_serving
        async def after():
            self.told.append("after")
            if self.failing == "after":
                raise ValueError("oh")

        @routes.get("/extra")
        async def hello():
            return {"hello": request.path}

        @routes.get("/extra/wait")
        async def wait():
            self.entered.set()
            await trio.sleep_forever()

        @routes.get("/extra/work")
        async def work():
            current_app.add_background_task(self.work)
            return "working"

        return routes

    async def work(self):
        try:
            await trio.sleep_forever()
        finally:
            self.told.append("worked")


class Base:
    """The plugin that Extra requires."""

    name = "base"

    @hookimpl
    @asynccontextmanager
    async def gaffer_service(self, kernel):
        yield "base"


class Unstable:
    """A plugin that can be made to fail on open or later."""

    name = "unstable"
    fails = False

    @hookimpl
    @asynccontextmanager
    async def gaffer_service(self, kernel):
        if self.fails:
            raise ValueError("oh")
        yield


@pytest.fixture
def extra():
    return Extra()


@pytest.fixture
async def api(running_api, extra):
    async with running_api(extra, Base(), Unstable()) as api:
        yield api


async def plugin(api, name):
    return (await api.ask("GET", f"/plugins/{name}")).json


async def test_plugins_are_listed(api):
    listed = (await api.ask("GET", "/plugins")).json["plugins"]
    assert {each["name"] for each in listed} == {"http", "base", "extra", "unstable"}
    assert next(each for each in listed if each["name"] == "extra") == {
        "name": "extra",
        "version": None,
        "description": "",
        "distribution": None,
        "path": None,
        "state": "open",
        "error": None,
        "requires": ["base"],
        "failures": 0,
    }
    assert await plugin(api, "http") in listed


async def test_plugin_is_closed_and_opened(api):
    answer = await api.ask("POST", "/plugins/base/close")
    assert (answer.status, answer.json["ok"], answer.json["state"]) == (200, True, "closed")
    assert (await plugin(api, "extra"))["state"] == "closed"
    assert (await api.ask("POST", "/plugins/extra/open")).json["state"] == "open"
    assert (await plugin(api, "base"))["state"] == "open"


async def test_reload_of_an_installed_plugin_closes_and_opens_it(api, extra):
    assert (await api.ask("POST", "/plugins/base/reload")).json["state"] == "open"
    assert (await api.ask("GET", "/extra")).status == 200
    assert extra.told == ["before", "after", "before"]


@pytest.mark.parametrize("verb", ["open", "close", "reload"])
async def test_missing_plugin_is_not_found(api, verb):
    assert (await api.ask("POST", f"/plugins/absent/{verb}")).slug == "not_found"
    assert (await api.ask("GET", "/plugins/absent")).slug == "not_found"
    assert (await api.ask("POST", f"/plugins/base/{verb}?x=1")).slug == "bad_value"


@pytest.mark.parametrize("verb", ["close", "reload"])
async def test_api_refuses_to_close_itself(api, verb):
    answer = await api.ask("POST", f"/plugins/http/{verb}")
    assert (answer.status, answer.slug) == (409, "conflict")
    assert f"cannot {verb} http" in answer.json["reason"]
    assert (await api.ask("POST", "/plugins/http/open")).json["state"] == "open"


async def test_plugin_that_fails_to_open_is_named(api, monkeypatch):
    await api.ask("POST", "/plugins/unstable/close")
    monkeypatch.setattr(Unstable, "fails", True)
    answer = await api.ask("POST", "/plugins/unstable/open")
    assert (answer.status, answer.slug) == (409, "plugin_failed")
    assert answer.json["reason"].startswith("plugin unstable: did not start: ValueError: oh (")
    shown = await plugin(api, "unstable")
    assert (shown["state"], shown["error"].partition(" (")[0]) == (
        "failed",
        "did not start: ValueError: oh",
    )


# Routes


async def test_routes_are_removed_on_close_and_added_on_open(api):
    for _ in range(3):
        assert (await api.ask("GET", "/extra")).json == {"hello": "/extra"}
        assert (await api.ask("POST", "/extra")).status == 405
        await api.ask("POST", "/plugins/extra/close")
        for method in ("GET", "POST", "OPTIONS"):
            assert (await api.ask(method, "/extra")).slug == "resource_not_found"
        await api.ask("POST", "/plugins/extra/open")


async def test_routes_change_without_delay(api):
    for _ in range(10):
        await api.kernel.plugins.close("extra")
        assert (await api.ask("GET", "/extra")).status == 404
        await api.kernel.plugins.open("extra")
        assert (await api.ask("GET", "/extra")).status == 200


async def test_request_to_a_closing_plugin_is_cancelled(api, extra):
    async with trio.open_nursery() as nursery:

        async def ask():
            answer = await api.ask("GET", "/extra/wait")
            assert (answer.status, answer.slug) == (503, "plugin_closed")

        nursery.start_soon(ask)
        await extra.entered.wait()
        with trio.fail_after(5):
            await api.ask("POST", "/plugins/extra/close")


async def test_requests_to_other_plugins_continue(api):
    async with api.client() as client:
        assert (await client.follow("/watch?feed=continuous&heartbeat=30")).status == 200
        await api.ask("POST", "/plugins/extra/close")
        await client.until(b'"event":"plugin.closed"')
        await api.ask("POST", "/plugins/extra/open")
        await client.until(b'"event":"plugin.opened"')


async def test_background_task_of_a_request_ends_with_the_plugin(api, extra):
    assert (await api.ask("GET", "/extra/work")).body == b"working"
    await api.ask("POST", "/plugins/extra/close")
    with trio.fail_after(5):
        while "worked" not in extra.told:
            await trio.sleep(0.01)
    assert extra.told == ["before", "after", "worked"]


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ("hook", "gaffer_http_routes raised ValueError: oh"),
        ("name", "its routes cannot be added: "),
        (
            "before",
            "a before, while or after serving function failed: ValueError: oh",
        ),
    ],
)
async def test_routes_that_fail_later_are_omitted_and_reported(api, extra, failing, words, caplog):
    await api.ask("POST", "/plugins/extra/close")
    extra.failing = failing
    assert (await api.ask("POST", "/plugins/extra/open")).json["state"] == "open"
    assert (await api.ask("GET", "/extra")).status == 404
    assert (await api.ask("GET", "/jobs")).status == 200
    assert f"plugin extra: {words}" in caplog.text
    assert (await plugin(api, "extra"))["failures"] >= 1
    extra.failing = None
    await api.ask("POST", "/plugins/extra/reload")
    assert (await api.ask("GET", "/extra")).status == 200


@pytest.mark.parametrize("failing", ["hook", "name", "before"])
async def test_failing_routes_do_not_prevent_reopening_of_the_api(api, extra, failing, caplog):
    await api.kernel.plugins.close("http")
    extra.failing = failing
    await api.kernel.plugins.open("http")
    api = Api(api.kernel)
    assert (await api.ask("GET", "/extra")).status == 404
    assert (await plugin(api, "extra"))["failures"] >= 1
    assert "plugin extra: " in caplog.text
    extra.failing = None
    await api.ask("POST", "/plugins/extra/reload")
    assert (await api.ask("GET", "/extra")).status == 200


async def test_failure_after_serving_is_reported(api, extra, caplog):
    extra.failing = "after"
    await api.ask("POST", "/plugins/extra/close")
    assert (await api.ask("GET", "/extra")).status == 404
    with trio.fail_after(5):
        while "serving function failed" not in caplog.text:
            await trio.sleep(0.01)
    caplog.clear()


# Folders


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o755)
    path = tmp_path / "plugins"
    path.mkdir(0o755)
    return path


def write(folder, text, name="ape"):
    (folder / name).mkdir(0o755, exist_ok=True)
    file = folder / name / "__init__.py"
    file.write_text(text)
    file.chmod(0o644)


@pytest.fixture
async def folders(folder):
    """An API with a plugin in a folder."""
    write(folder, FOLDER.format(version="1.0"))
    plugins = Plugins()
    plugins.add(http_plugin)
    plugins.add_folder(folder)
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    async with open_kernel(config, plugins=plugins) as kernel:
        yield Api(kernel)


async def test_reload_adds_routes_of_new_code(folders, folder):
    assert (await plugin(folders, "ape"))["path"] == str(folder / "ape")
    assert (await folders.ask("GET", "/ape/1.0")).json == {"version": "1.0"}
    write(folder, FOLDER.format(version="2.0"))
    assert (await folders.ask("POST", "/plugins/ape/reload")).json["version"] == "2.0"
    assert (await folders.ask("GET", "/ape/2.0")).json == {"version": "2.0"}
    assert (await folders.ask("GET", "/ape/1.0")).status == 404


async def test_failed_reload_is_reported_and_old_routes_stay(folders, folder):
    write(folder, "x = (")
    answer = await folders.ask("POST", "/plugins/ape/reload")
    assert (answer.status, answer.slug) == (409, "plugin_failed")
    assert (
        f"SyntaxError: '(' was never closed ({folder}/ape/__init__.py:1)" in answer.json["reason"]
    )
    assert (await folders.ask("GET", "/ape/1.0")).json == {"version": "1.0"}
    shown = await plugin(folders, "ape")
    assert shown["state"] == "open"
    assert "SyntaxError" in shown["error"]


async def test_rescan_adds_and_removes_folder_plugins(folders, folder):
    (folder / "ape").rename(folder.parent / "away")
    write(folder, FOLDER.format(version="3.0").replace('"ape"', '"bee"'), "bee")
    answer = await folders.ask("POST", "/plugins")
    assert {each["name"] for each in answer.json["plugins"]} == {"http", "bee"}
    assert (await folders.ask("GET", "/ape/3.0")).status == 200
    assert (await folders.ask("GET", "/ape/1.0")).status == 404
    write(folder, "1 / 0", "cow")
    assert "plugin cow: " in (await folders.ask("POST", "/plugins")).json["reason"]
    assert (await plugin(folders, "cow"))["state"] == "failed"
