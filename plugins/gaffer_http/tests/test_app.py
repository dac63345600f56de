"""The application: one form for all errors, and routes of other plugins."""

import threading
from contextlib import asynccontextmanager

import h11
import pytest
import trio
from gaffer_kernel import Closing, Conflict, GafferError, InvalidField, NotFound, PluginError
from gaffer_kernel.hookspecs import hookimpl
from quart import Blueprint, abort, current_app, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

ROOT = [("/", b'{"welcome":"gaffer","version":"'), ("/ping", b"OK"), ("/version", b'{"name":"ga')]


class Routes:
    """A plugin that adds routes."""

    name = "extra"

    def __init__(self, *blueprints):
        self.blueprints = blueprints

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        return self.blueprints


@pytest.fixture
def extra():
    """Routes that raise the errors that the test sets, by the last part of the path."""
    routes = Blueprint("extra", __name__)
    routes.errors = {}

    @routes.get("/extra/<name>")
    async def fail(name):
        raise routes.errors[name]

    return routes


@pytest.mark.parametrize(("path", "beginning"), ROOT)
async def test_root_identifies_gaffer(api, path, beginning):
    answer = await api.ask("GET", path)
    assert answer.status == 200
    assert answer.body.startswith(beginning)
    assert (await api.ask("HEAD", path)).body == b""


async def test_ping_returns_text(api):
    answer = await api.ask("GET", "/ping")
    assert (answer.body, answer.headers["content-type"]) == (b"OK", "text/plain; charset=utf-8")


