"""Test that gaffer prints the messages of docs/troubleshooting.md, and test its index."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from gaffer_testing.waiting import wait_until

PAGE = (Path(__file__).parent.parent / "docs" / "troubleshooting.md").read_text()
MESSAGES = re.findall(r"^```text\n(?:\$ .*\n)?(.*)\n```$", PAGE, re.M)
BIN = Path(sys.executable).parent


def run(*command, cwd, **variables):
    """Run a command; return the last line of its errors, or of its output."""
    environ = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60)
    return (done.stderr or done.stdout).splitlines()[-1]


def generalize(line):
    """Replace what differs from run to run in a message."""
    line = re.sub(r"\(python[\d.]*\)", "(python)", line)
    line = re.sub(r"(?:, next start in \S+ s)$", "", line)
    return re.sub(r"\d+(?:\.\d+)*", "N", line)


def assert_on_page(line):
    assert generalize(line) in map(generalize, MESSAGES)


def test_message_of_an_unknown_key(tmp_path):
    (tmp_path / "gaffer.ini").write_text("[process:web]\ncmdd = sleep 60\n")
    assert_on_page(run("gafferd", "-c", "gaffer.ini", cwd=tmp_path))


def test_message_of_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        bind = f"127.0.0.1:{server.getsockname()[1]}"
        line = run("gafferd", "--bind", bind, cwd=tmp_path)
    # Who listens there is named only if gafferd may see it.
    line = re.sub(r"process \d+ \(\S+\) of user \d+", "process 1 (python3) of user 0", line)
    assert_on_page(line)


def test_message_of_a_plugin_folder_that_others_can_write(tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    folder.chmod(0o777)
    line = run("gafferd", "-p", "plugins", "--disable", "http", cwd=tmp_path)
    assert_on_page(line.replace(str(folder.resolve()), "/srv/plugins"))


def test_message_of_a_gafferd_that_runs_already(tmp_path):
    command = ("gafferd", "--disable", "http", "--pidfile", "gafferd.pid")
    with subprocess.Popen([BIN / "gafferd", *command[1:]], cwd=tmp_path) as first:
        try:
            pidfile = tmp_path / "gafferd.pid"
            wait_until(lambda: pidfile.exists() and pidfile.read_text(), first)
            assert_on_page(run(*command, cwd=tmp_path))
        finally:
            first.terminate()


def test_message_of_a_gafferd_that_does_not_run(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert_on_page(run("gafferctl", "status", cwd=tmp_path, GAFFER_ENDPOINT=endpoint))


@pytest.fixture
def endpoint(tmp_path):
    """A gafferd with a job that fails and one that cannot start."""
    (tmp_path / "gaffer.ini").write_text(
        "[process:web]\ncmd = sh -c 'exit 3'\n[process:missing]\ncmd = ./srv\ncwd = .\n"
    )
    bind = f"unix:{tmp_path}/api"
    command = [BIN / "gafferd", "-c", "gaffer.ini", "--bind", bind]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as gafferd:
        try:
            wait_until((tmp_path / "api").exists, gafferd)
            yield bind
        finally:
            gafferd.terminate()


@pytest.mark.parametrize("job", ["web", "missing"])
def test_status_of_a_job_that_fails(endpoint, tmp_path, job):
    shown = []

    def is_on_page():
        line = run("gafferctl", "status", job, cwd=tmp_path, GAFFER_ENDPOINT=endpoint)
        shown.append(generalize(line.replace(str(tmp_path.resolve()), "/srv/app")))
        return shown[-1] in map(generalize, MESSAGES)

    wait_until(lambda: is_on_page() or len(shown) > 20)
    assert is_on_page(), shown


def test_index_of_the_page_names_every_symptom():
    linked = set(re.findall(r"\]\(#([^)]+)\)", PAGE.split("\n## ")[0]))
    headings = re.findall(r"^## (.*)$", PAGE, re.M)
    anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
    assert linked == anchors
