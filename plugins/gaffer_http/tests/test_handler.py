"""The plugin as an object, without the routes of gafferd and with fewer connections."""

from contextlib import asynccontextmanager

import pytest
from gaffer_kernel import Config, hookimpl, open_kernel
from quart import Blueprint

from gaffer_http import HttpHandler

from .conftest import Api


class Routes:
    name = "routes"

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        routes = Blueprint("routes", __name__)

        @routes.get("/jobs")
        async def jobs():
            return "mine"

        return routes


@asynccontextmanager
async def serving(**options):
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    plugins = [Routes(), HttpHandler(**options)]
    async with open_kernel(config, plugins=plugins) as kernel:
        yield Api(kernel)


@pytest.fixture
async def api():
    async with serving(routes=False) as api:
        yield api


async def test_handler_serves_routes_of_plugins_only(api):
    assert (await api.ask("GET", "/jobs")).body == b"mine"
    for path in ("/", "/ping", "/sessions", "/processes", "/openapi.json"):
        assert (await api.ask("GET", path)).status == 404


async def test_handler_checks_hosts_and_callers(api):
    assert (await api.ask("GET", "/jobs", host="evil.example")).status == 421
    assert (await api.ask("GET", "/jobs", origin="https://evil.example")).status == 403


async def test_handler_adds_no_routes_of_gafferd_when_plugins_change(api):
    await api.kernel.plugins.close("routes")
    assert (await api.ask("GET", "/jobs")).status == 404
    await api.kernel.plugins.open("routes")
    assert (await api.ask("GET", "/jobs")).body == b"mine"
    assert (await api.ask("GET", "/")).status == 404


async def test_handler_limits_connections():
    async with (
        serving(routes=False, connections=2) as api,
        api.client() as one,
        api.client() as two,
        api.client() as three,
    ):
        await one.closed()
        for client in (two, three):
            assert (await client.ask("GET", "/jobs")).status == 200
