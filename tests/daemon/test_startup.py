"""The report of a start: two lines on a terminal, one of --daemon, and the default pid file."""

import os
import pty
import re
import signal
import socket
import subprocess

import pytest
from gaffer_testing.gafferd import COMMAND, DEADLINE, Home, is_alive
from gaffer_testing.waiting import wait_until


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, "http")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def daemonized(home, *args):
    """Start a daemon, stop it, and return its output and the name of its pid file."""
    result = home.run("--daemon", *args)
    assert (result.returncode, result.stderr) == (0, "")
    pid = int(re.search(r"pid (\d+)", result.stdout)[1])
    try:
        files = [path.name for path in (home / ".gaffer").glob("*.pid")]
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid))
    return result.stdout.replace(str(pid), "PID"), files


def test_daemon_prints_pid_address_and_pid_file(home, port):
    printed, files = daemonized(home, "--bind", f"127.0.0.1:{port}")
    assert printed == (
        f"gafferd: pid PID, http://127.0.0.1:{port},"
        f" pid file {home.folder}/.gaffer/gafferd-{port}.pid\n"
    )
    assert files == [f"gafferd-{port}.pid"]
    assert list((home / ".gaffer").glob("*.pid")) == []
    assert (home / ".gaffer").stat().st_mode & 0o777 == 0o700


def test_taken_default_pid_file_does_not_prevent_the_start(home, port):
    (home / ".gaffer" / f"gafferd-{port}.pid").mkdir(parents=True)
    printed, _ = daemonized(home, "--bind", f"127.0.0.1:{port}", "--error-log", "log")
    assert printed == f"gafferd: pid PID, http://127.0.0.1:{port}\n"
    [line] = (home / "log").read_text().splitlines()
    assert "running without a pid file" in line


def test_folder_that_cannot_be_made_does_not_prevent_the_start(home):
    home.write(".gaffer", "")
    printed, _ = daemonized(Home(home.folder), "--error-log", "log")
    assert printed == "gafferd: pid PID\n"
    assert "running without a pid file" in (home / "log").read_text()


def test_pid_file_of_an_option_replaces_the_default_one(home):
    home = Home(home.folder)
    printed, files = daemonized(home, "--pidfile", "own.pid")
    assert printed == "gafferd: pid PID, pid file own.pid\n"
    assert files == []


def test_terminal_gets_two_lines(home, port):
    home.write("g.ini", home.job("first") + home.job("second"))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *home.command("-c", "g.ini", "--bind", f"127.0.0.1:{port}")],
        cwd=home.folder,
        env=home.environ(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    with process, open(ours, "rb", buffering=0) as terminal:
        try:
            text = ""
            while text.count("\n") < 2:
                text += terminal.read(4096).decode()
        finally:
            process.terminate()
        assert process.wait(DEADLINE) == 0
    first, second = text.splitlines()
    assert re.fullmatch(
        rf"gafferd \d+\.\d+\.\d+, pid {process.pid}: http://127\.0\.0\.1:{port}, 2 jobs", first
    )
    assert second == "log: standard error, level warning; Ctrl-C stops it"


def test_pipe_gets_no_report(home):
    home = Home(home.folder)
    home.write("g.ini", home.job("first"))
    with home.running("-c", "g.ini") as gafferd:
        home.pid("first.pid")
        gafferd.terminate()
        assert gafferd.wait(DEADLINE) == 0
    assert (home / "out").read_text() == ""
