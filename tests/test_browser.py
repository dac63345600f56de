"""Test pages in a real browser: `gafferctl open` signs in, other pages are refused."""

import http.server
import json
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from gaffer_testing.gafferd import COMMAND, Home
from gaffer_testing.waiting import until, wait_until

from tests.chromium import needs_chromium, open_chromium

pytestmark = needs_chromium

UI = Path(__file__).parent.parent / "examples" / "plugins" / "ui" / "_site"
JOB = {"name": "pwned", "cmd": "sleep 600"}
POST = """
fetch("URL/jobs/default", {
  method: "POST", body: BODY, credentials: "include", headers: {"Content-Type": "application/json"},
}).then((answer) => answer.status, () => 0)
""".replace("BODY", json.dumps(json.dumps(JOB)))
WEBSOCKET = """
new Promise((resolve) => {
  const websocket = new WebSocket("ws://HOST/channel");
  websocket.onopen = () => resolve("open");
  websocket.onerror = () => resolve("refused");
})
"""
EVENTS = """
new Promise((resolve) => {
  const feed = new EventSource("/watch?feed=eventsource");
  feed.onopen = () => { feed.close(); resolve("open"); };
  feed.onerror = () => resolve("refused");
})
"""


class House:
    """A folder with a gafferd that has a site."""

    def __init__(self, folder):
        self.home = Home(folder, "http", "sites")
        shutil.copytree(UI, folder / "plugins" / "ui" / "_site")
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o022)
        self.url = None

    @contextmanager
    def gafferd(self, bind="127.0.0.1:0", ini=""):
        self.home.write("gaffer.ini", ini)
        command = ("-c", "gaffer.ini", "-p", "plugins", "--log-level", "info", "--bind", bind)
        with self.home.running(*command) as process:
            listening = "listening on http://127.0.0.1:"
            wait_until(lambda: listening in self.home.messages(), process)
            port = self.home.messages().partition(listening)[2].split()[0].strip(",")
            self.url = f"http://127.0.0.1:{port}"
            yield process

    @property
    def host(self):
        return self.url.removeprefix("http://")

    async def gafferctl(self, *arguments):
        command = [COMMAND.with_name("gafferctl"), "--connect", self.url, *arguments]
        done = await trio.run_process(
            command, env=self.home.environ(), capture_stdout=True, stdin=subprocess.DEVNULL
        )
        return done.stdout.decode().strip()

    async def jobs(self):
        return json.loads(await self.gafferctl("processes", "--json"))


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture
async def browser(tmp_path_factory):
    async with open_chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
async def page(browser):
    return await browser.new_page()


