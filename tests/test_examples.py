"""The examples that talk to gafferd, beside a real one that runs `examples/gaffer.ini`."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
DEADLINE = 60.0
"""Seconds for one program on a very busy machine."""


def wait_for(condition, process):
    """What a condition gives, once it is something, as long as the process lives."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


@pytest.fixture
def url(tmp_path):
    """Where the API of gafferd answers, with all its jobs running."""
    log = tmp_path / "log"
    command = [
        *(Path(sys.executable).with_name("gafferd"), "-c", "gaffer.ini"),
        *("--bind", "127.0.0.1:0", "--log-level", "info", "--error-log", log),
    ]
    environ = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(command, cwd=EXAMPLES, env=environ) as process:
        try:
            listening = re.compile(r"listening on (\S+)")
            [url] = wait_for(lambda: log.exists() and listening.findall(log.read_text()), process)
            wait_for(lambda: json.load(urlopen(f"{url}/pids"))["pids"] == [1, 2], process)
            yield url
        finally:
            process.terminate()
            assert process.wait(DEADLINE) == 0


def test_the_echo_client_hears_what_it_has_said(url):
    done = subprocess.run(
        [sys.executable, "-W", "error", "echo_client.py", url],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (done.stdout, done.stderr) == ("Sent\nReceiving...\nReceived 'ECHO\\n'\n", "")
