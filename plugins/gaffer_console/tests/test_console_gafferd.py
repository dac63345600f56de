"""gafferd with the console, as a subprocess."""

import os
import re
import signal
import subprocess
import sys

import pytest
from gaffer_testing.gafferd import Home, is_alive
from gaffer_testing.waiting import wait_until
from importlib_metadata import entry_points

from gaffer_console import ConsoleOutput

CONFIG = """
[process:web]
cmd = sh -c 'echo hello; echo oops >&2; exec sleep 60'
"""


def test_entry_point_names_a_class():
    [point] = entry_points(group="gaffer", name="console")
    assert issubclass(point.load(), ConsoleOutput)


@pytest.fixture
def gafferd(tmp_path):
    """Run gafferd until it prints a text; return all lines: `gafferd("-v", until="spawn")`."""
    started = []

    def run(*options, until):
        (tmp_path / "gaffer.ini").write_text(CONFIG)
        others = [point.name for point in entry_points(group="gaffer") if point.name != "console"]
        command = [sys.executable, "-m", "gaffer_kernel.daemon", "-c", "gaffer.ini", *options]
        for name in others:
            command += ["--disable", name]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if until in line:
                break
        process.send_signal(signal.SIGTERM)
        lines += process.stdout.readlines()
        assert process.wait(timeout=30) == 0, process.stderr.read()
        return lines

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_v_shows_events_without_output(gafferd):
    lines = gafferd("-v", until="spawn process with pid")
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d web \| .+\n", line) for line in lines)
    texts = [re.sub(r"pid \d+", "pid N", line.split(" | ")[1].strip()) for line in lines]
    texts[-1] = re.sub(r" after .*", "", texts[-1])
    assert texts == [
        "start web",
        "spawn process with pid N",
        "stop web",
        "stop_pid process with pid N: gaffer is shutting down",
        "exit process with pid N: killed by SIGTERM",
    ]


@pytest.mark.parametrize("options", [["-vv"], ["-v", "-v"], ["--vv"]])
def test_vv_shows_events_and_output(gafferd, options):
    lines = gafferd(*options, until="oops")
    assert [line for line in lines if line.endswith(" web | hello\n")]
    assert [line for line in lines if line.endswith(" web | oops\n")]
    assert "exit process with pid" in lines[-1]


@pytest.mark.parametrize(
    ("option", "shown", "hidden"), [("-v", "web | spawn", "| hello"), ("-vv", "web | hello", "\0")]
)
def test_daemon_prints_into_its_error_log(tmp_path, option, shown, hidden):
    home = Home(tmp_path, "console")
    home.write("gaffer.ini", CONFIG)
    options = ("--daemon", "--pidfile", "pid", "--error-log", "log")
    assert home.run("gaffer.ini", option, *options).returncode == 0
    pid = home.pid("pid")
    try:
        log = home / "log"
        wait_until(lambda: shown in log.read_text())
        # It is created again after it was moved away.
        log.rename(home / "log.1")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid))
        assert re.search(r"^\d\d:\d\d:\d\d web \| stop web$", log.read_text(), re.MULTILINE)
        assert hidden not in (home / "log.1").read_text()
        assert " up, with 1 job\n" in (home / "log.1").read_text()
    finally:
        home.clean_up()
