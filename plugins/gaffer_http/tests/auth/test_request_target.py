"""Forms of requests that RFC 9110 and 9112 allow, as health checkers and proxies send them."""

import re

import pytest

from gaffer_http.auth.request_target import reduce_target
from gaffer_http.errors import ApiError

HOST = b"Host: localhost\r\n"
GET = b"GET /ping HTTP/1.1\r\n" + HOST
POST = b"POST /jobs/default HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n\r\n"
JOB = b'{"name": "a", "cmd": "sleep 100", "start": false}'
LENGTH = b"Content-Length: %d\r\n" % len(JOB)

FORMS = {
    "absolute": (b"GET http://localhost:5000/ping HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "absolute_upper": (b"GET HTTP://LOCALHOST/ping HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "absolute_v6": (b"GET http://[::1]:5000/ping HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "absolute_no_path": (b"GET http://localhost HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "absolute_query": (b"GET http://localhost/ping? HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "absolute_head": (b"HEAD http://localhost/ping HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "absolute_http_1_0": (b"GET http://localhost/ping HTTP/1.0\r\n\r\n", [200]),
    # The host of the target counts, whatever Host says.
    "absolute_other_host": (b"GET http://localhost/ping HTTP/1.1\r\nHost: x.org\r\n\r\n", [200]),
    "absolute_foreign": (b"GET http://x.example/ping HTTP/1.1\r\n" + HOST + CLOSE, [421]),
    "absolute_user": (b"GET http://me@localhost/ping HTTP/1.1\r\n" + HOST + CLOSE, [421]),
    "absolute_https": (b"GET https://localhost/ping HTTP/1.1\r\n" + HOST + CLOSE, [421]),
    "absolute_no_host": (b"GET http:///ping HTTP/1.1\r\n" + HOST + CLOSE, [400]),
    "other_scheme": (b"GET ftp://localhost/ping HTTP/1.1\r\n" + HOST + CLOSE, [400]),
    "connect": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + CLOSE, [400]),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE, [204]),
    "asterisk_get": (b"GET * HTTP/1.1\r\n" + HOST + CLOSE, [400]),
    "options_http_1_0": (b"OPTIONS / HTTP/1.0\r\n\r\n", [204]),
    "http_1_0": (b"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200]),
    "empty_query": (b"GET /ping? HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "escaped": (b"GET /%70ing HTTP/1.1\r\n" + HOST + CLOSE, [200]),
    "lower_case": (b"GET /ping HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", [200]),
    "host_without_port": (b"GET /ping HTTP/1.1\r\nHost:\tLocalHost \r\n" + CLOSE, [200]),
    "host_with_empty_port": (b"GET /ping HTTP/1.1\r\nHost: localhost:\r\n" + CLOSE, [200]),
    "line_feeds": (b"GET /ping HTTP/1.1\nHost: localhost\nConnection: close\n\n", [200]),
    "empty_headers": (GET + b"Accept:\r\nUser-Agent:\r\n" + CLOSE, [200]),
    "folded_header": (GET + b"X-A: a\r\n b\r\n" + CLOSE, [200]),
    "conditional": (GET + b'If-None-Match: "x"\r\nRange: bytes=0-\r\n' + CLOSE, [200]),
    "other_upgrade": (GET + b"Upgrade: TLS/1.2\r\nConnection: upgrade, close\r\n\r\n", [200]),
    "trailers": (GET + b"TE: trailers\r\nConnection: TE, Close\r\n\r\n", [200]),
    "body_of_get": (GET + b"Content-Length: 0\r\n" + CLOSE, [200]),
    "expect": (POST + b"Expect: 100-continue\r\n" + LENGTH + CLOSE + JOB, [201]),
    "expect_of_get": (GET + b"Expect: 100-continue\r\n" + CLOSE, [200]),
    "same_length_twice": (POST + LENGTH + LENGTH + CLOSE + JOB, [201]),
    "chunks": (
        POST + b"Transfer-Encoding: Chunked\r\n" + CLOSE + b"%X;x=y\r\n" % len(JOB) + JOB
        # Trailers follow the last chunk.
        + b"\r\n0\r\nX-A: b\r\n\r\n",
        [201],
    ),
    "empty_line_first": (b"\r\n" + GET + CLOSE, [200]),
    "empty_line_after_body": (POST + LENGTH + b"\r\n" + JOB + b"\r\n" + GET + CLOSE, [201, 200]),
    "pipelined": (GET + b"\r\n" + GET + CLOSE, [200, 200]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
async def test_form_of_request_is_answered(api, form):
    data, expected = FORMS[form]
    found = []
    async with await api.connect() as stream:
        await stream.send_all(data)
        answer = b""
        while len(found) < len(expected):
            more = await stream.receive_some()
            assert more, answer
            answer += more
            found = re.findall(rb"HTTP/1\.1 ([2-5]\d\d)", answer)
    assert [int(status) for status in found] == expected


async def test_empty_line_may_arrive_in_pieces(api):
    async with await api.connect() as stream:
        for piece in (b"\r", b"\n\r\n", GET, CLOSE):
            await stream.send_all(piece)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")


async def test_websocket_with_an_absolute_target_is_opened(api):
    async with api.websocket("http://localhost/channel") as socket:
        assert socket.subprotocol is None


def scope(target, **more):
    return {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "scheme": "http",
        "path": target.decode(),
        "raw_path": target,
        "headers": [(b"host", b"a"), (b"host", b"b"), (b"accept", b"*/*")],
    } | more


def test_absolute_target_replaces_path_and_host():
    changed = scope(b"http://localhost:80/jobs/caf%C3%A9")
    reduce_target(changed)
    assert changed["raw_path"] == b"/jobs/caf%C3%A9"
    assert changed["path"] == "/jobs/café"
    assert changed["headers"] == [(b"host", b"localhost:80"), (b"accept", b"*/*")]


def test_absolute_target_may_be_https_over_tls():
    changed = scope(b"https://localhost/", scheme="https")
    reduce_target(changed)
    assert changed["raw_path"] == b"/"


def test_absolute_target_is_refused_over_http_2():
    with pytest.raises(ApiError, match="absolute URL"):
        reduce_target(scope(b"http://localhost/", http_version="2"))
