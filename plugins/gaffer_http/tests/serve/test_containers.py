"""Identification of peers in containers, where the same uid can be another user."""

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from gaffer_testing.waiting import wait_until

from gaffer_http.serve import containers, peer
from gaffer_http.serve.peer import Peer, get_peer
from gaffer_http.sock_diag import TcpSocket

CONNECT = """
import ctypes, os, socket, sys
where, cgroup, final_cgroup, drop, uid = sys.argv[1:]
def join(folder):
    with open(folder + "/cgroup.procs", "w") as file:
        file.write("0")
if cgroup:
    join(cgroup)
if uid != "0":
    os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
if drop:
    for number in range(64):
        ctypes.CDLL(None).prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP
if where.isdigit():
    client = socket.socket()
    client.connect(("127.0.0.1", int(where)))
else:
    client = socket.socket(socket.AF_UNIX)
    client.connect(where)
if final_cgroup:
    join(final_cgroup)
print("connected", os.getpid(), flush=True)
sys.stdin.read()
"""

ASK = """
client.sendall(b"GET /jobs HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
while got := client.recv(65536):
    print(got.decode())
"""

SERVE = """
import socket, sys
from gaffer_http.serve.peer import get_peer
if sys.argv[1]:
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen()
    print(sys.argv[1], flush=True)
else:
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
print(get_peer(server.accept()[0]), flush=True)
"""

UNKNOWN = "user 0 of a container"


def has_namespaces():
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not has_namespaces(), reason="this system allows no new namespaces"),
]


@pytest.fixture
def root():
    """The root of the cgroups that sock_diag reports."""
    path = containers._cgroup_root()
    if path is None or containers.own_cgroup() is None:
        pytest.skip("this kernel does not tell the cgroup of a socket")
    return path


@pytest.fixture
def cgroup(root):
    """An empty cgroup."""
    path = Path(root, f"gaffer-test-{os.getpid()}")
    try:
        path.mkdir()
    except OSError:
        pytest.skip("no cgroup can be made here")
    containers._cgroups.cache_clear()
    yield str(path)
    wait_until(lambda: not (path / "cgroup.procs").read_text())
    path.rmdir()


@contextmanager
def program(code, *arguments, wrapper=()):
    """Run a program during the block; yield a function that returns its next line."""
    command = [*wrapper, sys.executable, "-c", code, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield lambda: process.stdout.readline().split("\n")[0]
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            finally:
                process.kill()


def connected(where, cgroup="", *, final_cgroup="", drop="", uid="0", wrapper=()):
    """Run a program that connects, in a container or not."""
    return program(CONNECT, str(where), cgroup, final_cgroup, drop, uid, wrapper=wrapper)


@contextmanager
def accepted(server, *args, **options):
    """Return the server's end of a connection from such a program."""
    name = server.getsockname()
    with connected(name if isinstance(name, str) else name[1], *args, **options) as line:
        assert line().startswith("connected")
        sock, _ = server.accept()
        with sock:
            yield sock


@pytest.fixture
def tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def unix(short_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short_path}/s")
        server.listen()
        yield server


def test_root_of_another_cgroup_is_root(tcp, cgroup):
    with accepted(tcp, cgroup) as sock:
        assert get_peer(sock) == Peer(0)


def test_root_without_capabilities_in_its_own_cgroup_is_unknown(tcp, cgroup):
    with accepted(tcp, cgroup, drop="drop") as sock:
        assert get_peer(sock).uid is None
        assert str(get_peer(sock)) == UNKNOWN


@pytest.mark.parametrize(
    "options", [("--pid", "--fork", "--kill-child"), ("--user", "--map-root-user")]
)
def test_root_in_its_own_namespaces_is_unknown(tcp, cgroup, options):
    # The cgroup is joined outside, because a process inside may not.
    join = ("sh", "-c", f'echo 0 > {cgroup}/cgroup.procs; exec unshare "$@"', "sh", *options)
    with accepted(tcp, wrapper=join) as sock:
        assert str(get_peer(sock)) == UNKNOWN


def test_container_in_the_cgroup_of_the_host_is_unknown(tcp, cgroup):
    with accepted(tcp, cgroup) as host, accepted(tcp, cgroup, drop="drop") as container:
        assert get_peer(host) == Peer(0)
        assert str(get_peer(container)) == UNKNOWN


def test_peer_of_an_empty_cgroup_is_unknown(tcp, cgroup, root):
    with accepted(tcp, cgroup, final_cgroup=root) as sock:
        assert str(get_peer(sock)) == UNKNOWN


def test_root_is_unknown_without_a_reply_of_sock_diag(tcp, root, monkeypatch):
    monkeypatch.setattr(peer, "find_connection", peer._read_proc)
    with accepted(tcp) as sock:
        assert str(get_peer(sock)) == UNKNOWN


async def test_api_refuses_root_of_a_container(running_api, cgroup):
    async with running_api(bind="127.0.0.1:0") as api:
        [url] = api.kernel.services["http"].addresses
        for drop, status in (("", b"200"), ("drop", b"403")):
            command = [sys.executable, "-c", CONNECT + ASK, url.rpartition(":")[2], cgroup]
            done = await trio.run_process([*command, "", drop, "0"], capture_stdout=True)
            assert done.stdout.split()[3] == status, done.stdout
    assert UNKNOWN.encode() in done.stdout


def test_other_users_are_identified_by_uid(tcp, cgroup):
    with accepted(tcp, cgroup, uid="1234") as sock:
        assert get_peer(sock) == Peer(1234)


def test_unix_socket_identifies_the_process(unix):
    with accepted(unix) as sock:
        assert get_peer(sock).uid == 0
    with accepted(unix, drop="drop") as sock:
        assert str(get_peer(sock)) == UNKNOWN


@pytest.mark.parametrize(
    "options", [("--pid", "--fork", "--kill-child"), ("--user", "--map-root-user")]
)
def test_unix_socket_identifies_namespaces(unix, options):
    with accepted(unix, wrapper=("unshare", *options)) as sock:
        assert str(get_peer(sock)) == UNKNOWN


def test_exited_process_at_a_unix_socket_is_unknown(unix):
    with connected(unix.getsockname()) as line:
        assert line().startswith("connected")
        sock, _ = unix.accept()
    with sock:
        assert get_peer(sock).uid is None


@pytest.mark.parametrize("path", ["", "socket"])
@pytest.mark.parametrize("mapping", [(), ("--map-root-user",)])
def test_unmapped_user_is_unknown(short_path, path, mapping):
    # Without a mapping the server itself has the overflow uid, like every other user.
    server = ("unshare", "--user", *mapping)
    address = f"{short_path}/{path}" if path else ""
    short_path.chmod(0o777)
    with program(SERVE, address, wrapper=server) as line:
        where = line()
        if path:
            os.chmod(where, 0o777)
        with connected(where, uid="1234") as client:
            assert client().startswith("connected")
            assert line() == "an unknown user"


@pytest.mark.parametrize("state", [2, 3, 6, 7, 9, 10, 11, 12, 13])
def test_peer_of_an_unconnected_socket_is_unknown(tcp, state, monkeypatch):
    monkeypatch.setattr(
        peer, "find_connection", lambda ends: TcpSocket(ends.family, ends.source, state, 0, 7, 1)
    )
    with accepted(tcp) as sock:
        assert get_peer(sock) == Peer(None)
