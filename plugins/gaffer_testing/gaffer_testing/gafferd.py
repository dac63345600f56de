"""The command gafferd, run in a folder of its own without the plugins that are installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path

from gaffer_testing.waiting import wait_until

COMMAND = Path(sys.executable).with_name("gafferd")

DEADLINE = 20.0
"""Seconds for a run of gafferd that exits."""

CHILD = "sh -c 'echo $$$$ >{mark}.new; mv {mark}.new {mark}; exec sleep 600'"
"""The command of a job that writes its os pid to the file `mark`."""


class Home:
    """A folder that is the working directory and the HOME of gafferd.

    Args:
        folder: the folder.
        plugins: the names of the installed plugins that gafferd may load.
    """

    def __init__(self, folder: Path, *plugins: str) -> None:
        self.folder = folder
        self.plugins = plugins

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, text: str) -> Path:
        """Write a file, and create its folders."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def job(self, name: str, cmd: str = CHILD, **keys: object) -> str:
        """Return the section of a job, which writes its pid to `NAME.pid` when it has started."""
        values = {"cmd": cmd.format(mark=f"{name}.pid"), **keys}
        lines = (f"{key} = {value}" for key, value in values.items())
        return "\n".join([f"[process:{name}]", *lines, ""])

    def command(self, *args: object) -> list[str]:
        """Return arguments of gafferd that disable every other installed plugin."""
        installed = {point.name for point in entry_points(group="gaffer")}
        disabled = (f"--disable={name}" for name in sorted(installed.difference(self.plugins)))
        return [*disabled, *map(str, args)]

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment for gafferd, without variables of gaffer."""
        inherited = {key: value for key, value in os.environ.items() if "GAFFER" not in key}
        return {**inherited, "HOME": str(self.folder), "COLUMNS": "200", **more}

    def run(
        self, *args: object, program: Sequence[str | Path] = (COMMAND,), **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run gafferd until it exits."""
        return subprocess.run(
            [*program, *self.command(*args)],
            cwd=self.folder,
            env=self.environ(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    @contextmanager
    def running(
        self, *args: object, program: Sequence[str | Path] = (COMMAND,), **env: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run gafferd during the block; its output goes to the files `out` and `err`."""
        with open(self / "out", "wb") as out, open(self / "err", "wb") as err:
            process = subprocess.Popen(
                [*program, *self.command(*args)],
                cwd=self.folder,
                env=self.environ(**env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        with process:
            try:
                yield process
            finally:
                process.kill()
                self.clean_up()

    def clean_up(self) -> None:
        """Kill the processes in the folder, as gafferd cannot stop its jobs after SIGKILL."""
        for cwd in Path("/proc").glob("[0-9]*/cwd"):
            # The process has exited meanwhile, or belongs to another user.
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if cwd.readlink() == self.folder:
                    os.kill(int(cwd.parent.name), signal.SIGKILL)

    def messages(self) -> str:
        """Return the log of the gafferd that `running` started."""
        return (self / "err").read_text()

    def pid(self, name: str) -> int:
        """Wait for a file with a pid, and return the pid."""
        wait_until(lambda: (self / name).exists() and (self / name).read_text().strip())
        return int((self / name).read_text())


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def one_line(result: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """Return the single error line of a gafferd that has exited, without its prefix."""
    assert result.returncode == status, result
    assert result.stderr.startswith("gafferd: "), result.stderr
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("gafferd: ").removesuffix("\n")
