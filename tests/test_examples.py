"""Test the examples: programs that use a real gafferd, and plugins."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from gaffer_testing import Conformance
from gaffer_testing.waiting import wait_until

from gaffer_kernel import Config, ConfigError
from gaffer_kernel.plugins import Plugins

EXAMPLES = Path(__file__).parent.parent / "examples"
DEADLINE = 60.0
"""Seconds for one program, on a very busy machine."""


@contextmanager
def gafferd(home, *arguments, examples=EXAMPLES, file="gaffer.ini", **options):
    """Start gafferd with all jobs running; yield its process and the URL of its API."""
    log = home / "log"
    command = [
        *(Path(sys.executable).with_name("gafferd"), "-c", file, *arguments),
        *("--bind", "127.0.0.1:0", "--log-level", "info", "--error-log", log),
    ]
    environ = {**os.environ, "HOME": str(home)}
    with subprocess.Popen(command, cwd=examples, env=environ, **options) as process:
        try:
            listening = re.compile(r"listening on (\S+)")
            [url] = wait_until(lambda: log.exists() and listening.findall(log.read_text()), process)
            wait_until(lambda: json.load(urlopen(f"{url}/pids"))["pids"] == [1, 2], process)
            yield process, url
        finally:
            process.terminate()
            assert process.wait(DEADLINE) == 0


@pytest.fixture
def url(tmp_path):
    """The URL of the API of a gafferd with all jobs running."""
    with gafferd(tmp_path) as (_, url):
        yield url


def test_echo_client_receives_its_message(url):
    done = subprocess.run(
        [sys.executable, "-W", "error", "echo_client.py", url],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (done.stdout, done.stderr) == ("Sent\nReceiving...\nReceived 'ECHO\\n'\n", "")


def test_example_runs_from_every_folder(tmp_path):
    with gafferd(tmp_path, examples="/", file=EXAMPLES / "gaffer.ini") as (_, url):
        for pid in (1, 2):
            os_pid = json.load(urlopen(f"{url}/{pid}"))["os_pid"]
            assert os.readlink(f"/proc/{os_pid}/cwd") == str(EXAMPLES)


# Plugins


@pytest.fixture
def examples(tmp_path):
    """A copy of the examples that no other user can write, whatever the mode of the checkout."""
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path, copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o022)
    return copy


def test_plugins_print_and_serve_sites(examples, tmp_path):
    out = tmp_path / "out"
    with (
        out.open("w") as stdout,
        gafferd(tmp_path, "-p", "plugins/", examples=examples, stdout=stdout) as (process, url),
    ):
        assert b"<title>gaffer" in urlopen(f"{url}/_plugin/ui/").read()
        assert b"hello dummy" in urlopen(f"{url}/_plugin/dummy/").read()
        wait_until(lambda: "hello echo\n" in out.read_text(), process)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "restart dummy\n" in out.read_text(), process)

    lines = out.read_text().splitlines()
    assert {"start dummy app", "hello dummy", "hello echo", "restart dummy"} <= set(lines)
    assert any(re.fullmatch(r"tick: \d processes", line) for line in lines)
    assert lines[-1] == "stop dummy"
    # Folders without a plugin or site are unchanged.
    assert sorted(os.listdir(examples / "plugins")) == sorted(os.listdir(EXAMPLES / "plugins"))


def test_list_plugins_shows_folders_but_not_the_distribution(examples, tmp_path):
    command = [Path(sys.executable).with_name("gafferd"), "-p", "plugins/", "--list-plugins"]
    environ = {**os.environ, "HOME": str(tmp_path), "COLUMNS": "200"}

    done = subprocess.run(
        command, cwd=examples, env=environ, capture_output=True, text=True, timeout=DEADLINE
    )

    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(r"^(\w+) .*plugins/", done.stdout, re.MULTILINE)
    assert found == ["dummy", "hello", "tick"]


@pytest.mark.parametrize("name", ["hello", "tick", "dummy"])
def test_plugin_conforms(name):
    class Suite(Conformance):
        plugin = EXAMPLES / "plugins" / name

    for test in [test for test in vars(Conformance) if test.startswith("test_")]:
        getattr(Suite(), test)()


@pytest.mark.parametrize("text", ["often = 1", "seconds = 0", "seconds = soon"])
def test_tick_refuses_invalid_settings(text):
    plugins = Plugins()
    plugins.add_folder(EXAMPLES / "plugins", ["dummy", "hello"], insecure=True)
    plugins.check()
    with pytest.raises(ConfigError, match=rf"\[tick\] {text.split()[0]}"):
        plugins.configure(Config.from_string(f"[tick]\n{text}\n"))


def test_tests_of_the_distribution_pass():
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    environ = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST")}
    folder = EXAMPLES / "plugins" / "package"
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout
