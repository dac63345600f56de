"""Test that visitors of a proxy of gafferd's own user are not the owner with `auth = token`."""

import subprocess
import tempfile

import pytest
from gaffer_testing.ports import find_free_ports
from gaffer_testing.waiting import wait_until

from tests.proxies import House, Visitor, ask, needs

NGINX = """\
server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {target}; }}
}}
"""
KEEP_ALIVE = """\
upstream localhost {{ server {address}; keepalive 4; }}
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://localhost;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }}
}}
"""


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture
def short_path():
    """A folder whose path is short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="g") as folder:
        yield folder


def endpoint(bind, auth="token"):
    return f"[endpoint:proxy]\nbind = {bind}\nauth = {auth}\n"


def check_refused(port):
    """Check that requests without a valid token are refused, all on one connection."""
    visitor = Visitor(port)
    job = '{"name": "job", "cmd": "sleep 9"}'
    json = {"Content_Type": "application/json"}
    answers = [
        visitor.ask("GET", "/jobs"),
        visitor.ask("POST", "/jobs/default", body=job, **json),
        visitor.ask("GET", "/ping"),
        visitor.ask("GET", "/jobs", token="gfr_wrong"),
    ]
    visitor.close()
    assert [status for status, _ in answers] == [401] * 4, answers
    assert "with a token only" in answers[0][1]


@needs("nginx")
def test_nginx_over_tcp_needs_token(house):
    token, port = house.token(), find_free_ports()
    with (
        house.gafferd(endpoint("127.0.0.1:0")) as [url],
        house.nginx(NGINX.format(port=port, target=url), port),
    ):
        check_refused(port)
        # nginx 1.22 uses HTTP/1.0, later versions HTTP/1.1.
        status, text = ask(port, "GET", "/jobs", token=token)
        assert status == 200 or (status == 426 and "proxy_http_version 1.1" in text)


@needs("nginx")
def test_nginx_with_keep_alive_needs_token(house):
    token, port = house.token(), find_free_ports()
    with house.gafferd(endpoint("127.0.0.1:0")) as [url]:
        text = KEEP_ALIVE.format(port=port, address=url.removeprefix("http://"))
        with house.nginx(text, port):
            assert ask(port, "GET", "/jobs", token=token)[0] == 200
            # nginx uses the same connection to gafferd for requests with and without a token.
            check_refused(port)
            assert ask(port, "GET", "/jobs", token=token)[0] == 200


@needs("nginx")
def test_nginx_over_unix_socket_needs_token(house, short_path):
    port = find_free_ports()
    with (
        house.gafferd(endpoint(f"unix:{short_path}/s")),
        house.nginx(NGINX.format(port=port, target=f"http://unix:{short_path}/s"), port),
    ):
        check_refused(port)


@needs("nginx")
def test_owner_endpoint_refuses_http_1_0_of_nginx(house):
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
    if tuple(map(int, version.partition("/")[2].split()[0].split("."))) >= (1, 29, 7):
        pytest.skip("this nginx uses HTTP/1.1")
    port = find_free_ports()
    with (
        house.gafferd(endpoint("127.0.0.1:0", "owner")) as [url],
        house.nginx(NGINX.format(port=port, target=url), port),
    ):
        assert ask(port, "GET", "/jobs")[0] == 426
        assert ask(port, "GET", "/ping")[0] == 200


@needs("socat")
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_socat_needs_token(house, short_path, kind):
    token, port = house.token(), find_free_ports()
    bind = "127.0.0.1:0" if kind == "tcp" else f"unix:{short_path}/s"
    with house.gafferd(endpoint(bind)) as [url]:
        target = f"TCP:{url.removeprefix('http://')}" if kind == "tcp" else f"UNIX:{short_path}/s"
        listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"
        with house.program("socat", listen, target, port=port):
            check_refused(port)
            assert ask(port, "GET", "/jobs", token=token)[0] == 200


@needs("haproxy")
@pytest.mark.parametrize("check", ["OPTIONS /", "GET /ping", "HEAD /ping"])
def test_health_checks_of_haproxy_pass(house, check):
    """HAProxy sends them as HTTP/1.0 without a Host header."""
    port = find_free_ports()
    with house.gafferd(endpoint("127.0.0.1:0", "owner")) as [url]:
        (house.folder / "haproxy.cfg").write_text(
            "global\n log stderr format raw local0\n"
            "defaults\n mode http\n log global\n option log-health-checks\n"
            " timeout connect 5s\n timeout client 30s\n timeout server 30s\n"
            f"listen gaffer\n bind 127.0.0.1:{port}\n option httpchk {check}\n"
            f" server one {url.removeprefix('http://')} check inter 100\n"
        )
        log = house.folder / "haproxy.log"
        command = ("haproxy", "-db", "-f", house.folder / "haproxy.cfg")
        with house.program(*command, port=port) as haproxy:
            expected = "Health check for server gaffer/one "
            wait_until(lambda: expected in log.read_text(), haproxy)
            assert "succeeded, reason: Layer7 check passed, code: 20" in log.read_text()
