"""The programs of this machine that listen on TCP ports."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from gaffer_client.address import Address

from gaffer_cli.listeners import describe_holder, find_gafferd_ports, find_listeners, is_loopback

PROGRAM = Path("/proc/self/comm").read_text().strip()


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])
def listener(request):
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        sock = socket.create_server((request.param, 0), family=family)
    except OSError as error:
        pytest.skip(f"no {request.param} here: {error}")
    with sock:
        yield sock


def get_port(sock):
    return sock.getsockname()[1]


def test_find_listeners_finds_all_families(listener):
    [found] = [each for each in find_listeners() if each.port == get_port(listener)]
    assert (found.uid, found.inode) == (os.getuid(), os.fstat(listener.fileno()).st_ino)


def test_bound_and_connected_sockets_do_not_listen():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with socket.create_connection(server.getsockname()) as connected:
            ports = {each.port for each in find_listeners()}
            assert get_port(server) in ports
            assert not {get_port(bound), get_port(connected)} & ports


def test_describe_holder_names_pid_program_and_user(listener):
    expected = f"process {os.getpid()} ({PROGRAM}) of user {os.getuid()}"
    assert describe_holder(get_port(listener)) == expected


def test_describe_holder_without_holder(listener):
    port = get_port(listener)
    listener.close()
    assert describe_holder(port) == "a program"


def test_gafferd_on_this_machine_has_all_ports_of_its_process(tmp_path):
    path = str(tmp_path / "sock")
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(path)
        unix.listen()
        expected = {get_port(one), get_port(other)}
        url = f"http://127.0.0.1:{get_port(one)}"
        assert find_gafferd_ports(Address.parse(url)) >= expected
        assert find_gafferd_ports(Address.parse(f"unix:{path}")) >= expected


def test_other_programs_do_not_count_as_gafferd(listener):
    program = (
        "import socket; sock = socket.create_server(('127.0.0.1', 0));"
        "print(sock.getsockname()[1], flush=True); input()"
    )
    argv = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as other:
        port = int(other.stdout.readline())
        assert find_gafferd_ports(Address.parse(f"http://localhost:{port}")) == {port}
        other.communicate("\n")


def test_gafferd_elsewhere_has_the_port_of_its_address(tmp_path):
    assert find_gafferd_ports(Address.parse("https://node.example:5443")) == {5443}
    assert find_gafferd_ports(Address.parse(f"unix:{tmp_path}/none")) == set()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "a.localhost"])
def test_loopback_hosts(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "::", "example.org", "notlocalhost"])
def test_other_hosts(host):
    assert not is_loopback(host)
