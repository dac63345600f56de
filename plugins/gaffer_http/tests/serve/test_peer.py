"""Identification of the user at the other end of a connection."""

import os
import socket
import subprocess
import sys

import pytest

from gaffer_http.serve import peer
from gaffer_http.serve.peer import Peer, get_peer

NOBODY = 65534

CONNECT = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
client = socket.socket()
client.connect(("127.0.0.1", int(sys.argv[2])))
print("connected", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"])
def pair(request):
    """Both ends of a local connection; the second is that of the server."""
    family, host = request.param
    with socket.create_server((host, 0), family=family) as server:
        client = socket.create_connection(server.getsockname()[:2])
        accepted, _ = server.accept()
        with client, accepted:
            yield client, accepted


def test_own_connection_has_our_uid(pair):
    assert get_peer(pair[1]) == Peer(os.getuid())


def test_sock_diag_and_procfs_agree(pair, monkeypatch):
    def unknown(ends):
        raise OSError("no sock_diag here")

    monkeypatch.setattr(peer, "find_connection", unknown)
    # /proc/net/tcp does not contain the cgroup.
    monkeypatch.setattr(peer, "is_unconfined_socket", lambda found: True)
    assert get_peer(pair[1]) == Peer(os.getuid())


@pytest.mark.parametrize("only_proc", [False, True])
def test_closed_peer_is_unknown_instead_of_root(pair, only_proc, monkeypatch):
    if only_proc:
        monkeypatch.setattr(peer, "find_connection", peer._read_proc)
    client, accepted = pair
    client.close()
    assert get_peer(accepted).uid is None


def test_half_closed_peer_is_identified(pair):
    client, accepted = pair
    client.shutdown(socket.SHUT_WR)
    assert get_peer(accepted) == Peer(os.getuid())


def test_listener_on_the_port_of_the_client_is_ignored():
    with socket.create_server(("127.0.0.1", 0)) as server:
        # Its own address, so that no other program uses its ports.
        client = socket.create_connection(server.getsockname(), source_address=("127.0.0.77", 0))
        accepted, _ = server.accept()
        linger = b"\1\0\0\0\0\0\0\0"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        name = client.getsockname()
        client.close()
        with accepted, socket.create_server(name):
            assert get_peer(accepted).uid is None


def test_unix_socket_peer_has_our_uid():
    one, other = socket.socketpair()
    with one, other:
        assert get_peer(one) == Peer(os.getuid(), os.getpid())


@pytest.mark.root
def test_peer_of_another_user_has_their_uid():
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", CONNECT, str(NOBODY), str(server.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"connected\n"
            accepted, _ = server.accept()
            with accepted:
                assert get_peer(accepted) == Peer(NOBODY)
            process.stdin.close()


def test_peers_are_described():
    assert str(Peer(7)) == "user 7"
    assert str(Peer(None)) == "an unknown user"


def test_peer_of_another_machine_has_its_address():
    class Remote:
        family = socket.AF_INET

        def getpeername(self):
            return ("192.0.2.7", 4711)

    assert get_peer(Remote()) == Peer(None, address="192.0.2.7")
    assert str(get_peer(Remote())) == "192.0.2.7"
