"""The measured supervisors: the configuration file and the command of each."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import STDOUT, Popen
from tempfile import TemporaryDirectory

from importlib_metadata import entry_points

from harness.processes import children, end_all

HERE = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PEERS = BIN.parent / "peers"


@dataclass(frozen=True)
class Program:
    """A command that a supervisor keeps alive; its outputs are read and discarded."""

    name: str
    command: list[str]
    count: int = 1


Writer = Callable[[Path, Iterable[Program]], list[str]]
"""Writes the configuration into a folder and returns the command to run."""


def gafferd(
    folder: Path,
    programs: Iterable[Program],
    *,
    plugins: Collection[str] = ("signals",),
    options: Iterable[str] = (),
) -> list[str]:
    """Write the configuration of a gafferd with only these plugins."""
    others = sorted({point.name for point in entry_points(group="gaffer")} - set(plugins))
    lines = ["[gaffer]", f"disable_plugins = {' '.join(others)}"]
    for program in programs:
        lines += [
            f"[process:{program.name}]",
            f"cmd = {shlex.join(program.command)}",
            f"numprocesses = {program.count}",
            "redirect_output = stdout, stderr",
        ]
    path = _write(folder / "gaffer.ini", lines)
    return [str(BIN / "gafferd"), "-c", path, *options]


def supervisord(folder: Path, programs: Iterable[Program], *, port: int | None = None) -> list[str]:
    """Write that of a supervisord with defaults, but without log files; its API is on `port`."""
    lines = [
        "[supervisord]",
        "nodaemon = true",
        "minfds = 4096",
        f"logfile = {folder / 'supervisord.log'}",
        f"pidfile = {folder / 'supervisord.pid'}",
    ]
    if port is not None:
        lines += [
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
            "[inet_http_server]",
            f"port = 127.0.0.1:{port}",
        ]
    for program in programs:
        lines += [
            f"[program:{program.name}]",
            f"command = {shlex.join(program.command)}",
            f"numprocs = {program.count}",
            "process_name = %(program_name)s_%(process_num)d",
            "stdout_logfile = NONE",
            "stderr_logfile = NONE",
        ]
    path = _write(folder / "supervisord.ini", lines)
    return [str(PEERS / "bin" / "supervisord"), "-c", path]


def circusd(folder: Path, programs: Iterable[Program]) -> list[str]:
    """Write that of a circusd with defaults; the outputs are read and go to /dev/null."""
    lines = [
        "[circus]",
        f"endpoint = {circus_endpoint(folder)}",
        f"pubsub_endpoint = ipc://{folder / 'pubsub'}",
        "statsd = false",
    ]
    for program in programs:
        lines += [
            f"[watcher:{program.name}]",
            f"cmd = {shlex.join(program.command)}",
            f"numprocesses = {program.count}",
            "copy_env = true",
            "stdout_stream.class = FileStream",
            "stdout_stream.filename = /dev/null",
            "stderr_stream.class = FileStream",
            "stderr_stream.filename = /dev/null",
        ]
    path = _write(folder / "circus.ini", lines)
    return [str(PEERS / "bin" / "circusd"), path]


def circus_endpoint(folder: Path) -> str:
    """Return the control endpoint of a circusd of this folder."""
    return f"ipc://{folder / 'control'}"


def _write(path: Path, lines: Iterable[str]) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


WRITERS: dict[str, Writer] = {"gafferd": gafferd, "supervisord": supervisord, "circus": circusd}


@cache
def why_no_peers() -> str:
    """Install supervisord and circus into their own venv; return the reason of a failure, or ''."""
    uv = BIN / "uv"
    python = PEERS / "bin" / "python"
    requirements = HERE / "requirements.txt"
    try:
        if not python.exists():
            _quiet(uv, "venv", "-q", "--python", sys.executable, PEERS)
        _quiet(uv, "pip", "install", "-q", "--python", python, "-r", requirements)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", "") or str(error)
        print(
            f"supervisord and circus: not installed, so they are left out: {reason.strip()}",
            file=sys.stderr,
        )
        return "not installed"
    return ""


def _quiet(*command: str | Path) -> None:
    subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)


class Daemon:
    """A running supervisor."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._log = folder / "output"
        with self._log.open("wb") as log:
            # Its own HOME: plugins and settings of the current user must not be measured.
            environ = {**os.environ, "HOME": str(folder)}
            self._process = Popen(command, stdout=log, stderr=STDOUT, cwd=folder, env=environ)
        self._name = Path(command[0]).name
        self.pid = self._process.pid

    def count(self) -> int:
        """Count its children; raise as `check` does if there are none."""
        found = len(children(self.pid))
        if not found:
            self.check()
        return found

    def check(self) -> None:
        """Check that it runs.

        Raises:
            RuntimeError: it has exited; the error contains the last line of its log.
        """
        if (status := self._process.poll()) is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"{self._name} exited with status {status}: {lines}")

    def stop(self, seconds: float = 120) -> None:
        """Send SIGTERM and wait until it is gone."""
        self._process.terminate()
        self._process.wait(seconds)


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[Daemon]:
    """Run a supervisor during the block, then kill every process that is left."""
    try:
        yield Daemon(command, folder)
    finally:
        end_all()


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a temporary folder for one trial."""
    with TemporaryDirectory(prefix="gaffer-bench-") as name:
        yield Path(name)
