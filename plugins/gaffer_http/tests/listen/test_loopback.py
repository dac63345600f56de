"""The two addresses of localhost, served or reserved together against squatters."""

import errno
import os
import re
import socket
import subprocess
import sys

import pytest
from gaffer_kernel import Config, GafferError
from gaffer_testing.gafferd import Home

from gaffer_http.listen.endpoints import read_endpoints
from gaffer_http.listen.sockets import listening

NETWORK = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
if sys.argv[1] == "4":
    with open("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "w") as file:
        file.write("1")
from gaffer_kernel import Config
from gaffer_http.listen import endpoints, sockets
config = Config()
if len(sys.argv) > 2:
    config.options["bind"] = sys.argv[2]
with sockets.listening(endpoints.read_endpoints(config)) as opened:
    print(*(each.url for each in opened))
"""


def opened(bind):
    config = Config()
    config.options["bind"] = bind
    return listening(read_endpoints(config))


def listen_error(ip, port, *, reuse):
    """Return the error of another program that tries to listen; None if it succeeds."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        try:
            other.bind((ip, port))
            other.listen()
        except OSError as error:
            return error.errno
    return None


def is_refused(ip, port):
    try:
        socket.create_connection((ip, port)).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(("bind", "twin"), [("127.0.0.1:0", "::1"), ("[::1]:0", "127.0.0.1")])
@pytest.mark.parametrize("reuse", [0, 1])
def test_other_loopback_address_cannot_be_taken(bind, twin, reuse):
    with opened(bind) as [one]:
        port = one.socket.getsockname()[1]
        for ip in (twin, "::", "::" if ":" in twin else "0.0.0.0"):
            assert listen_error(ip, port, reuse=reuse) == errno.EADDRINUSE
        # A browser that tries this address first continues with the served one.
        assert is_refused(twin, port)


def test_program_bound_earlier_cannot_listen_later():
    with socket.socket(socket.AF_INET6) as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("::1", 0))
        with (
            opened(f"127.0.0.1:{squatter.getsockname()[1]}"),
            pytest.raises(OSError, match="in use"),
        ):
            squatter.listen()


@pytest.mark.parametrize("bind", ["127.0.0.1:{}", "[::1]:{}", "127.0.0.2:0,127.0.0.1:{}"])
@pytest.mark.parametrize("wildcard", [False, True])
def test_taken_loopback_twin_is_an_error_that_names_its_holder(bind, wildcard):
    family, ip = (socket.AF_INET, "127.0.0.1") if "[" in bind else (socket.AF_INET6, "::1")
    host = {"127.0.0.1": "0.0.0.0", "::1": "::"}[ip] if wildcard else ip
    with socket.create_server((host, 0), family=family) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(GafferError) as raised, opened(bind.format(port)):
            pass
    shown = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    assert f"endpoint default: cannot listen on {shown} (localhost, like " in str(raised.value)
    assert f"process {os.getpid()} (" in str(raised.value)
    assert f") of user {os.getuid()} listens there: stop it or bind" in str(raised.value)


def test_only_the_holder_of_the_port_is_named():
    with opened("127.0.0.1:0"), socket.create_server(("::", 0), family=socket.AF_INET6) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(GafferError, match=f"process {os.getpid()} .* listens there"):
            opened(f"127.0.0.1:{port}").__enter__()


def test_holder_that_is_only_bound_is_named():
    with socket.socket(socket.AF_INET6) as squatter:
        squatter.bind(("::1", 0))
        port = squatter.getsockname()[1]
        with pytest.raises(GafferError, match=r"has this port|another program"):
            opened(f"127.0.0.1:{port}").__enter__()


def test_restart_ignores_time_wait_connections_of_the_twin():
    with opened("127.0.0.1:0 [::1]:0") as sockets:
        [v6] = [each.socket for each in sockets if each.socket.family == socket.AF_INET6]
        name = v6.getsockname()[:2]
        client = socket.create_connection(name)
        v6.setblocking(True)
        accepted, _ = v6.accept()
        accepted.close()  # The side that closes first keeps the connection in TIME_WAIT.
        client.close()
    with opened(f"127.0.0.1:{name[1]}"):
        pass


@pytest.mark.parametrize("bind", ["127.0.0.1:0 [::1]:0", "[::1]:0,127.0.0.1:0"])
def test_port_zero_is_the_same_port_on_both_addresses(bind):
    with opened(bind) as sockets:
        assert len(sockets) == 2
        assert len({each.socket.getsockname()[1] for each in sockets}) == 1


def test_port_zero_is_retried_until_both_addresses_are_free(monkeypatch):
    taken = []
    real = socket.socket.listen

    def listen(sock, backlog):
        # Another program takes the port, twice.
        if sock.family == socket.AF_INET6 and len(taken) < 2:
            taken.append(sock.getsockname()[1])
            raise OSError(errno.EADDRINUSE, "in use")
        real(sock, backlog)

    monkeypatch.setattr(socket.socket, "listen", listen)
    with opened("127.0.0.1:0") as [one]:
        assert len(taken) == 2
        assert one.socket.getsockname()[1] > 0


def test_endpoints_may_be_twins_of_each_other():
    with opened("127.0.0.1:0") as [one]:
        port = one.socket.getsockname()[1]
    ini = f"[endpoint:a]\nbind = 127.0.0.1:{port}\n[endpoint:b]\nbind = [::1]:{port}\n"
    with listening(read_endpoints(Config.from_string(ini))) as sockets:
        assert [each.url for each in sockets] == [
            f"http://127.0.0.1:{port}",
            f"http://[::1]:{port}",
        ]
    with opened("127.0.0.1:0 127.0.0.1:0 [::1]:0") as sockets:
        ports = [each.socket.getsockname()[1] for each in sockets]
        assert ports[0] == ports[2] != ports[1]


def test_other_loopback_addresses_have_no_twin():
    with opened("127.0.0.2:0") as [one]:
        assert listen_error("::1", one.socket.getsockname()[1], reuse=0) is None


@pytest.mark.root
@pytest.mark.parametrize(
    ("arguments", "urls"),
    [
        (("6",), "http://127.0.0.1:5000 http://[::1]:5000"),
        (("4",), "http://127.0.0.1:5000"),
        (("6", "127.0.0.1:7"), "http://127.0.0.1:7"),
        (("4", "127.0.0.1:7"), "http://127.0.0.1:7"),
        (("4", "localhost:7"), "http://127.0.0.1:7"),
    ],
)
def test_default_is_both_addresses_where_both_exist(arguments, urls):
    command = ["unshare", "-n", sys.executable, "-c", NETWORK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    if done.stderr.startswith("unshare: unshare failed"):
        pytest.skip("in this container, root can make no network of its own")
    assert done.stdout == f"{urls}\n", done.stderr


def test_gafferd_reports_a_taken_twin_in_one_line(tmp_path):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as squatter:
        port = squatter.getsockname()[1]
        done = Home(tmp_path, "http").run("--bind", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert re.search(rf"cannot listen on \[::1\]:{port} .*process {os.getpid()} \(", done.stderr)
    assert "Traceback" not in done.stderr
