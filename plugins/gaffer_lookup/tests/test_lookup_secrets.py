"""A malicious node gets no token that it can use elsewhere from clients of a lookupd."""

import json
import re
import ssl
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme
from gaffer_client import Server, UnauthorizedError, node_token
from gaffer_testing.gafferd import Home
from gaffer_testing.ports import find_free_ports
from gaffer_testing.waiting import wait_until

from .etcd_cluster import needs_etcd, running
from .lookupd_home import AUTH, LookupdHome

GAFFERCTL = Path(sys.executable).with_name("gafferctl")
SECRET = re.compile(r"gfr_[A-Za-z0-9_-]{43}")


class RecordingServer(ThreadingHTTPServer):
    """An HTTP server that records requests, and redirects if it has a location."""

    def __init__(self, certificate=None, location=None):
        super().__init__(("127.0.0.1", 0), RecordingHandler)
        self.requests = []
        self.location = location
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.origin = f"{scheme}://localhost:{self.server_port}"

    @contextmanager
    def serving(self):
        thread = Thread(target=self.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    def handle_error(self, request, client_address):
        """Ignore clients that disconnect."""

    def secrets(self):
        """Return the tokens in the recorded requests."""
        return set(SECRET.findall("\n".join(self.requests)))


class RecordingHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(f"{self.requestline}\n{self.headers}")
        body = b'{"active": true, "jobs": []}'
        self.send_response(307 if self.server.location else 200)
        if self.server.location:
            self.send_header("Location", self.server.location + self.path)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass


class Cluster:
    """A real lookupd and real gafferds over TLS; `localhost` stands for every machine."""

    def __init__(self, folder, stack):
        self._folder = folder
        self._stack = stack
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        self.certificate = folder / "server.pem"
        issued = authority.issue_cert("localhost")
        issued.private_key_and_cert_chain_pem.write_to_path(self.certificate)
        self.home = LookupdHome(self.folder("lookupd"))
        self.ops = self.home.write("ops.token", self.home.auth("token", "ops") + "\n")
        self.secret = self.ops.read_text().strip()
        port = find_free_ports()
        self.url = f"https://localhost:{port}"
        tls = ("--certfile", self.certificate, "--keyfile", self.certificate)
        stack.enter_context(self.home.running_lookupd("--bind", f"127.0.0.1:{port}", *tls))
        wait_until(lambda: self.ctl("nodes").returncode == 0)

    def folder(self, name):
        folder = self._folder / name
        folder.mkdir()
        return folder

    def server(self, url, token=None):
        return Server(url, token=token, ca_file=str(self.ca))

    def ctl(self, *arguments, **environ):
        options = ("--lookup", self.url, "--cacert", self.ca)
        if "GAFFER_TOKEN" not in environ:
            options += ("--token-file", self.ops)
        return subprocess.run(
            [GAFFERCTL, *map(str, (*options, *arguments))],
            env=self.home.environ(**environ),
            capture_output=True,
            text=True,
            timeout=30,
        )

    def names(self):
        return [each["name"] for each in json.loads(self.ctl("nodes", "--json").stdout)]

    def node(self, name, token, origin, *lines):
        """Start a gafferd that registers an origin."""
        home = Home(self.folder(f"{name}-{token.name}"), "http", "lookup", "auth")
        text = "\n".join(
            [
                *("[lookup]", f"address = {self.url}", f"name = {name}", f"token_file = {token}"),
                *(f"cacert = {self.ca}", f"broadcast_address = {origin}", "heartbeat = 1"),
                *("[process:web]", "cmd = sleep 1000"),
                *(lines or ("[endpoint:local]", "bind = 127.0.0.1:0")),
            ]
        )
        home.write("gaffer.ini", text)
        self._stack.enter_context(home.running("-c", "gaffer.ini"))
        return home

    def token(self, name, *options):
        """Create a token to register with, in a file."""
        secret = self.home.auth("token", name, "--right", "write", *options)
        return self.home.write(f"{name}.token", secret)

    def good_node(self):
        """Start a gafferd that knows only the token that is derived for it; return its origin."""
        port = find_free_ports()
        origin = f"https://localhost:{port}"
        endpoint = ("[endpoint:network]", f"bind = 127.0.0.1:{port}")
        tls = (f"certfile = {self.certificate}", f"keyfile = {self.certificate}")
        home = Home(self._folder / "good-good.token", "http", "lookup", "auth")
        token = self.token("good")
        self.node("good", token, origin, *endpoint, *tls)
        derive = ("--derive-for", origin, "--secret-file", self.ops, "--right", "manage")
        subprocess.run(
            [AUTH, "token", "ops", *derive], env=home.environ(), check=True, capture_output=True
        )
        wait_until(lambda: "good" in self.names())
        return origin


@pytest.fixture
def cluster(tmp_path):
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


@pytest.fixture
def malicious(cluster):
    """A malicious node with a certificate and a token with write permission."""
    with RecordingServer(cluster.certificate).serving() as server:
        cluster.node("malicious", cluster.token("malicious"), server.origin)
        wait_until(lambda: "malicious" in cluster.names())
        yield server


def test_malicious_node_gets_no_token_valid_elsewhere(cluster, malicious):
    good = cluster.good_node()
    done = cluster.ctl("status", "web")
    assert "good: active" in done.stdout, done
    assert malicious.requests
    assert cluster.secret not in "\n".join(malicious.requests)
    [recorded] = malicious.secrets()
    assert recorded == node_token(cluster.secret, malicious.origin)
    for url in (good, cluster.url):
        with pytest.raises(UnauthorizedError):
            cluster.server(url, recorded).jobs()
    assert cluster.server(good, node_token(cluster.secret, good)).jobs() == ["web"]
    with pytest.raises(UnauthorizedError):
        cluster.server(good, cluster.secret).jobs()


@pytest.mark.parametrize("verb", [("status", "web"), ("watch",), ("top",)])
def test_chosen_malicious_node_gets_only_its_derived_token(cluster, malicious, verb):
    cluster.ctl("--node", "malicious", *verb, GAFFER_TOKEN=cluster.secret)
    assert malicious.secrets() == {node_token(cluster.secret, malicious.origin)}


def test_redirect_of_a_malicious_node_is_not_followed(cluster, malicious):
    with RecordingServer(cluster.certificate).serving() as other:
        malicious.location = other.origin
        done = cluster.ctl("--node", "malicious", "status", "web")
        assert done.returncode != 0
        assert malicious.requests
        assert other.requests == []


@pytest.mark.parametrize("chosen", [(), ("--node", "malicious")])
def test_page_of_a_malicious_node_is_not_opened(cluster, malicious, tmp_path, chosen):
    done = cluster.ctl(*chosen, "open", BROWSER=f"touch {tmp_path}/opened %s")
    assert (done.returncode, done.stdout, malicious.requests) == (2, "", [])
    assert "open is for the gafferd of this machine" in done.stderr
    assert not (tmp_path / "opened").exists()


@needs_etcd
def test_malicious_node_in_etcd_gets_only_its_derived_token(cluster, tmp_path):
    with (
        running(cluster.folder("etcd")) as etcd,
        RecordingServer(cluster.certificate).serving() as server,
    ):
        home = Home(cluster.folder("malicious"), "http", "lookup")
        lines = ("[lookup]", f"address = {' '.join(etcd.addresses)}", "name = malicious")
        more = (f"broadcast_address = {server.origin}", "[endpoint:local]", "bind = 127.0.0.1:0")
        home.write("gaffer.ini", "\n".join((*lines, *more)))
        with home.running("-c", "gaffer.ini"):
            options = ("--lookup", etcd.addresses[0], "--cacert", cluster.ca)
            command = [GAFFERCTL, *map(str, options), "--token-file", str(cluster.ops)]

            def requests():
                subprocess.run(
                    [*command, "status", "web"],
                    env=cluster.home.environ(),
                    capture_output=True,
                    timeout=30,
                )
                return server.requests

            wait_until(requests)
        assert server.secrets() == {node_token(cluster.secret, server.origin)}


def test_http_origin_gets_no_token(cluster):
    with RecordingServer().serving() as server:
        cluster.node("malicious", cluster.token("malicious"), server.origin)
        wait_until(lambda: "malicious" in cluster.names())
        done = cluster.ctl("--node", "malicious", "status", "web")
        assert (done.returncode, server.requests) == (1, [])
        assert f"{server.origin}: a token is sent over https only: " in done.stderr
        assert done.stderr.count("\n") == 1


def test_token_registers_its_own_node_and_origin_only(cluster):
    own = "https://localhost:5443"
    token = cluster.token("n1", "--node", "one", "--origin", own)
    two = cluster.node("two", token, own)
    wait_until(lambda: "n1 registers node one only, not two" in two.messages())
    one = cluster.node("one", token, "https://localhost:6443")
    wait_until(lambda: f"registers origin {own} only" in one.messages())
    assert cluster.names() == []
    old = cluster.token("old")
    cluster.node("old", old, "https://localhost:7443")
    wait_until(lambda: cluster.names() == ["old"])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_redirect_of_a_malicious_lookupd_is_not_followed(cluster, scheme):
    certificate = cluster.certificate if scheme == "https" else None
    with (
        RecordingServer().serving() as other,
        RecordingServer(certificate, other.origin).serving() as first,
    ):
        done = cluster.ctl("--lookup", first.origin, "nodes")
        assert other.requests == []
        assert bool(first.requests) == (scheme == "https")
        assert done.stderr.count("\n") == 1
        if scheme == "http":
            assert (
                f"{first.origin}: a token is sent over https or a unix socket only" in done.stderr
            )
