"""Test the recipes of docs/reverse-proxies.md with the real programs."""

import re
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from gaffer_testing.ports import find_free_ports

from tests import proxies
from tests.proxies import House, Visitor, needs

PAGE = (Path(__file__).parent.parent / "docs" / "reverse-proxies.md").read_text()
NAME = "gaffer.example.org"
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def block(kind, number=0):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)[number]


def replace(text, *changes):
    """Return a recipe with the addresses and files of a test."""
    for there, here in changes:
        assert there in text, there
        text = text.replace(there, str(here))
    return text


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture
def ca(house):
    ca = trustme.CA()
    server = ca.issue_cert(NAME)
    server.private_key_pem.write_to_path(house.folder / "gaffer.key")
    for number, part in enumerate(server.cert_chain_pems):
        part.write_to_path(house.folder / "gaffer.pem", append=number > 0)
    return ca


@pytest.fixture
def gafferd(house):
    """The address of the proxy endpoint that the page configures."""
    ini = replace(
        block("ini"), ("127.0.0.1:5000", "127.0.0.1:0"), ("127.0.0.1:5001", "127.0.0.1:0")
    )
    with house.gafferd(ini) as [_, proxied]:
        yield proxied.removeprefix("http://")


def check(house, ca, port):
    """Check requests, feeds and websockets of a visitor, with and without a token."""
    token = house.token()
    here = {"Host": f"{NAME}:{port}", "Origin": f"https://{NAME}:{port}"}

    def ask(*args, **more):
        return proxies.ask(port, *args, ca=ca, name=NAME, **{**here, **more})

    job = '{"name": "job", "cmd": "sleep 9", "start": false}'
    posted = {"body": job, "Content_Type": "application/json"}
    assert ask("GET", "/jobs")[0] == 401
    assert ask("POST", "/jobs/default", **posted)[0] == 401
    assert ask("GET", "/channel", **WEBSOCKET)[0] == 401
    assert ask("GET", "/jobs", token=token, Origin="https://evil.example")[0] == 403
    assert ask("POST", "/jobs/default", token=token, **posted)[0] == 201
    assert ask("GET", "/jobs", token=token)[1] == '{"jobs":["job"]}'
    assert ask("GET", "/channel", token=token, **WEBSOCKET)[0] == 101
    # The feed must begin at once, not when a buffer of the proxy is full.
    with closing(Visitor(port, ca, NAME)) as visitor:
        path = "/watch?feed=eventsource&heartbeat=1"
        visitor.request("GET", path, headers={**here, "Authorization": f"Bearer {token}"})
        with visitor.getresponse() as answer:
            assert answer.read(1)


@needs("nginx")
def test_nginx_recipe(house, ca, gafferd):
    port = find_free_ports()
    text = replace(
        block("nginx"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:5001", gafferd),
        ("/etc/nginx", house.folder),
    )
    with house.nginx(text, port):
        check(house, ca, port)


@needs("caddy")
def test_caddy_recipe(house, ca, gafferd):
    port = find_free_ports()
    text = replace(
        block("caddy"),
        (f"{NAME} {{", f"https://{NAME}:{port} {{\nbind 127.0.0.1\ntls gaffer.pem gaffer.key"),
        ("127.0.0.1:5001", gafferd),
    )
    with house.caddy(text, port):
        check(house, ca, port)


def test_check_prints_the_shown_endpoint(house):
    house.home.write("gaffer.ini", block("ini"))
    shown = house.home.run("-c", "gaffer.ini", "--check").stdout
    [endpoint] = re.findall(r"`(endpoint proxy: [^`]*)`", PAGE.replace("\n", " "))
    assert endpoint in shown.splitlines()


@needs("haproxy")
def test_haproxy_recipe_logs_the_address_of_the_visitor(house, ca):
    port = find_free_ports()
    files = [house.folder / "gaffer.pem", house.folder / "gaffer.key"]
    (house.folder / "both.pem").write_bytes(b"".join(file.read_bytes() for file in files))
    hosts, _, _ = block("ini").partition("[endpoint")
    ini = hosts + replace(block("ini", 1), (":5001", ":0"))
    with house.gafferd(ini) as [url]:
        text = replace(
            block("haproxy"),
            ("bind :443", f"bind 127.0.0.1:{port}"),
            ("/etc/haproxy/gaffer.pem", house.folder / "both.pem"),
            ("127.0.0.1:5001", url.removeprefix("http://")),
        )
        times = "defaults\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n"
        (house.folder / "haproxy.cfg").write_text(times + text)
        command = ("haproxy", "-db", "-f", house.folder / "haproxy.cfg")
        with house.program(*command, port=port):
            check(house, ca, port)
            log = (house.folder / "err").read_text()
    # Without the header, the log would contain the user of the loopback peer.
    assert "gaffer.audit: 127.0.0.1: " in log
