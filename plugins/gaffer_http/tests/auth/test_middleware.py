"""The matrix of hosts, origins, content types and users, for every method."""

import json
import os

import pytest
from gaffer_kernel import Config, ConfigError

from gaffer_http.auth.authentication import Authenticator
from gaffer_http.auth.middleware import SECURITY_HEADERS, AccessMiddleware
from gaffer_http.auth.policy import Policy, read_policy
from gaffer_http.errors import ApiError
from gaffer_http.serve.peer import Peer

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"]
POLICY = Policy(hosts=frozenset({"box.lan"}), origins=frozenset({"https://app.example"}))
US = Peer(os.geteuid())


class Reply:
    def __init__(self, messages, asked):
        start, *rest = messages
        self.asked = asked
        self.kind = start["type"]
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(message.get("body", b"") for message in rest)

    @property
    def slug(self):
        answer = json.loads(self.body)
        assert answer["ok"] is False
        assert answer["errno"] == self.status
        assert answer["reason"]
        return answer["error"]


async def ask(
    method="GET",
    *,
    policy=POLICY,
    peer=US,
    path=b"/jobs",
    kind="http",
    app=None,
    auth="owner",
    admit=lambda: None,
    http_version="1.1",
    **more,
):
    """Return the response of the middleware, and whether it called the application."""
    asked = []

    async def application(scope, receive, send):
        asked.append(scope)
        start = "http" if kind == "http" else "websocket.http"
        await send({"type": f"{start}.response.start", "status": 200, "headers": []})
        await send({"type": f"{start}.response.body", "body": b"fine"})

    headers = {"host": "localhost:5000"} | {
        name.replace("_", "-"): value for name, value in more.items()
    }
    pairs = [
        (name.encode(), each.encode())
        for name, value in headers.items()
        if value is not None
        for each in (value if isinstance(value, list) else [value])
    ]
    scope = {
        "type": kind,
        "method": method,
        "http_version": http_version,
        "scheme": "http" if kind == "http" else "ws",
        "path": path.decode(),
        "raw_path": path,
        "headers": pairs,
        "state": {"peer": peer, "auth": auth, "admit": admit},
    }
    if kind == "websocket":
        del scope["method"]
    messages = []

    async def send(message):
        messages.append(message)

    await AccessMiddleware(app or application, policy)(scope, None, send)
    return Reply(messages, bool(asked))


# Host

OUR_HOSTS = [
    *("localhost", "LOCALHOST:80", "localhost.", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"),
    *("box.lan", "Box.Lan:80"),
]
OUR_HOSTS_WITH_TOKENS = [*("192.168.1.7", "[2001:db8::1]:5000", "a.b.localhost:5000", "0.0.0.0")]
FOREIGN_HOSTS = [
    *(
        "evil.com",
        "127.0.0.1.nip.io:5000",
        "localhost.evil.com",
        "notlocalhost",
        "box.lan.evil.com",
    ),
    *("0x7f.1", "2130706433", "127.1", "[::1].evil.com", "user@localhost", "localhost:80:80"),
    *("loc\xe4lhost", "localhost, evil.com", "[v1.x]", ".localhost.evil", "::1"),
]


@pytest.mark.parametrize("host", OUR_HOSTS)
async def test_local_hosts_are_accepted(host):
    assert (await ask(host=host)).asked


@pytest.mark.parametrize("host", OUR_HOSTS_WITH_TOKENS)
async def test_any_host_is_accepted_where_a_token_is_required(host):
    assert (await ask(host=host)).slug == "misdirected_request"
    # There is no token here, so the next check refuses the request.
    assert (await ask(host=host, auth="token")).slug == "unauthorized"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
async def test_foreign_hosts_are_refused_for_every_method(host, method):
    reply = await ask(method, host=host)
    assert (reply.asked, reply.status, reply.slug) == (False, 421, "misdirected_request")


@pytest.mark.parametrize("host", [None, "", ["localhost", "localhost"], ["localhost", "evil.com"]])
async def test_exactly_one_host_is_required(host):
    reply = await ask(host=host)
    assert (reply.asked, reply.status, reply.slug) == (False, 400, "bad_request")


@pytest.mark.parametrize("path", [b"", b"*", b"ftp://localhost/", b"localhost:80"])
async def test_target_must_be_a_path_or_a_url(path):
    assert (await ask(path=path)).slug == "bad_request"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("host", ["evil.com", "127.0.0.1.nip.io:5000", "user@localhost"])
async def test_absolute_targets_of_foreign_hosts_are_refused(host, method):
    reply = await ask(method, path=f"http://{host}/jobs".encode())
    assert (reply.asked, reply.slug) == (False, "misdirected_request")


async def test_origin_is_compared_with_the_host_of_an_absolute_target():
    target = b"http://localhost:5000/jobs"
    reply = await ask(path=target, host="evil.com", origin="http://evil.com")
    assert reply.slug == "forbidden_origin"


# Origin


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.com", "null", "http://localhost", "http://localhost:5001", "file://"),
        *("https://localhost:5000", "http://127.0.0.1:5000", "https://app.example.evil.com"),
        *("http://app.example", "", "https://app.example/", "moz-extension://x"),
        ["http://localhost:5000", "https://evil.com"],
    ],
)
async def test_foreign_origins_are_refused_for_every_method(origin, method):
    reply = await ask(method, origin=origin)
    assert (reply.asked, reply.status, reply.slug) == (False, 403, "forbidden_origin")
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:5000", "http://localhost:5000"),
        ("localhost:80", "http://localhost"),
        ("[::1]:5000", "http://[::1]:5000"),
    ],
)
async def test_pages_of_the_same_origin_are_accepted(host, origin):
    reply = await ask(host=host, origin=origin)
    assert reply.asked
    assert "access-control-allow-origin" not in reply.headers


