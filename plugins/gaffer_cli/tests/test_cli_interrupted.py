"""Ctrl-C during imports."""

import signal
import subprocess
import time

import pytest

from .conftest import COMMANDS

IMPORTING = """
import pathlib, time

pathlib.Path("importing").touch()
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (("gaffer", "start"), "click"),
        (("gaffer", "start"), "trio"),
        (("gaffer", "run", "true"), "gaffer_kernel"),
        (("gafferctl", "processes"), "click"),
        (("gafferctl", "processes"), "gaffer_client"),
    ],
)
def test_ctrl_c_during_an_import_prints_no_traceback(
    environ, tmp_path, procfile, arguments, module
):
    procfile(web="sleep 1000")
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / f"{module}.py").write_text(IMPORTING)
    program, *rest = arguments
    process = subprocess.Popen(
        [COMMANDS / program, *rest],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(tmp_path / "shadow")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            deadline = time.monotonic() + 60
            while not (tmp_path / "importing").exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, output) == (-signal.SIGINT, "")


def test_ignored_sigint_stays_ignored_during_imports(environ, tmp_path):
    ignoring = """
import os, signal
from gaffer_cli.entry import exit_on_sigint

exit_on_sigint()
print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
"""
    argv = ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', COMMANDS / "python", ignoring]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n"
