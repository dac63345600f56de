"""Fake hierarchies of cgroup v2."""

from pathlib import Path

import pytest

from gaffer_limits import hierarchy


class FakeGroups:
    """Files as in /proc and /sys/fs/cgroup, in a folder.

    Attributes:
        own: the group that gafferd seems to be in.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.own = folder / "sys fs" / "system.slice" / "gafferd.service"
        self.own.mkdir(parents=True)
        self._mounts = folder / "mountinfo"
        self._path = folder / "cgroup"
        monkeypatch.setattr(hierarchy, "MOUNTS", self._mounts)
        monkeypatch.setattr(hierarchy, "OWN_GROUP", self._path)
        mount = str(folder / "sys fs").replace(" ", "\\040")
        self.mount(f"30 23 0:26 / {mount} rw,nosuid - cgroup2 cgroup2 rw")
        self.enter("/system.slice/gafferd.service")
        for name in ("cgroup.procs", "cgroup.subtree_control"):
            (self.own / name).write_text("")
        self.offer("cpuset cpu io memory pids")

    def mount(self, line: str) -> None:
        """Let one file system be mounted."""
        self._mounts.write_text(f"1 1 8:1 / / rw - ext4 /dev/sda1 rw\n{line}\n")

    def enter(self, path: str) -> None:
        """Let gafferd be in a group."""
        self._path.write_text(f"4:memory:/other\n0::{path}\n")

    def offer(self, controllers: str) -> None:
        """Let the group have these controllers."""
        (self.own / "cgroup.controllers").write_text(f"{controllers}\n")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGroups:
    """A group with every controller, in which everything can be written."""
    return FakeGroups(tmp_path, monkeypatch)
