"""The command gafferd for tests: in a folder of its own, without the plugins that are installed."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path

from tests.waiting import wait_until

COMMAND = Path(sys.executable).with_name("gafferd")
DEADLINE = 20.0
"""Seconds for anything that is waited for."""
CHILD = "sh -c 'echo $$$$ >{mark}.new; mv {mark}.new {mark}; exec sleep 600'"
"""The command of a job that writes its os pid to the file `mark`."""


class Home:
    """A folder that is gafferd's working directory and its HOME.

    Args:
        folder: the same.
        plugins: the names of those installed that gafferd may use there.
    """

    def __init__(self, folder, *plugins):
        self.folder = folder
        self.plugins = plugins

    def __truediv__(self, name):
        return self.folder / name

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def job(self, name, cmd=CHILD, **keys):
        """A section for a file; the job writes its pid to the file NAME.pid when it has started."""
        values = {"cmd": cmd.format(mark=f"{name}.pid"), **keys}
        lines = (f"{key} = {value}" for key, value in values.items())
        return "\n".join([f"[process:{name}]", *lines, ""])

    def command(self, *args):
        installed = {point.name for point in entry_points(group="gaffer")}
        disabled = (f"--disable={name}" for name in sorted(installed.difference(self.plugins)))
        return [*disabled, *map(str, args)]

    def environ(self, **more):
        inherited = {key: value for key, value in os.environ.items() if "GAFFER" not in key}
        return {**inherited, "HOME": str(self.folder), "COLUMNS": "200", **more}

    def run(self, *args, program=(COMMAND,), **env):
        """Run it to its end."""
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
    def running(self, *args, program=(COMMAND,), **env):
        """Run it while the block lasts; its messages go to the files `out` and `err`."""
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

    def clean_up(self):
        """Kill the jobs, if gafferd could not do it."""
        for cwd in Path("/proc").glob("[0-9]*/cwd"):
            # Gone meanwhile, or not ours.
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if cwd.readlink() == self.folder:
                    os.kill(int(cwd.parent.name), signal.SIGKILL)

    def messages(self):
        return (self / "err").read_text()

    def pid(self, name):
        """The pid in a file, once it is there."""
        wait_until(lambda: (self / name).exists() and (self / name).read_text().strip())
        return int((self / name).read_text())


def is_alive(pid):
    """Whether a process runs: the dead whom nobody has waited for yet do not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def one_line(result, status=1):
    """The single line in which gafferd said why it ended, without its beginning."""
    assert result.returncode == status, result
    assert result.stderr.startswith("gafferd: "), result.stderr
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("gafferd: ").removesuffix("\n")
