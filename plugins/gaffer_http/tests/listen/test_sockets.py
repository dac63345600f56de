"""Listening sockets: creation, removal, and errors that name the endpoint."""

import errno
import os
import socket
import stat
from ipaddress import IPv6Address

import pytest
from gaffer_kernel import Config, GafferError

from gaffer_http.listen.address import TcpAddress
from gaffer_http.listen.endpoints import Endpoint, read_endpoints
from gaffer_http.listen.sockets import listening

LACKING = [Endpoint("default", (TcpAddress(IPv6Address("::2"), 8080),))]


def opened(bind):
    config = Config()
    config.options["bind"] = bind
    return listening(read_endpoints(config))


def test_port_zero_becomes_a_real_port():
    with opened("127.0.0.1:0,[::1]:0") as [v4, v6]:
        assert v4.url == f"http://127.0.0.1:{v4.socket.getsockname()[1]}"
        assert v6.url == f"http://[::1]:{v6.socket.getsockname()[1]}"
        assert not v4.socket.get_inheritable()


def test_only_the_given_address_listens():
    with opened("127.0.0.2:0") as [one]:
        port = one.socket.getsockname()[1]
        socket.create_connection(("127.0.0.2", port)).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_ipv6_does_not_take_ipv4_along():
    with opened("[::1]:0") as [one]:
        assert one.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_port_in_use_is_an_error_with_endpoint_and_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(
                GafferError,
                match=rf"default: .* 127\.0\.0\.1:{port}: process {os.getpid()} ",
            ),
            opened(f"127.0.0.1:0,127.0.0.1:{port}"),
        ):
            pass


def test_unix_socket_has_mode_0600_and_is_removed(short_path):
    path = short_path / "s"
    before = os.umask(0)
    try:
        with opened(f"unix:{path}") as [one]:
            assert one.url == f"http+unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert not path.exists()


def test_mode_of_a_unix_socket_can_include_the_group(short_path):
    path = short_path / "s"
    before = os.umask(0o077)
    try:
        config = Config.from_string(f"[endpoint:a]\nbind = unix:{path}\nmode = 0660\n")
        with listening(read_endpoints(config)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_mode_is_never_set_by_path(short_path, mode, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a path may lead elsewhere by now")

    for name in ("chmod", "lchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    before = os.umask(0o027)
    try:
        config = Config.from_string(f"[endpoint:a]\nbind = unix:{short_path}/s\nmode = {mode:o}\n")
        with listening(read_endpoints(config)):
            assert stat.S_IMODE((short_path / "s").stat().st_mode) == mode
    finally:
        assert os.umask(before) == 0o027


def test_stale_unix_socket_is_replaced(short_path):
    path = short_path / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with opened(f"unix:{path}"), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_unix_socket_in_use_is_an_error(short_path, kind):
    path = short_path / "s"
    with socket.socket(socket.AF_UNIX, kind) as alive:
        alive.bind(str(path))
        if kind == socket.SOCK_STREAM:
            alive.listen(0)
        with pytest.raises(GafferError, match="another program listens there"):
            opened(f"unix:{path}").__enter__()
        assert path.exists()


def test_path_that_is_not_a_socket_is_an_error(short_path):
    path = short_path / "s"
    path.write_text("precious")
    with pytest.raises(GafferError, match=f"cannot listen on unix:{path}"):
        opened(f"unix:{path}").__enter__()
    assert path.read_text() == "precious"


def test_port_that_needs_a_capability_is_refused_with_a_remedy(monkeypatch):
    def refuse(self, address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)  # Root may bind any port.
    with pytest.raises(GafferError, match=r"127\.0\.0\.1:80: .*: bind port 1024 or higher"):
        opened("127.0.0.1:80").__enter__()


def test_missing_folder_is_an_error(short_path):
    with pytest.raises(GafferError, match="No such file or directory"):
        opened(f"unix:{short_path}/none/s").__enter__()


def test_socket_of_a_successor_is_not_removed(short_path):
    path = short_path / "s"
    with opened(f"unix:{path}"):
        path.unlink()
        successor = opened(f"unix:{path}")
        successor.__enter__()
    assert path.exists()
    successor.__exit__(None, None, None)
    assert not path.exists()


def test_failed_endpoint_closes_the_others(short_path):
    with pytest.raises(GafferError), opened(f"unix:{short_path}/s,unix:{short_path}/none/s"):
        pass
    assert not (short_path / "s").exists()


def test_address_of_another_machine_is_an_error():
    with pytest.raises(GafferError, match=r"on \[::2\]:8080: Cannot assign"), listening(LACKING):
        pass