@contextmanager
def squatter(address, port=0):
    """Serve one page from another program; yield its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"<!doctype html><title>squatter</title><p>squatter"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *arguments):
            pass

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    with Server((address, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


async def status(page, path):
    return await page.evaluate(f"fetch({path!r}).then((answer) => answer.status, () => 0)")


async def test_open_signs_site_in_and_revoke_out(house, browser, page):
    with house.gafferd(ini=house.home.job("web")):
        await page.open(await house.gafferctl("open", "ui", "--print"))
        await page.shows("connected")
        await page.shows("web")
        assert await page.evaluate("location.hash + history.length + document.cookie") == "2"
        assert await status(page, "/jobs") == 200
        assert await page.evaluate(WEBSOCKET.replace("HOST", house.host)) == "open"
        # Another profile has no cookie.
        other = await browser.new_page()
        await other.open(f"{house.url}/_plugin/ui/")
        await other.shows("gafferctl open ui")
        assert await status(other, "/jobs") == 401

        await house.gafferctl("open", "--revoke")

        await page.shows("not connected")
        assert await status(page, "/jobs") == 401


async def test_page_without_sign_in_gets_files_only(house, page):
    with house.gafferd():
        await page.open(f"{house.url}/_plugin/ui/")
        await page.shows("Not signed in: type gafferctl open ui in a terminal.")
        assert await status(page, "/_plugin/ui/app.js") == 200
        assert await page.evaluate(POST.replace("URL", "")) == 401
        assert await page.evaluate(WEBSOCKET.replace("HOST", house.host)) == "refused"
        assert await page.evaluate(EVENTS) == "refused"
        assert await house.jobs() == []


async def test_api_path_shows_the_command_to_type(house, page):
    with house.gafferd():
        await page.open(f"{house.url}/version")
        await page.shows("gafferctl open")
        fragment = (await house.gafferctl("open", "--print")).partition("#")[2]
        await page.evaluate(f"location.replace('/jobs#{fragment}')")
        await page.shows('{"jobs":[]}')


async def test_open_shows_list_of_sites_and_key_is_valid_once(house, browser, page):
    with house.gafferd():
        url = await house.gafferctl("open", "--print")
        await page.open(url)
        await page.shows("This browser is signed in.")
        await page.shows("ui")
        other = await browser.new_page()
        await other.open(url)
        await other.shows("this page key is unknown, used or expired")
        assert await status(other, "/jobs") == 401


async def test_empty_list_of_sites_says_so(house, page):
    shutil.rmtree(house.home.folder / "plugins" / "ui")
    with house.gafferd():
        await page.open(await house.gafferctl("open", "--print"))
        await page.shows("No plugin has a site here.")
        assert await page.evaluate("document.links[0].href") == f"{house.url}/jobs"


async def test_page_from_another_listener_on_localhost_is_refused(house, page):
    """The squatter had [::1]; Chromium falls back to 127.0.0.1, and the origin is the same."""
    try:
        with squatter("::1") as port:
            await page.open(f"http://localhost:{port}/")
            await page.shows("squatter")
    except OSError as error:
        pytest.skip(f"no IPv6 loopback: {error}")
    with house.gafferd(f"127.0.0.1:{port}"):
        assert await page.evaluate("document.title") == "squatter"
        assert await page.evaluate(POST.replace("URL", "")) == 401
        assert await status(page, "/jobs") == 401
        assert await page.evaluate(WEBSOCKET.replace("HOST", f"localhost:{port}")) == "refused"
        # Neither after the user has signed in and the squatter has seen the key.
        url = await house.gafferctl("open", "--print")
        body = json.dumps(json.dumps({"key": url.partition("#key=")[2]}))
        assert await page.evaluate(POST.replace("URL/jobs/default", "/page-key")) == 400
        exchange = POST.replace("URL/jobs/default", "/page-key").replace(
            json.dumps(json.dumps(JOB)), body
        )
        assert await page.evaluate(exchange) == 401
        assert await house.jobs() == []


async def test_cookie_does_not_admit_another_port(house, page):
    """Cookies ignore ports, and SameSite takes both ports for one site."""
    with house.gafferd(), squatter("127.0.0.1") as port:
        await page.open(await house.gafferctl("open", "ui", "--print"))
        await page.shows("connected")
        await page.open(f"http://127.0.0.1:{port}/")
        await page.shows("squatter")
        # A response that a page may not read looks like a broken connection.
        assert await page.evaluate(POST.replace("URL", house.url)) == 0
        assert await page.evaluate(WEBSOCKET.replace("HOST", house.host)) == "refused"
        assert await house.jobs() == []
    with (
        squatter("127.0.0.1") as port,
        house.gafferd(ini=f"[gaffer]\ncors_origins = http://127.0.0.1:{port}\n"),
    ):
        await page.open(f"http://127.0.0.1:{port}/")
        await page.shows("squatter")
        # A listed origin is admitted, with the cookie, which has survived the restart of gafferd.
        assert await page.evaluate(POST.replace("URL", house.url)) == 201
        await until(house.jobs)
        without = POST.replace("URL", house.url).replace('"include"', '"omit"')
        assert await page.evaluate(without) == 401
