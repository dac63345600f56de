"""Fixtures: a plugin folder, a kernel that serves its sites, a client that sends raw paths."""

import json
from contextlib import asynccontextmanager

import h11
import pytest
import trio
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, open_kernel
from gaffer_kernel.plugins import Plugins

from gaffer_sites.plugin import plugin as sites_plugin

PLUGIN = """
from gaffer_kernel.hookspecs import hookimpl

@hookimpl
def gaffer_event(event):
    pass
"""


class PluginFolder:
    """A plugin folder. `write` makes files that only their owner can write, with umask 022."""

    def __init__(self, path):
        self.path = path
        self._make_folder(path)

    def __truediv__(self, name):
        return self.path / name

    def _make_folder(self, path):
        if not path.exists():
            self._make_folder(path.parent)
            path.mkdir()

    def write(self, name, content=""):
        path = self.path / name
        self._make_folder(path.parent)
        # A gafferd that watches the folder may move the file as soon as it is there.
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def plugin(self, name):
        """Write a plugin with Python."""
        self.write(f"{name}/plugin/__init__.py", PLUGIN)


class Answer:
    def __init__(self, response, body):
        self.status = response.status_code
        self.headers = {name.decode(): value.decode() for name, value in response.headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


async def ask(address, method, path, **headers):
    host, _, port = address.removeprefix("http://").rpartition(":")
    connection = h11.Connection(h11.CLIENT)
    fields = {"host": "localhost", "connection": "close"} | headers
    pairs = [(name.replace("_", "-"), value) for name, value in fields.items()]
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(
            connection.send(h11.Request(method=method, target=path, headers=pairs))
        )
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                assert isinstance(event, h11.EndOfMessage), event
                return Answer(response, body)


class Api:
    """A client of a kernel that serves sites."""

    def __init__(self, kernel):
        self.kernel = kernel

    async def ask(self, method, path, **headers):
        return await ask(self.kernel.services["http"].addresses[0], method, path, **headers)

    async def get(self, path, method="GET", **headers):
        """Send a request under `/_plugin/`; check the common form of errors."""
        answer = await self.ask(method, f"/_plugin/{path}", **headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status >= 400 and method != "HEAD":
            assert set(answer.json) == {"ok", "error", "errno", "reason"}
            assert answer.json["errno"] == answer.status
        return answer

    async def statuses(self, *paths):
        return [(await self.get(path)).status for path in paths]

    async def sites(self):
        """Return the names of the sites in the list."""
        return [each["name"] for each in (await self.get("")).json["sites"]]


@pytest.fixture
def plugin_folder(tmp_path):
    return PluginFolder(tmp_path / "plugins")


@pytest.fixture
def serving(plugin_folder):
    """`async with serving() as api`: run a kernel that serves the sites of the folder."""

    @asynccontextmanager
    async def serve(*more, disabled=()):
        plugins = Plugins()
        for plugin in (http_plugin, sites_plugin, *more):
            plugins.add(plugin)
        plugins.add_folder(plugin_folder.path, disabled)
        config = Config()
        config.options["bind"] = "127.0.0.1:0"
        async with open_kernel(config, plugins=plugins) as kernel:
            yield Api(kernel)

    return serve


@pytest.fixture
async def api(serving):
    async with serving() as api:
        yield api
