"""Test the first hour of the README: the Procfile, its sessions, and the pictures."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PICTURES = ROOT / "docs" / "pictures"
DEADLINE = 60.0
"""Seconds for one command, on a very busy machine."""

PROCFILE = re.compile(r"^A `Procfile` .*\n\n```text\n(.*?)^```\n", re.M | re.S)
SESSION = re.compile(r"^<!-- run: hello -->\n```console\n(.*?)^```\n", re.M | re.S)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
IMAGE = re.compile(r"!\[([^]]+)\]\((docs/pictures/\S+\.svg)\)")


def read_lines(text):
    """Return the lines of an output as a set, without what differs from run to run."""
    text = re.sub(r"(?:http://|(?:http\+)?unix:)[^\s,]+(?:, http://[^\s,]+)*", "ADDRESS", text)
    text = re.sub(r"(?<=pid file )\S+", "PATH", text)
    # A process that crashes again and again may just run.
    text = re.sub(r", next start in \S+ s", "", text)
    text = re.sub(r"\brestart\b", "restarts", text)
    return {re.sub(r"\d+(?:[.:]\d+)*", "N", line) for line in text.splitlines()}


@pytest.fixture
def shell(tmp_path):
    """A function that runs a command in the folder `hello`; its gafferd has a socket of its own."""
    folder = tmp_path / "hello"
    folder.mkdir()
    [procfile] = PROCFILE.findall(README)
    (folder / "Procfile").write_text(procfile)
    home = tmp_path / "home"
    (home / ".gaffer").mkdir(parents=True)
    (home / ".gaffer" / "gafferd.ini").write_text(
        "[gaffer]\nhttp_endpoints = api\n[endpoint:api]\nbind = unix:~/api\n"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    endpoint = f"unix:{home}/api"
    environ = {**os.environ, "HOME": str(home), "PATH": path, "GAFFER_ENDPOINT": endpoint}

    def run(line):
        command = f"{{ {line}; }} 2>&1"
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return done.stdout

    yield run
    run("gafferctl shutdown")


def test_sixty_seconds_show_the_printed_lines(shell):
    commands = [each for text in SESSION.findall(README) for each in COMMAND.findall(text)]
    assert len(commands) > 6
    for line, expected in commands:
        printed = shell(line)
        missing = read_lines(expected) - read_lines(printed)
        assert not missing, f"{line}\n{printed}"


def test_pictures_hold_their_text():
    shown = {path: text for text, path in IMAGE.findall(README)}
    assert sorted(shown) == sorted(f"docs/pictures/{p.name}" for p in PICTURES.glob("*.svg"))
    for path, words in (
        ("docs/pictures/start.svg", ("web.1", "spawn process", "exited with status 1")),
        ("docs/pictures/top.svg", ("shop.web", "RESTARTS", "q quit")),
    ):
        text = " ".join(ElementTree.parse(ROOT / path).getroot().itertext())
        for word in words:
            assert word in text


def test_pictures_are_made_from_sessions(tmp_path):
    command = (sys.executable, PICTURES / "record.py", "--folder", tmp_path)
    bind = ("--bind", f"unix:{tmp_path}/api")
    done = subprocess.run(
        (*command, *bind), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    top = " ".join(ElementTree.parse(tmp_path / "top.svg").getroot().itertext())
    assert "-- shop.web" in top