async def test_version_of_the_api_is_returned(api):
    answer = (await api.ask("GET", "/version")).json
    assert answer == {"name": "gaffer", "version": answer["version"], "api": 1}


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/nope",
            "/jobs/",
            "/jobs//x",
            "/jobs/a/b/c",
            "/%ff",
            "/%00",
            "/jobs/a%2Fb",
            "/pids/1/nope",
        ),
        *("/_plugin/x", "/sessions/a/dance", "/../etc/passwd", "/auth", "/" + "x" * 9000),
    ],
)
async def test_missing_paths_are_not_found(api, path):
    answer = await api.ask("GET", path)
    assert answer.status == 404
    assert answer.slug in ("resource_not_found", "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/jobs", "GET, HEAD, OPTIONS"),
        ("DELETE", "/ping", "GET, HEAD, OPTIONS"),
        ("POST", "/jobs/s/n", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("GET", "/pids/1/signal", "OPTIONS, POST"),
        ("TRACE", "/", "GET, HEAD, OPTIONS"),
        ("BREW", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_unsupported_method_is_405(api, method, path, allowed):
    answer = await api.ask(method, path)
    assert (answer.status, answer.slug) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


async def test_plain_request_to_a_websocket_path_is_refused_with_a_reason(api):
    answer = await api.ask("GET", "/channel")
    assert (answer.status, answer.slug) == (400, "bad_request")
    assert answer.json["reason"] == "/channel is a websocket: connect to it as one"


async def test_options_lists_the_methods(api):
    answer = await api.ask("OPTIONS", "/jobs")
    assert (answer.status, answer.body) == (204, b"")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


ERRORS = [
    (InvalidField("numprocesses", "too many"), 400, "bad_value", "numprocesses: too many"),
    (InvalidField("signal", "none"), 400, "bad_signal", "signal: none"),
    (InvalidField("name", "empty"), 400, "invalid_name", "name: empty"),
    (NotFound("job", "x"), 404, "not_found", "no job 'x'"),
    (Conflict("job", "x"), 409, "conflict", "job 'x' already exists"),
    (Closing(), 503, "shutting_down", "gaffer is shutting down"),
    (GafferError("odd"), 500, "internal_error", "odd"),
]


@pytest.mark.parametrize(("error", "status", "slug", "reason"), ERRORS)
async def test_kernel_errors_become_responses(running_api, extra, error, status, slug, reason):
    extra.errors["x"] = error
    async with running_api(Routes(extra)) as api:
        answer = await api.ask("GET", "/extra/x")
        assert (answer.status, answer.slug, answer.json["reason"]) == (status, slug, reason)


@pytest.mark.parametrize("code", [400, 401, 403, 408, 410, 413, 418, 429, 501])
async def test_http_errors_become_json_responses(running_api, code):
    routes = Blueprint("extra", __name__)

    @routes.get("/extra")
    async def fail():
        abort(code)

    async with running_api(Routes(routes)) as api:
        answer = await api.ask("GET", "/extra")
        assert answer.status == code
        assert answer.slug


async def test_http_errors_keep_their_headers(running_api, extra):
    extra.errors["x"] = RequestedRangeNotSatisfiable(10)
    async with running_api(Routes(extra)) as api:
        answer = await api.ask("GET", "/extra/x")
        assert (answer.status, answer.slug) == (416, "requested_range_not_satisfiable")
        assert answer.headers["content-range"] == "bytes */10"


async def test_internal_errors_are_logged_and_not_shown(running_api, extra, caplog):
    extra.errors["x"] = ZeroDivisionError("secret")
    async with running_api(Routes(extra)) as api:
        answer = await api.ask("GET", "/extra/x")
        assert (answer.status, answer.slug) == (500, "internal_error")
        assert b"secret" not in answer.body
        assert "secret" in caplog.text
        extra.errors["y"] = ExceptionGroup("two", [ValueError("secret"), TypeError("secret")])
        assert (await api.ask("GET", "/extra/y")).slug == "internal_error"


async def test_views_do_not_run_in_threads(api):
    before = threading.active_count()
    for method, path in (("GET", "/jobs"), ("POST", "/jobs/x"), ("GET", "/no"), ("PUT", "/jobs")):
        await api.ask(method, path)
    assert threading.active_count() == before


# Bodies


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_oversized_body_is_refused(api, method):
    answer = await api.ask(method, "/jobs/default" + "/x" * (method == "PUT"), bytes(2_000_000))
    assert answer.status in (404, 413)
    assert answer.slug in ("not_found", "too_large")


async def test_oversized_chunked_body_is_refused(api):
    data = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    async with api.client() as client:
        await client.stream.send_all(
            b"POST /jobs/default HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            + data * 2
            + b"0\r\n\r\n"
        )
        answer = b""
        while b"too_large" not in answer:
            piece = await client.stream.receive_some()
            assert piece, answer
            answer += piece
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_body_that_never_arrives_times_out(running_api, monkeypatch):
    monkeypatch.setattr("gaffer_http.app.BODY_TIMEOUT", 0.1)
    headers = [("host", "localhost"), ("content-length", "100")]
    async with running_api() as api, api.client() as client:
        await client.send(h11.Request(method="POST", target="/jobs/default", headers=headers))
        answer = await client.answer()
        assert (answer.status, answer.slug) == (408, "request_timeout")


# Plugins


async def test_routes_of_a_plugin_are_served(running_api):
    one, other = Blueprint("one", __name__), Blueprint("other", __name__)
    told = []

    @one.get("/extra")
    async def hello():
        assert current_app.kernel.services["http"]
        return {"peer": request.scope["state"]["peer"].uid}

    @one.before_app_serving
    async def before():
        told.append("before")

    @one.after_app_serving
    async def after():
        told.append("after")

    @other.get("/other")
    async def work():
        current_app.add_background_task(trio.sleep_forever)
        return "working"

    async with running_api(Routes(one, other), bind="127.0.0.1:0,127.0.0.1:0") as api:
        assert told == ["before"]
        assert "peer" in (await api.ask("GET", "/extra")).json
        assert (await api.ask("GET", "/other")).body == b"working"
        # The middleware is around them, too.
        assert (await api.ask("GET", "/extra", host="evil.com")).status == 421
    assert told == ["before", "after"]


async def test_single_blueprint_needs_no_list(running_api):
    class One:
        @hookimpl
        def gaffer_http_routes(self, kernel):
            routes = Blueprint("one", __name__)
            routes.get("/extra")(hello)
            return routes

    async def hello():
        return "hello"

    async with running_api(One()) as api:
        assert (await api.ask("GET", "/extra")).body == b"hello"


@pytest.mark.parametrize(
    "result", [(Blueprint("jobs", __name__),), ("text",), 7, (Blueprint("a", __name__), None)]
)
async def test_invalid_routes_are_an_error_that_names_the_plugin(running_api, result):
    class Bad:
        name = "bad"

        @hookimpl
        def gaffer_http_routes(self, kernel):
            return result

    with pytest.RaisesGroup(PluginError, flatten_subgroups=True, allow_unwrapped=True) as raised:
        async with running_api(Bad()):
            pass
    assert "plugin bad: its routes cannot be added" in str(raised.value.exceptions or raised.value)


# Starting and stopping


STUBBORN = "sh -c 'trap \"\" TERM; echo > ready; exec sleep 100'"


async def test_changes_are_refused_during_shutdown(api, tmp_path):
    job = {"name": "x", "cmd": STUBBORN, "cwd": str(tmp_path)}
    assert (await api.ask("POST", "/jobs/default", job)).status == 201
    while not (tmp_path / "ready").exists():
        await trio.sleep(0.01)
    api.kernel.stop()
    answer = await api.ask("DELETE", "/jobs/default/x")
    assert (answer.status, answer.slug) == (503, "shutting_down")
    assert (await api.ask("GET", "/ping")).body == b"OK"
    api.kernel.stop(kill=True)


async def test_request_during_startup_waits_until_the_kernel_has_started(running_api, ask_once):
    class Early:
        """A plugin that opens after the API, and requests a change."""

        gaffer_requires = ("http",)

        @hookimpl
        @asynccontextmanager
        async def gaffer_service(self, kernel):
            url = kernel.services["http"].addresses[0]

            async def ask():
                self.answer = await ask_once(url, "POST", "/jobs/s", {"name": "x", "cmd": "true"})
                self.answered.set()

            self.answered = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                yield

    early = Early()
    async with running_api(early):
        await early.answered.wait()
    assert early.answer.status == 201


async def test_websocket_to_a_missing_path_is_not_found(api, caplog):
    answer = await api.ask_websocket("/ws")
    assert (answer.status, answer.slug) == (404, "resource_not_found")
    assert answer.json["reason"] == "there is nothing at /ws"
    assert not caplog.records
