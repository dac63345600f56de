"""Real etcd clusters on this machine, of one member or several."""

import base64
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from gaffer_testing.ports import find_free_ports
from gaffer_testing.waiting import wait_until

from gaffer_lookup.etcd.address import read_settings

ETCD = shutil.which("etcd")

needs_etcd = pytest.mark.skipif(
    ETCD is None,
    reason="needs etcd: install it with `make etcd` as root (Debian's etcd-server)",
)

DEADLINE = 30.0

STOP, CONT = signal.SIGSTOP, signal.SIGCONT


def encode(text):
    return base64.b64encode(text.encode()).decode()


def prefix_range(prefix):
    """Return the range of all keys with a prefix."""
    return {"key": encode(prefix), "range_end": encode(prefix[:-1] + chr(ord(prefix[-1]) + 1))}


class Member:
    """One member of a cluster: it can be killed, stopped, and restarted with its data."""

    def __init__(self, folder, name, port, peer_port, args=()):
        self.folder = folder
        self.name = name
        self.port = port
        self.peer = f"http://127.0.0.1:{peer_port}"
        self.secure = "--cert-file" in args
        self.args = args
        self.process = None

    @property
    def url(self):
        return f"http{'s' * self.secure}://127.0.0.1:{self.port}"

    @property
    def address(self):
        return f"etcd{'s' * self.secure}://127.0.0.1:{self.port}"

    def start(self, members):
        cluster = ",".join(f"{each.name}={each.peer}" for each in members)
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    *(ETCD, "--name", self.name, "--data-dir", self.folder / self.name),
                    *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
                    *("--listen-peer-urls", self.peer, "--initial-cluster", cluster),
                    *("--initial-advertise-peer-urls", self.peer),
                    # Many members on one machine are slower than the default election timeout.
                    *("--heartbeat-interval", "100", "--election-timeout", "1000"),
                    *self.args,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def signal(self, signum):
        self.process.send_signal(signum)
        if signum == STOP:
            # SIGSTOP stops the threads one by one: wait for all of them.
            wait_until(self.is_stopped)

    def is_stopped(self):
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return all(
            (task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks
        )

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, path, body, **options):
        """Send a request over a new connection and return the response."""
        answer = httpx2.post(self.url + path, json=body, timeout=5, **options)
        answer.raise_for_status()
        return answer.json()

    def is_up(self, **options):
        with suppress(httpx2.HTTPError):
            return bool(self.ask("/v3/kv/range", {"key": "eA=="}, **options))
        return False

    def is_leader(self):
        status = self.ask("/v3/maintenance/status", {})
        return status["leader"] == status["header"]["member_id"]


class Cluster:
    """A cluster of members."""

    def __init__(self, folder, size=1, args=()):
        self.members = [
            Member(folder, f"m{number}", find_free_ports(), find_free_ports(), args)
            for number in range(size)
        ]

    @property
    def addresses(self):
        return [each.address for each in self.members]

    def settings(self, **options):
        return read_settings(self.addresses, **options)

    def start(self, **options):
        for each in self.members:
            if each.process is None:
                each.start(self.members)
        self.wait(**options)

    def wait(self, **options):
        deadline = time.monotonic() + DEADLINE
        while not all(each.is_up(**options) for each in self.members if each.process):
            assert time.monotonic() < deadline, "etcd does not start"
            time.sleep(0.02)

    def kill(self):
        for each in self.members:
            each.kill()

    def forget(self):
        """Delete the data of all members, which must not run."""
        for each in self.members:
            shutil.rmtree(each.folder / each.name)

    @property
    def leader(self):
        return next(each for each in self.members if each.process and each.is_leader())

    # Requests of an administrator

    def ask(self, path, **body):
        """Send a request to the first member and return the response."""
        return self.members[0].ask(path, body)

    def keys(self, prefix):
        """Return the keys with a prefix."""
        return [base64.b64decode(each["key"]).decode() for each in self._range(prefix)]

    def _range(self, prefix):
        return self.ask("/v3/kv/range", **prefix_range(prefix)).get("kvs", [])

    def put(self, key, value, lease=0):
        self.ask("/v3/kv/put", key=encode(key), value=encode(value), lease=str(lease))

    def grant(self):
        return int(self.ask("/v3/lease/grant", TTL=600)["ID"])

    def delete(self, prefix):
        self.ask("/v3/kv/deleterange", **prefix_range(prefix))

    def revoke(self, lease):
        self.ask("/v3/lease/revoke", ID=str(lease))

    def compact(self):
        revision = self.ask("/v3/kv/range", key=encode("x"))["header"]["revision"]
        self.ask("/v3/kv/compaction", revision=revision)

    def enable_passwords(self):
        """Enable users: only `gaffer` with the password `word` may use the keys below /gaffer/."""
        for name, password, role in (("root", "secret", "root"), ("gaffer", "word", "gaffer")):
            self.ask("/v3/auth/role/add", name=role)
            self.ask("/v3/auth/user/add", name=name, password=password)
            self.ask("/v3/auth/user/grant", user=name, role=role)
        perm = {"permType": "READWRITE", **prefix_range("/gaffer/")}
        self.ask("/v3/auth/role/grant", name="gaffer", perm=perm)
        self.ask("/v3/auth/enable")


@contextmanager
def running(folder, size=1, args=(), **options):
    """Run a cluster as long as the block lasts."""
    cluster = Cluster(folder, size, args)
    try:
        cluster.start(**options)
        yield cluster
    finally:
        cluster.kill()
