"""The command gaffer_lookupd: its options, addresses and exit status."""

import http.client
import json
import os
import re
import signal
import ssl

import pytest
import trustme
from gaffer_testing.gafferd import is_alive
from gaffer_testing.ports import find_free_ports
from gaffer_testing.waiting import wait_until

from .lookupd_home import LookupdHome


@pytest.fixture
def home(tmp_path):
    return LookupdHome(tmp_path)


@pytest.fixture
def port():
    return find_free_ports()


def ask(port, path="/nodes", context=None, **headers):
    """Send a request to a server on 127.0.0.1 and return status and body."""
    kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
    more = {"context": context} if context else {}
    connection = kind("localhost" if context else "127.0.0.1", port, timeout=10, **more)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def answers(port):
    try:
        return ask(port)[0] == 200
    except OSError:
        return False


def get_stderr(result, status=1):
    assert result.returncode == status, result
    return result.stderr


def get_line(result):
    text = get_stderr(result)
    assert text.startswith("gaffer_lookupd: ")
    assert text.count("\n") == 1, text
    return text.removeprefix("gaffer_lookupd: ").removesuffix("\n")


OPTIONS = [
    *("-h", "--help", "--version", "-v", "--daemon", "--pidfile", "--backlog", "--bind"),
    *("--certfile", "--keyfile", "--cacert", "--auth"),
]


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_shows_every_option_and_the_defaults(home, option):
    text = home.lookupd(option).stdout
    for each in OPTIONS:
        assert re.search(rf"{each}\b", text), each
    assert "128" in text
    assert "0.0.0.0:5010" in text


def test_version_is_that_of_the_package(home):
    assert re.fullmatch(r"gaffer_lookupd \d+\.\d+\.\d+\n", home.lookupd("--version").stdout)


@pytest.mark.parametrize(
    "args",
    [
        *(["--nothing"], ["--lease", "0"], ["--lease", "nan"], ["--backlog", "x"]),
        *(["--share", "0"], ["--share", "101"], ["--share", "0.5"], ["--share", "x"]),
        *(["--host", "a b"], ["--pidfile", ""], ["argument"], ["--bin", "127.0.0.1:1"]),
    ],
)
def test_wrong_usage_exits_with_2(home, args):
    assert "usage:" in get_stderr(home.lookupd(*args), 2)


def test_default_listens_on_loopback_and_names_the_options_for_more(home):
    # The line is logged before the bind, which fails if the port is in use.
    with home.running_lookupd() as process:
        wait_until(lambda: "only" in home.messages() or process.poll() is not None)
        line = next(each for each in home.messages().splitlines() if "only" in each)
    for word in ("127.0.0.1:5010", "--certfile", "--keyfile", "gaffer-auth token"):
        assert word in line


@pytest.mark.parametrize("bind", ["0.0.0.0:5010", "[::]:5010"])
def test_network_address_needs_a_certificate(home, bind):
    line = get_line(home.lookupd("--bind", bind))
    assert line.startswith(f"--bind: {bind} can be reached from other machines")
    assert "certfile" in line


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--cacert", "ca"], "--cacert: needs a certfile"),
        (["--keyfile", "key"], "--keyfile: "),
        (["--certfile", "nothing"], "--certfile: "),
        (["--bind", "nowhere"], "--bind: must be host:port"),
        (["--backlog", "0"], "--backlog: must be from 1"),
        (["--pidfile", "none/pid", "--bind", "127.0.0.1:0"], "pid file none/pid: "),
    ],
)
def test_invalid_option_is_reported_in_one_line(home, args, expected):
    text = get_stderr(home.lookupd(*args))
    assert f"gaffer_lookupd: {expected}" in text
    assert "Traceback" not in text


def test_port_in_use_is_reported_in_one_line(home, port):
    with home.running_lookupd("--bind", f"127.0.0.1:{port}"):
        wait_until(lambda: answers(port))
        line = get_line(home.lookupd("--bind", f"127.0.0.1:{port}"))
    assert f"127.0.0.1:{port}: process " in line
    assert "listens there: stop it" in line


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_exits_on_termination_signals_and_ignores_sighup(home, port, signum):
    with home.running_lookupd("--bind", f"127.0.0.1:{port}", "--pidfile", "pid") as process:
        wait_until(lambda: answers(port))
        assert home.pid("pid") == process.pid
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
        assert answers(port)
        process.send_signal(signum)
        assert process.wait(timeout=20) == 0
    assert not (home / "pid").exists()


def test_daemon_runs_in_the_background(home, port):
    result = home.lookupd("--bind", f"127.0.0.1:{port}", "--daemon", "--pidfile", "pid")
    pid = home.pid("pid")
    printed = f"gaffer_lookupd: pid {pid}, http://127.0.0.1:{port}, pid file pid\n"
    assert (result.returncode, result.stdout, result.stderr) == (0, printed, "")
    try:
        assert answers(port)
        second = home.lookupd("--bind", "127.0.0.1:0", "--pidfile", "pid")
        assert get_line(second).startswith(f"Already running on PID {pid}")
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(pid))


# Over HTTPS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca")
    for name in ("localhost", "ops", "stranger"):
        cert = ca.issue_cert(name)
        cert.private_key_and_cert_chain_pem.write_to_path(folder / name)
    return folder


@pytest.fixture
def secure(home, port, files):
    """Run a lookupd for the network; yield the token of a reader."""
    token = home.auth("token", "screen")
    home.auth("certificate", "ops", "--subject", "ops")
    with home.running_lookupd(
        *("--bind", f"0.0.0.0:{port}", "--certfile", files / "localhost", "--cacert", files / "ca")
    ) as process:
        wait_until(lambda: is_listening(port, process))
        yield token


def is_listening(port, process):
    assert process.poll() is None
    try:
        ask(port, "/version", ssl._create_unverified_context())
    except OSError:
        return False
    return True


def trusting(files, certificate=None):
    context = ssl.create_default_context(cafile=files / "ca")
    if certificate:
        context.load_cert_chain(files / certificate)
    return context


def test_token_authenticates_over_https(secure, port, files):
    context = trusting(files)
    status, body = ask(port, "/nodes", context, Authorization=f"Bearer {secure}")
    assert (status, body) == (200, {"nodes": []})
    assert ask(port, "/nodes", context, Authorization="Bearer wrong")[0] == 401


def test_auth_token_demands_a_token_of_the_owner(home, port):
    token = home.auth("token", "screen")

    def refused():
        try:
            return ask(port)[0] == 401
        except OSError:
            return False

    with home.running_lookupd("--bind", f"127.0.0.1:{port}", "--auth", "token") as process:
        wait_until(refused, process)
        assert ask(port, Authorization=f"Bearer {token}")[0] == 200


def test_proxied_request_needs_a_token(secure, port, files):
    assert ask(port, "/nodes", trusting(files), Via="1.1 proxy")[0] == 401
    headers = {"Via": "1.1 proxy", "Authorization": f"Bearer {secure}"}
    assert ask(port, "/nodes", trusting(files), **headers)[0] == 200


def test_registered_certificate_authenticates(secure, port, files):
    # As if through a proxy: a direct request of the owner needs no certificate.
    assert ask(port, "/nodes", trusting(files, "ops"), Via="x")[0] == 200
    assert ask(port, "/nodes", trusting(files, "stranger"), Via="x")[0] == 401
