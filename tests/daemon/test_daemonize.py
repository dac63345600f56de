"""gafferd --daemon: the command returns when the daemon is ready or has failed."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from gaffer_testing.gafferd import COMMAND, Home, is_alive, one_line
from gaffer_testing.waiting import wait_until

FAILING = """
from contextlib import asynccontextmanager
from gaffer_kernel import hookimpl

@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    {}
    yield
"""
WAIT = """
    import pathlib, trio
    pathlib.Path("opening").touch()
    while not pathlib.Path("open").exists():
        await trio.sleep(0.01)
    pathlib.Path("opened").touch()
"""


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.write("gaffer.ini", home.job("one"))
    return home


@contextmanager
def ended(home):
    """Kill the daemon at the end of the block, if it has not ended."""
    try:
        yield
    finally:
        if (home / "pid").exists():
            os.kill(home.pid("pid"), signal.SIGKILL)
        home.clean_up()


def launch(home, *args, **env):
    result = home.run("gaffer.ini", "--daemon", "--pidfile", "pid", *args, **env)
    pid = home.pid("pid")
    printed = f"gafferd: pid {pid}, pid file pid\n"
    assert (result.returncode, result.stdout, result.stderr) == (0, printed, "")
    return pid


def read_status(pid, key):
    text = Path(f"/proc/{pid}/status").read_text()
    return next(line.split()[1] for line in text.splitlines() if line.startswith(f"{key}:"))


def test_the_command_returns_when_the_daemon_is_ready(home):
    with ended(home):
        pid = launch(home)
        child = home.pid("one.pid")

        os.kill(pid, signal.SIGTERM)

        wait_until(lambda: not is_alive(pid))
        assert not is_alive(child)
        assert not (home / "pid").exists()


def test_the_daemon_has_its_own_session_and_no_terminal(home):
    with ended(home):
        pid = launch(home)

        assert os.getsid(pid) not in (os.getsid(0), pid)
        assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4] == "0"  # no tty
        assert [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
        assert os.readlink(f"/proc/{pid}/cwd") == str(home.folder)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not (home / "pid").exists())


def test_the_umask_of_the_daemon_is_022(home):
    before = os.umask(0)
    try:
        with ended(home):
            pid = launch(home)
            assert read_status(pid, "Umask") == "0022"
            assert read_status(home.pid("one.pid"), "Umask") == "0022"
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not (home / "pid").exists())
    finally:
        os.umask(before)


def test_the_command_waits_for_the_plugins(home):
    home.write("plugins/slow/__init__.py", FAILING.format(WAIT))
    with (
        home.running("gaffer.ini", "-p", "plugins", "--daemon", "--pidfile", "pid") as command,
        ended(home),
    ):
        wait_until((home / "opening").exists)
        assert command.poll() is None
        (home / "open").touch()
        assert command.wait() == 0
        assert (home / "opened").exists()
        os.kill(home.pid("pid"), signal.SIGTERM)
        wait_until(lambda: not (home / "pid").exists())


def test_the_daemon_stops_if_the_launching_process_is_gone(home):
    home.write("plugins/slow/__init__.py", FAILING.format(WAIT))
    with (
        home.running("gaffer.ini", "-p", "plugins", "--daemon", "--pidfile", "pid") as command,
        ended(home),
    ):
        wait_until((home / "opening").exists)
        daemon = home.pid("pid")
        command.send_signal(signal.SIGINT)
        assert command.wait() == -signal.SIGINT
        (home / "open").touch()
        wait_until(lambda: not is_alive(daemon))
        assert not (home / "pid").exists()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("raise OSError(98, 'in use')", "plugin web: did not start: OSError: [Errno 98] in use"),
        ("import os; os._exit(3)", "the daemon ended before it was ready"),
        ("import os; os.kill(os.getpid(), 9)", "the daemon ended before it was ready"),
    ],
)
def test_the_reason_of_a_failed_start_is_printed(home, statement, expected):
    home.write("plugins/web/__init__.py", FAILING.format(statement))

    assert one_line(home.run("gaffer.ini", "-p", "plugins", "--daemon")) == expected
    assert not (home / "one.pid").exists()


def test_an_error_in_the_configuration_is_printed(home):
    home.write("bad.ini", "[process:x]\n")

    assert one_line(home.run("bad.ini", "--daemon")).startswith("bad.ini:1: [process:x] cmd")


def test_a_second_daemon_with_the_same_pid_file_does_not_start(home):
    with ended(home):
        pid = launch(home)
        home.pid("one.pid")

        second = home.run("gaffer.ini", "--daemon", "--pidfile", "pid")

        assert one_line(second) == f"Already running on PID {pid} (pid file pid)"
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not (home / "pid").exists())


def test_the_pid_file_of_a_killed_daemon_is_taken_over(home):
    with ended(home):
        first = launch(home)
        left = home.pid("one.pid")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not is_alive(first))
        os.kill(left, signal.SIGKILL)
        (home / "one.pid").unlink()

        second = launch(home)

        assert second != first
        home.pid("one.pid")
        os.kill(second, signal.SIGTERM)
        wait_until(lambda: not (home / "pid").exists())


def test_the_log_goes_to_the_error_log(home):
    with ended(home):
        pid = launch(home, "--error-log", "log", "-v")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid))

    lines = (home / "log").read_text().splitlines()
    assert lines[0].endswith("INFO gaffer_kernel.daemon.daemon_kernel: up, with 1 job")
    assert lines[-1].endswith("INFO gaffer_kernel.daemon.daemon_kernel: ended")


def test_buffered_output_is_not_printed_twice(home):
    program = (
        "import sys; from gaffer_kernel.daemon.daemonize import daemonize; "
        "sys.stdout.write('once'); launcher = daemonize(); launcher and launcher.ready()"
    )
    result = subprocess.run(
        [COMMAND.with_name("python"), "-c", program], capture_output=True, timeout=20
    )

    assert (result.stdout, result.stderr, result.returncode) == (b"once", b"", 0)
