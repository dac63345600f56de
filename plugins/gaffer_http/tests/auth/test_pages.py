"""Pages in the browser of the owner, which need a page key for all but the files of sites."""

import os
import resource
import stat
import time
from contextlib import suppress

import h11
import pytest
import trio
from gaffer_kernel.hookspecs import hookimpl
from gaffer_testing.callers import Callers
from quart import Blueprint, Response
from trio_websocket import ConnectionClosed

from gaffer_http.auth.page_cookie import LIFETIME, find_cookie, make_cookie
from gaffer_http.auth.page_key_file import PageKeyFile
from gaffer_http.auth.pages import KEY_TIMEOUT, Pages
from gaffer_http.errors import ApiError

US = os.geteuid()


@pytest.fixture(autouse=True)
def key_file(tmp_path, monkeypatch):
    """The path of the key file, in the HOME of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".gaffer" / "page.key"


class Site:
    """A plugin with a public file, as those of gaffer-sites."""

    name = "site"

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        routes = Blueprint("site", __name__)

        @routes.get("/_plugin/ui/")
        async def show():
            return Response("a file", content_type="text/plain")

        show.gaffer_every_caller = show.gaffer_without_page_key = True
        return routes


class Browser:
    """A client with the headers of a browser for a page of the API."""

    def __init__(self, api):
        self.api = api
        self.host = api.urls[0].partition("//")[2]
        self.origin = f"http://{self.host}"
        self.cookie = None

    @property
    def headers(self):
        cookie = {} if self.cookie is None else {"cookie": self.cookie}
        return {"host": self.host, "sec_fetch_site": "same-origin", **cookie}

    async def ask(self, method, path, body=None, **more):
        kind = {} if body is None else {"content_type": "application/json"}
        return await self.api.ask(method, path, body, **{**self.headers, **kind, **more})

    async def new_key(self, **more):
        answer = await self.api.ask("POST", "/page-key/new", {"origin": self.origin}, **more)
        assert answer.status == 200, answer.body
        return answer.json["key"]

    async def exchange(self, key, **more):
        more = {"origin": self.origin, **more}
        return await self.ask("POST", "/page-key", {"key": key}, **more)

    async def sign_in(self):
        answer = await self.exchange(await self.new_key())
        assert answer.status == 200, answer.body
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer


async def ended(client):
    """Wait until a feed ends or its connection breaks."""
    with suppress(h11.RemoteProtocolError, trio.BrokenResourceError):
        await client.rest()


@pytest.fixture
async def api(running_api):
    async with running_api(Site()) as api:
        yield api


@pytest.fixture
def browser(api):
    return Browser(api)


PATHS = [
    *("/", "/ping", "/version", "/openapi.json", "/jobs", "/pids", "/status", "/processes"),
    *("/watch?feed=eventsource", "/plugins", "/sessions", "/nothing", "/_plugin/", "/favicon.ico"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", ["sec_fetch_site", "sec_fetch_dest", "origin"])
async def test_page_without_a_key_is_refused_on_every_path(api, browser, path, header):
    values = {"sec_fetch_site": "same-origin", "origin": browser.origin}
    answer = await api.ask("GET", path, host=browser.host, **{header: values.get(header, "x")})
    assert (answer.status, answer.slug) == (401, "unauthorized")
    assert "gafferctl open" in answer.json["reason"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_page_without_a_key_is_refused_for_every_method(browser, method):
    assert (await browser.ask(method, "/jobs/default/web")).status == 401


@pytest.mark.parametrize("path", ["/channel", "/channel/websocket", "/wstreams/1"])
async def test_page_without_a_key_is_refused_on_websockets(api, browser, path):
    answer = await api.ask_websocket(path, host=browser.host, origin=browser.origin)
    assert (answer.status, answer.slug) == (401, "unauthorized")


async def test_files_of_sites_need_no_page_key(browser):
    assert (await browser.ask("GET", "/_plugin/ui/")).body == b"a file"


async def test_fetch_of_node_needs_no_page_key(api):
    assert (await api.ask("GET", "/jobs", sec_fetch_mode="cors")).status == 200


async def test_programs_need_no_page_key(api):
    assert (await api.ask("GET", "/jobs")).status == 200


async def test_browser_without_a_key_is_shown_the_command_to_run(browser):
    answer = await browser.ask("GET", "/jobs", accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.status == 401
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert b"<pre>gafferctl open</pre>" in answer.body
    page = await browser.ask("GET", "/page-key", accept="text/html")
    assert (page.status, page.body) == (200, answer.body)


async def test_page_key_is_exchanged_for_a_cookie(api, browser, key_file):
    answer = await browser.sign_in()
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value.startswith("gaffer_page=v1.")
    assert set(attributes) == {"Path=/", f"Max-Age={LIFETIME}", "HttpOnly", "SameSite=Strict"}
    assert answer.json == {"ok": True, "expires_in": LIFETIME}
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert (await browser.ask("GET", "/jobs")).json == {"jobs": []}
    job = {"name": "web", "cmd": "sleep 60", "start": False}
    assert (await browser.ask("POST", "/jobs/default", job, origin=browser.origin)).status == 201


async def test_cookie_opens_websockets(api, browser):
    await browser.sign_in()
    async with api.websocket("/channel", origin="http://localhost", cookie=browser.cookie) as ws:
        assert not ws.closed


async def test_page_key_is_valid_once(browser):
    key = await browser.new_key()
    assert (await browser.exchange(key)).status == 200
    again = await browser.exchange(key)
    assert (again.status, again.slug) == (401, "unauthorized")


@pytest.mark.parametrize("key", ["", "x", "\ud800"])
async def test_wrong_page_key_is_refused(browser, key):
    answer = await browser.exchange(key)
    assert (answer.status, "set-cookie" in answer.headers) in {(401, False), (400, False)}


@pytest.mark.parametrize("body", [{}, {"key": 1}, {"key": "a", "more": 1}, []])
async def test_invalid_body_is_refused(browser, body):
    answer = await browser.ask("POST", "/page-key", body, origin=browser.origin)
    assert answer.status == 400


async def test_page_key_is_bound_to_its_origin(browser):
    """Another user sees the key in the command line of the browser, and has squatted localhost."""
    key = await browser.new_key()
    port = browser.host.rpartition(":")[2]
    host = f"localhost:{port}"
    answer = await browser.exchange(key, host=host, origin=f"http://{host}")
    assert (answer.status, answer.slug) == (401, "unauthorized")
    assert (await browser.exchange(key)).status == 200


async def test_program_gets_no_cookie(api, browser):
    key = await browser.new_key()
    answer = await api.ask("POST", "/page-key", {"key": key}, host=browser.host)
    assert (answer.status, answer.slug) == (403, "forbidden_origin")


async def test_page_cannot_create_page_keys(browser):
    assert (await browser.ask("POST", "/page-key/new", {})).status == 401
    assert (await browser.ask("DELETE", "/page-key")).status == 401
    await browser.sign_in()
    assert (await browser.ask("POST", "/page-key/new", {})).status == 403
    assert (await browser.ask("DELETE", "/page-key")).status == 403


async def test_token_replaces_a_page_key_and_cannot_create_one(running_api):
    async with running_api(Callers()) as api:
        browser = Browser(api)
        token = {"authorization": "Bearer manage"}
        assert (await browser.ask("GET", "/jobs", **token)).status == 200
        assert (await api.ask("POST", "/page-key/new", **token)).status == 403
        assert (await api.ask("DELETE", "/page-key", **token)).status == 403


async def test_cookie_is_refused_where_tokens_are_required(running_api):
    ini = "[endpoint:a]\nbind = 127.0.0.1:0\n[endpoint:b]\nbind = 127.0.0.1:0\nauth = token\n"
    async with running_api(Callers(), ini=ini, bind=None) as api:
        browser = Browser(api)
        await browser.sign_in()
        assert (await browser.ask("GET", "/jobs")).status == 200
        api.urls = api.urls[1:]
        assert (await browser.ask("GET", "/jobs")).status == 401
        assert (await browser.ask("GET", "/jobs", authorization="Bearer manage")).status == 200
        assert (await browser.exchange("x")).status == 401
        assert (await api.ask("POST", "/page-key/new")).status == 401


async def test_listed_origin_requires_the_cookie(running_api):
    ini = "[gaffer]\ncors_origins = http://127.0.0.1:3000\n"
    async with running_api(ini=ini) as api:
        browser = Browser(api)
        listed = {"origin": "http://127.0.0.1:3000", "sec_fetch_site": "same-site"}
        assert (await browser.ask("GET", "/jobs", **listed)).status == 401
        answer = await browser.exchange(await browser.new_key(), **listed)
        assert (answer.status, answer.slug) == (403, "forbidden_origin")
        await browser.sign_in()
        answer = await browser.ask("GET", "/jobs", **listed)
        assert answer.status == 200
        assert answer.headers["access-control-allow-credentials"] == "true"
        # A cookie is not accepted from an origin that is not listed.
        foreign = {**listed, "origin": "http://127.0.0.1:3001"}
        assert (await browser.ask("GET", "/jobs", **foreign)).status == 403


async def test_foreign_origin_cannot_sign_in(browser):
    key = await browser.new_key()
    answer = await browser.exchange(key, origin="https://evil.example")
    assert (answer.status, answer.slug) == (403, "forbidden_origin")


async def test_revoking_page_keys_ends_feeds_and_websockets(api, browser):
    await browser.sign_in()
    async with api.client() as client:
        feed = await client.follow("/watch?feed=eventsource", **browser.headers)
        assert feed.status == 200
        origin = {"origin": "http://localhost", "cookie": browser.cookie}
        async with api.websocket("/channel", **origin) as websocket:
            assert (await api.ask("DELETE", "/page-key")).json == {"ok": True}
            with trio.fail_after(5):
                await ended(client)
                with pytest.raises(ConnectionClosed) as raised:
                    await websocket.get_message()
            assert raised.value.reason.code == 4401
    assert (await browser.ask("GET", "/jobs")).status == 401
    await browser.sign_in()
    assert (await browser.ask("GET", "/jobs")).status == 200


async def test_key_file_renewed_by_another_gafferd_ends_feeds(api, browser):
    await browser.sign_in()
    async with api.client() as client:
        await client.follow("/watch?feed=eventsource", **browser.headers)
        PageKeyFile().renew()
        with trio.fail_after(5):
            await ended(client)


async def test_cookie_stays_valid_after_a_restart_of_gafferd(running_api):
    async with running_api() as api:
        first = Browser(api)
        await first.sign_in()
    async with running_api() as api:
        browser = Browser(api)
        browser.cookie = first.cookie
        assert (await browser.ask("GET", "/jobs")).status == 200


async def test_address_of_the_page_is_chosen_by_gafferd(api):
    port = api.urls[0].rpartition(":")[2]
    for wanted, origin in [
        ({}, f"http://127.0.0.1:{port}"),
        ({"origin": f"http://localhost:{port}"}, f"http://127.0.0.1:{port}"),
        ({"origin": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000"),
        ({"origin": "https://localhost:9000"}, "https://localhost:9000"),
    ]:
        answer = await api.ask("POST", "/page-key/new", wanted)
        assert answer.json["origin"] == origin
    for wrong in ("x", 1, "http://a/b", "javascript:x"):
        answer = await api.ask("POST", "/page-key/new", {"origin": wrong})
        assert (answer.status, answer.slug) == (400, "bad_value")


async def test_page_key_requires_a_tcp_endpoint(running_api, short_path):
    async with running_api(bind=f"unix:{short_path}/s") as api:
        answer = await api.ask("POST", "/page-key/new")
        assert (answer.status, answer.slug) == (409, "conflict")
        assert "bind 127.0.0.1:PORT" in answer.json["reason"]


async def test_page_of_a_squatted_address_is_refused(api):
    """Chromium falls back from [::1] to 127.0.0.1: Host, Origin and Sec-Fetch-Site all match."""
    host = f"localhost:{api.urls[0].rpartition(':')[2]}"
    headers = {"host": host, "origin": f"http://{host}", "sec_fetch_site": "same-origin"}
    job = {"name": "pwned", "cmd": "sleep 60"}
    answer = await api.ask("POST", "/jobs/default", job, content_type="application/json", **headers)
    assert (answer.status, answer.slug) == (401, "unauthorized")
    assert (await api.ask("GET", "/jobs")).json == {"jobs": []}


# Keys and cookies


async def test_page_key_expires(autojump_clock):
    pages = Pages()
    key = pages.new_key(US, "http://a")
    await trio.sleep(KEY_TIMEOUT)
    with pytest.raises(ApiError, match="unknown, used or expired"):
        pages.exchange(key, US, "http://a", secure=False)


@pytest.mark.parametrize(("uid", "origin"), [(US + 1, "http://a"), (US, "http://b")])
async def test_page_key_is_bound_to_user_and_origin(uid, origin):
    pages = Pages()
    with pytest.raises(ApiError):
        pages.exchange(pages.new_key(US, "http://a"), uid, origin, secure=False)


async def test_number_of_remembered_page_keys_is_limited():
    pages = Pages()
    first, *_, last = [pages.new_key(US, "http://a") for _ in range(100)]
    with pytest.raises(ApiError):
        pages.exchange(first, US, "http://a", secure=False)
    cookie = pages.exchange(last, US, "http://a", secure=True)
    assert cookie.endswith("; Secure")


def sent(*values):
    return {b"cookie": ["; ".join(f"gaffer_page={each}" for each in values).encode()]}


def made(key=b"k", uid=US):
    return make_cookie(key, uid, secure=False).partition(";")[0].removeprefix("gaffer_page=")


def test_cookie_is_bound_to_key_and_user():
    assert find_cookie(b"k", US, sent(made())) == pytest.approx(LIFETIME, abs=5)
    assert find_cookie(b"other", US, sent(made())) is None
    assert find_cookie(b"k", US + 1, sent(made())) is None
    assert find_cookie(b"k", US, {}) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value[:-1],
        lambda value: value + "A",
        lambda value: value.replace("v1.", "v2."),
        lambda value: value.replace(f".{US}.", f".{US + 1}."),
        lambda value: ".".join([*value.split(".")[:2], "999999999999", value.split(".")[3]]),
        lambda value: "",
        lambda value: "\xff",
    ],
)
def test_changed_cookie_is_invalid(change):
    assert find_cookie(b"k", US, {b"cookie": [b"gaffer_page=" + change(made()).encode()]}) is None


def test_cookie_is_found_among_others():
    assert find_cookie(b"k", US, sent("x", made(b"other"), made()))


@pytest.mark.parametrize("moved", [LIFETIME + 1, -10])
def test_cookie_with_an_old_or_future_time_is_invalid(monkeypatch, moved):
    cookie = made()
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + moved)
    assert find_cookie(b"k", US, sent(cookie)) is None


# The key file


def link(path):
    (path.parent / "elsewhere").write_text("0" * 64 + "\n")
    (path.parent / "elsewhere").chmod(0o600)
    path.symlink_to(path.parent / "elsewhere")


def readable(path):
    path.write_text("0" * 64 + "\n")
    path.chmod(0o644)


def empty(path):
    path.touch(0o600)


SPOILED = [link, readable, empty, os.mkfifo, lambda path: path.mkdir()]


@pytest.mark.parametrize("spoil", SPOILED)
async def test_untrusted_key_file_refuses_sign_in(api, browser, key_file, spoil):
    await browser.sign_in()
    key_file.unlink()
    spoil(key_file)
    assert (await browser.ask("GET", "/jobs")).status == 401
    answer = await api.ask("POST", "/page-key/new")
    assert (answer.status, answer.slug) == (409, "conflict")
    assert str(key_file) in answer.json["reason"]


async def test_key_file_that_cannot_be_written_is_507(api, key_file):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        answers = [await api.ask("POST", "/page-key/new"), await api.ask("DELETE", "/page-key")]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    reason = f"page key: {key_file}: cannot be written: File too large"
    for answer in answers:
        assert (answer.status, answer.slug) == (507, "insufficient_storage")
        assert answer.json["reason"] == reason
    assert (await api.ask("POST", "/page-key/new")).status == 200


async def test_revoking_replaces_an_untrusted_key_file(api, browser, key_file):
    key_file.parent.mkdir()
    readable(key_file)
    assert (await api.ask("DELETE", "/page-key")).status == 200
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    await browser.sign_in()


def test_concurrent_gafferds_create_one_key_file(key_file):
    files = [PageKeyFile(), PageKeyFile()]
    assert len({file.read_or_create() for file in files}) == 1
    assert [each.name for each in key_file.parent.iterdir()] == ["page.key"]
