"""Helpers that run gafferd behind real reverse proxies of the same user."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
from contextlib import closing, contextmanager

import pytest
from gaffer_testing.gafferd import COMMAND, Home
from gaffer_testing.waiting import wait_until


def needs(program):
    """Skip a test where a program is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


class Visitor(http.client.HTTPConnection):
    """A client of a proxy, optionally over TLS and with another name for the proxy."""

    def __init__(self, port, ca=None, name="localhost"):
        super().__init__("127.0.0.1", port, timeout=30)
        self._ca, self._name = ca, name

    def connect(self):
        super().connect()
        if self._ca is not None:
            context = ssl.create_default_context(cadata=self._ca.cert_pem.bytes().decode())
            self.sock = context.wrap_socket(self.sock, server_hostname=self._name)

    def ask(self, method, path, token=None, body=None, **headers):
        """Send a request; return status and text of the answer. The connection stays open."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request(method, path, body, headers)
        answer = self.getresponse()
        with answer:
            text = b"" if answer.status == 101 else answer.read()
        return answer.status, text.decode()


def ask(port, *args, ca=None, name="localhost", **more):
    """Send one request on its own connection, as `Visitor.ask` does."""
    with closing(Visitor(port, ca, name)) as visitor:
        return visitor.ask(*args, **more)


class House:
    """A folder with a gafferd, a file of tokens and a few proxies."""

    def __init__(self, folder):
        self.home = Home(folder, "http", "auth")
        self.folder = folder

    def token(self, name="alice", right="manage"):
        """Make a token and return its secret."""
        return self.gaffer_auth("token", name, "--right", right)

    def gaffer_auth(self, *arguments):
        """Run the command gaffer-auth and return what it prints."""
        done = subprocess.run(
            [COMMAND.with_name("gaffer-auth"), *arguments],
            env=self.home.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    @contextmanager
    def gafferd(self, ini):
        """Run gafferd and yield its addresses, one for each endpoint."""
        self.home.write("gaffer.ini", ini)
        log = self.folder / "err"
        with self.home.running("-c", "gaffer.ini", "--log-level", "info") as process:
            prefix = "listening on "
            wait_until(lambda: prefix in log.read_text(), process)
            line = next(each for each in log.read_text().splitlines() if prefix in each)
            yield [each.split()[0] for each in line.partition(prefix)[2].split(", ")]

    @contextmanager
    def program(self, *command, port):
        """Run a proxy during the block; wait until it accepts connections."""
        with (self.folder / f"{command[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                [*map(str, command)],
                cwd=self.folder,
                env={**self.home.environ(), "XDG_DATA_HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        with process:
            try:
                wait_until(lambda: _is_listening(port), process)
                yield process
            finally:
                process.terminate()
                process.wait(30)

    def nginx(self, http, port):
        """Run nginx, as the user of this test, with these lines in its block `http`."""
        user = "user root;\n" if os.geteuid() == 0 else ""
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = (
            f"daemon off;\nmaster_process off;\n{user}pid {self.folder}/nginx.pid;\n"
            f"error_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{http}\n}}\n"
        )
        (self.folder / "nginx.conf").write_text(text)
        command = ("nginx", "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", "stderr")
        return self.program(*command, port=port)

    def caddy(self, text, port):
        """Run Caddy with this Caddyfile, without its API and its changes as root."""
        options = "{\nadmin off\nskip_install_trust\nauto_https disable_redirects\n}\n"
        (self.folder / "Caddyfile").write_text(options + text)
        return self.program(
            *("caddy", "run", "--adapter", "caddyfile", "--config", self.folder / "Caddyfile"),
            port=port,
        )


def _is_listening(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
