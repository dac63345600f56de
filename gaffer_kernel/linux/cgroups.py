"""The cgroup v2 folder of one process: created, entered, killed, removed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.spawn_settings import Cgroup


class CgroupFolder:
    """A control group with one process and all that it started.

    Args:
        cgroup: its path, and the values of its files.
    """

    def __init__(self, cgroup: Cgroup) -> None:
        self._path = cgroup.path
        self._values = cgroup.values

    def create(self) -> None:
        """Create it, and write its values.

        Raises:
            SpawnError: `bad_setting`; then it does not exist.
        """
        try:
            os.mkdir(self._path)
        except OSError as error:
            raise _error(f"cannot create {self._path}", error) from None
        for name, value in self._values.items():
            try:
                self._write(name, value)
            except OSError as error:
                self.remove()
                raise _error(f"cannot write {value} into {self._path}/{name}", error) from None

    def enter(self, pid: int) -> None:
        """Move a process into it. Raises SpawnError."""
        try:
            self._write("cgroup.procs", str(pid))
        except OSError as error:
            raise _error(f"cannot enter {self._path}", error) from None

    def kill(self) -> None:
        """Send SIGKILL to everything in it, and in the groups below it."""
        try:
            self._write("cgroup.kill", "1")
        except OSError:
            # Linux has cgroup.kill from 5.14 on.
            for pid in self._read("cgroup.procs").split():
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(pid), signal.SIGKILL)

    def is_populated(self) -> bool:
        """Return whether a process is in it, or in a group below it; zombies do not count."""
        return "populated 1" in self._read("cgroup.events").splitlines()

    def has_oom_kill(self) -> bool:
        """Return whether the system has killed a process in it because of its memory limit."""
        return any(
            line.startswith("oom_kill ") and line != "oom_kill 0"
            for line in self._read("memory.events").splitlines()
        )

    def remove(self) -> None:
        """Remove it, with the groups that its processes made; nothing while one is in it."""
        for folder, _, _ in os.walk(self._path, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)

    def _write(self, name: str, value: str) -> None:
        # No O_CREAT: a file that the system does not offer must not be made.
        descriptor = os.open(f"{self._path}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)

    def _read(self, name: str) -> str:
        try:
            with open(f"{self._path}/{name}") as file:
                return file.read()
        except OSError:
            return ""


def _error(what: str, error: OSError) -> SpawnError:
    return SpawnError("bad_setting", f"cgroup: {what}: {error.strerror}")
