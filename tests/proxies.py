"""gafferd behind reverse proxies, each a real program, all of them run by the same user."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
from contextlib import closing, contextmanager

import pytest

from tests.gafferd import COMMAND, Home
from tests.waiting import wait_until


def needs(program):
    """Skip a test where a program is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def free_port():
    """A port that was free just now; for programs that cannot be given port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Visitor(http.client.HTTPConnection):
    """A client of a proxy, which may speak TLS and know the proxy by another name."""

    def __init__(self, port, ca=None, name="localhost"):
        super().__init__("127.0.0.1", port, timeout=30)
        self._ca, self._name = ca, name

    def connect(self):
        super().connect()
        if self._ca is not None:
            context = ssl.create_default_context(cadata=self._ca.cert_pem.bytes().decode())
            self.sock = context.wrap_socket(self.sock, server_hostname=self._name)

    def ask(self, method, path, token=None, body=None, **headers):
        """The status of an answer, and what it says; the connection is kept."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request(method, path, body, headers)
        answer = self.getresponse()
        with answer:
            text = b"" if answer.status == 101 else answer.read()
        return answer.status, text.decode()


def ask(port, *args, ca=None, name="localhost", **more):
    """Ask one thing on a connection of its own: `Visitor.ask`."""
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
        """Run gafferd and yield where it listens, one address for each endpoint."""
        self.home.write("gaffer.ini", ini)
        log = self.folder / "err"
        with self.home.running("-c", "gaffer.ini", "--log-level", "info") as process:
            told = "listening on "
            wait_until(lambda: told in log.read_text(), process)
            line = next(each for each in log.read_text().splitlines() if told in each)
            yield [each.split()[0] for each in line.partition(told)[2].split(", ")]

    @contextmanager
    def program(self, *command, port):
        """Run a proxy while the block lasts, and wait until it accepts connections."""
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
                wait_until(lambda: _listens(port), process)
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
        """Run Caddy with this Caddyfile, without its API and what it does as root."""
        options = "{\nadmin off\nskip_install_trust\nauto_https disable_redirects\n}\n"
        (self.folder / "Caddyfile").write_text(options + text)
        return self.program(
            *("caddy", "run", "--adapter", "caddyfile", "--config", self.folder / "Caddyfile"),
            port=port,
        )


def _listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