async def test_pages_of_a_listed_origin_are_accepted():
    reply = await ask(origin="https://app.example:443", sec_fetch_site="cross-site")
    assert reply.asked
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert reply.headers["access-control-expose-headers"] == "Location, X-Gaffer-Lost"
    assert reply.headers["vary"] == "Origin"
    assert reply.headers["access-control-allow-credentials"] == "true"


async def test_preflight_of_a_listed_origin_is_answered():
    reply = await ask(
        "OPTIONS", origin="https://app.example", access_control_request_method="DELETE"
    )
    assert (reply.status, reply.asked, reply.body) == (204, False, b"")
    assert "DELETE" in reply.headers["access-control-allow-methods"]
    assert "Content-Type" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-max-age"] == "86400"
    assert reply.headers["access-control-allow-origin"] == "https://app.example"


async def test_options_without_origin_reach_the_application():
    assert (await ask("OPTIONS")).asked


@pytest.mark.parametrize(
    ("site", "fine"),
    [
        ("same-origin", True),
        ("none", True),
        ("cross-site", False),
        ("same-site", False),
        ("x", False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_page_requests_without_origin_are_judged_by_sec_fetch_site(method, site, fine):
    reply = await ask(method, sec_fetch_site=site)
    assert reply.asked is fine
    assert fine or reply.slug == "forbidden_origin"


# Bodies


@pytest.mark.parametrize(
    ("kind", "fine"),
    [
        (None, True),
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/x-www-form-urlencoded", True),
        ("application/octet-stream", True),
        ("text/plain", False),
        ("multipart/form-data; boundary=x", False),
        ("", False),
        (["application/json", "text/plain"], False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_programs_send_bodies_of_any_content_type(method, kind, fine):
    reply = await ask(method, content_type=kind, content_length="2")
    assert reply.asked is fine
    assert fine or (reply.status, reply.slug) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("kind", "length", "fine"),
    [
        ("application/json", "2", True),
        (None, None, True),
        (None, "0", True),
        (None, "2", False),
        ("application/x-www-form-urlencoded", "2", False),
        ("text/plain;charset=UTF-8", "2", False),
    ],
)
@pytest.mark.parametrize(
    "browser", [{"origin": "http://localhost:5000"}, {"sec_fetch_site": "same-origin"}]
)
async def test_pages_send_json_bodies_only(browser, kind, length, fine):
    reply = await ask("POST", content_type=kind, content_length=length, **browser)
    assert reply.asked is fine
    assert fine or reply.slug == "unsupported_media_type"


async def test_chunked_body_of_a_page_requires_a_content_type():
    reply = await ask("POST", transfer_encoding="chunked", origin="http://localhost:5000")
    assert reply.slug == "unsupported_media_type"


# Users


@pytest.mark.parametrize("uid", [os.geteuid(), 0])
async def test_owner_and_root_are_accepted(uid):
    assert (await ask(peer=Peer(uid))).asked


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("peer", [Peer(54321), Peer(None), None])
async def test_other_users_are_refused(peer, method):
    reply = await ask(method, peer=peer)
    assert (reply.asked, reply.status, reply.slug) == (False, 403, "forbidden")


async def test_error_for_an_unknown_certificate_names_the_certificate():
    door = Authenticator(frozenset({1000}), lambda credentials: None)
    state = {"peer": Peer(1001), "auth": "owner", "certificate": lambda: {"subject": ()}}
    with pytest.raises(ApiError, match=r"; the client certificate is unknown$"):
        door.authenticate({"state": state}, {})


async def test_refusal_names_both_users():
    policy = Policy(uids=frozenset({1000, 0}))
    reason = json.loads((await ask(policy=policy, peer=Peer(1001))).body)["reason"]
    assert reason == "this API serves programs of user 1000 and 0, not of user 1001"


@pytest.mark.parametrize(
    "header",
    [
        *("forwarded", "via", "x_forwarded_for", "x_forwarded_port", "x_real_ip", "x_client_ip"),
        *("true_client_ip", "cf_connecting_ip", "cf_ray", "x_cluster_client_ip", "cdn_loop"),
        *("x_original_host", "x_original_forwarded_for", "x_envoy_external_address"),
    ],
)
async def test_requests_through_a_proxy_are_refused(header):
    reply = await ask(**{header: "x"})
    assert (reply.status, reply.slug) == (403, "forbidden")
    assert b"auth = token" in reply.body


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxy_over_https_is_accepted_where_a_token_is_required(scheme):
    page = {"origin": f"{scheme}://box.lan", "host": "box.lan"}
    assert (await ask(auth="token", **page)).slug == "unauthorized"
    assert (await ask(**page)).asked is (scheme == "http")


# HTTP/1.0


@pytest.mark.parametrize("host", ["localhost", None])
@pytest.mark.parametrize(
    ("method", "path", "fine"),
    [
        *(("GET", b"/ping", True), ("HEAD", b"/ping", True), ("OPTIONS", b"/", True)),
        *(("POST", b"/ping", False), ("GET", b"/", False), ("OPTIONS", b"/jobs", False)),
        *(("GET", b"/jobs", False), ("DELETE", b"/jobs/default/web", False)),
    ],
)
async def test_http_1_0_is_accepted_for_health_checks_only(method, path, fine, host):
    reply = await ask(method, path=path, host=host, http_version="1.0")
    assert reply.asked is fine
    if not fine:
        assert (reply.status, reply.slug) == (426, "upgrade_required")
        assert reply.headers["upgrade"] == "HTTP/1.1"
    assert not (await ask(method, path=path, host="evil.com", http_version="1.0")).asked
    assert not (await ask(method, path=path, host=host, peer=None, http_version="1.0")).asked


# Websockets

ALLOWED = [{}, {"origin": "http://localhost:5000"}, {"origin": "https://app.example"}]
REFUSED = [
    {"origin": "https://evil.com"},
    {"origin": "null"},
    {"host": "evil.com"},
    {"peer": Peer(54321)},
    {"sec_fetch_site": "cross-site"},
]


@pytest.mark.parametrize("more", ALLOWED)
async def test_websockets_of_accepted_origins_are_accepted(more):
    assert (await ask(kind="websocket", **more)).asked


@pytest.mark.parametrize("more", REFUSED)
async def test_other_websockets_are_refused_before_the_handshake(more):
    reply = await ask(kind="websocket", **more)
    assert not reply.asked
    assert reply.kind == "websocket.http.response.start"
    assert reply.slug


# Every response


@pytest.mark.parametrize("more", [{}, {"host": "evil.com"}, {"peer": None}])
async def test_every_response_has_security_headers(more):
    reply = await ask(**more)
    for name, value in SECURITY_HEADERS:
        assert reply.headers[name.decode()] == value.decode()


async def test_security_headers_of_the_application_take_precedence():
    async def app(scope, receive, send):
        headers = [(b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    reply = await ask(app=app)
    assert reply.headers["cache-control"] == "no-cache"


async def test_exception_of_the_application_is_answered_with_500(caplog):
    async def app(scope, receive, send):
        raise ZeroDivisionError("oops")

    reply = await ask(app=app)
    assert (reply.status, reply.slug) == (500, "internal_error")
    assert b"oops" not in reply.body
    assert "oops" in caplog.text


async def test_exception_during_a_response_breaks_it_off():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask(app=app)


# The configuration


def policy(ini):
    return read_policy(Config.from_string(ini, "gaffer.ini"))


def test_default_policy_accepts_local_hosts_only():
    assert policy("") == Policy(frozenset(), frozenset(), frozenset({os.geteuid(), 0}))


def test_hosts_and_origins_are_read_from_the_file():
    read = policy(
        "[gaffer]\nhttp_hosts = Box.lan\ncors_origins = HTTPS://App.example:443 http://a:1"
    )
    assert read.hosts == {"box.lan"}
    assert read.origins == {"https://app.example", "http://a:1"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cors_origins = *", "gaffer.ini:2: [gaffer] cors_origins: must be origins like"),
        ("cors_origins = null", "cors_origins: must be"),
        ("cors_origins = https://a/path", "cors_origins: must be"),
        ("cors_origins = example.org", "cors_origins: must be"),
        ("http_hosts = http://box", "gaffer.ini:2: [gaffer] http_hosts: must be host names"),
        ("http_hosts = box:80", "http_hosts: must be host names"),
        ("http_hosts = *", "http_hosts: must be host names"),
    ],
)
def test_invalid_hosts_and_origins_are_refused(line, message):
    with pytest.raises(ConfigError) as raised:
        policy(f"[gaffer]\n{line}")
    assert message in str(raised.value)


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_first_admitted_request_marks_the_connection(kind):
    admitted = []
    for refused in ({"peer": Peer(os.geteuid() + 1)}, {"host": "evil.example"}):
        await ask(kind=kind, admit=lambda: admitted.append(1), **refused)
        assert not admitted
    await ask(kind=kind, admit=lambda: admitted.append(1))
    assert admitted
