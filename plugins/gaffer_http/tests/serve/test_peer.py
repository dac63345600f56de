"""Whose program is at the other end."""

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
    """Both ends of a connection inside this machine; the second is the server's."""
    family, host = request.param
    with socket.create_server((host, 0), family=family) as server:
        client = socket.create_connection(server.getsockname()[:2])
        accepted, _ = server.accept()
        with client, accepted:
            yield client, accepted


def test_our_own(pair):
    assert get_peer(pair[1]) == Peer(os.getuid())


def test_both_ways_of_asking_agree(pair, monkeypatch):
    def unknown(ends):
        raise OSError("no sock_diag here")

    monkeypatch.setattr(peer, "find_connection", unknown)
    # The file of connections does not tell the cgroup.
    monkeypatch.setattr(peer, "is_unconfined_socket", lambda found: True)
    assert get_peer(pair[1]) == Peer(os.getuid())


@pytest.mark.parametrize("only_proc", [False, True])
def test_who_has_hung_up_is_nobody_not_root(pair, only_proc, monkeypatch):
    if only_proc:
        monkeypatch.setattr(peer, "find_connection", peer._read_proc)
    client, accepted = pair
    client.close()
    assert get_peer(accepted).uid is None


def test_who_only_stopped_sending_is_still_there(pair):
    client, accepted = pair
    client.shutdown(socket.SHUT_WR)
    assert get_peer(accepted) == Peer(os.getuid())


def test_a_listener_on_the_same_port_is_not_taken_for_the_client():
    with socket.create_server(("127.0.0.1", 0)) as server:
        # From an address of its own, whose ports nobody else takes.
        client = socket.create_connection(server.getsockname(), source_address=("127.0.0.77", 0))
        accepted, _ = server.accept()
        linger = b"\1\0\0\0\0\0\0\0"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        name = client.getsockname()
        client.close()
        with accepted, socket.create_server(name):
            assert get_peer(accepted).uid is None


def test_unix():
    one, other = socket.socketpair()
    with one, other:
        assert get_peer(one) == Peer(os.getuid(), os.getpid())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user():
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", CONNECT, str(NOBODY), str(server.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"connected\n"
            accepted, _ = server.accept()
            with accepted:
                assert get_peer(accepted) == Peer(NOBODY)
            process.stdin.close()


def test_in_words():
    assert str(Peer(7)) == "user 7"
    assert str(Peer(None)) == "an unknown user"


def test_of_another_machine_the_address_is_told():
    class Remote:
        family = socket.AF_INET

        def getpeername(self):
            return ("192.0.2.7", 4711)

    assert get_peer(Remote()) == Peer(None, address="192.0.2.7")
    assert str(get_peer(Remote())) == "192.0.2.7"
