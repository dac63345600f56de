"""The groups of jobs: where they are, and what is prepared for them."""

import errno
import os
from pathlib import Path

import pytest

from gaffer_limits import hierarchy
from gaffer_limits.hierarchy import Hierarchy, HierarchyError, find_own


def test_own_group_is_found_below_its_mount(groups):
    assert find_own() == groups.own


def test_own_group_of_a_container_is_relative_to_what_is_mounted(groups, tmp_path):
    groups.mount(f"30 23 0:26 /docker/abc {tmp_path} rw - cgroup2 cgroup2 rw")
    groups.enter("/docker/abc")
    assert find_own() == tmp_path
    groups.enter("/docker/abc/inner")
    assert find_own() == tmp_path / "inner"


def test_own_group_is_the_same_after_gafferd_has_moved_below_it(groups):
    groups.enter("/system.slice/gafferd.service/gafferd")
    assert find_own() == groups.own


class Writes:
    """Takes what is written into the files of groups; the system refuses what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, str]] = []
        self.refusals: dict[str, list[int]] = {}
        monkeypatch.setattr(hierarchy, "_write", self._write)

    def _write(self, path: Path, text: str) -> None:
        for number in self.refusals.get(path.name, [])[:1]:
            self.refusals[path.name].pop(0)
            raise OSError(number, os.strerror(number), str(path))
        self.done.append((f"{path.parent.name}/{path.name}", text))
        if path.name == "cgroup.procs":
            (path.parent.parent / "cgroup.procs").write_text("")


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(monkeypatch)


JOBS = f"gaffer-jobs-{os.getpid()}"


def test_each_process_gets_a_path_of_its_own(groups, writes):
    found = Hierarchy(groups.own)
    paths = [found.new_path("shop.web.1", []) for _ in range(2)]
    assert paths == [f"{groups.own}/{JOBS}/shop.web.1.{number}" for number in (1, 2)]
    assert writes.done == []


def test_controllers_are_handed_on_once_by_both_groups(groups, writes):
    found = Hierarchy(groups.own)
    found.new_path("a", ["memory"])
    found.new_path("b", ["memory"])
    found.new_path("c", ["memory", "pids"])
    assert writes.done == [
        ("gafferd.service/cgroup.subtree_control", "+memory"),
        (f"{JOBS}/cgroup.subtree_control", "+memory"),
        ("gafferd.service/cgroup.subtree_control", "+pids"),
        (f"{JOBS}/cgroup.subtree_control", "+pids"),
    ]


def test_gafferd_moves_out_of_a_group_that_hands_on_controllers(groups, writes):
    (groups.own / "cgroup.procs").write_text(f"{os.getpid()}\n")
    writes.refusals = {"cgroup.subtree_control": [errno.EBUSY]}
    Hierarchy(groups.own).new_path("a", ["memory"])
    assert writes.done == [
        ("gafferd/cgroup.procs", str(os.getpid())),
        ("gafferd.service/cgroup.subtree_control", "+memory"),
        (f"{JOBS}/cgroup.subtree_control", "+memory"),
    ]


def test_processes_of_others_are_not_moved(groups, writes):
    (groups.own / "cgroup.procs").write_text(f"{os.getpid()}\n1\n")
    writes.refusals = {"cgroup.subtree_control": [errno.EBUSY]}
    with pytest.raises(HierarchyError, match="also holds os pid 1, which gafferd has not started"):
        Hierarchy(groups.own).new_path("a", ["memory"])


def test_a_refusal_of_the_system_names_the_file(groups, writes):
    writes.refusals = {"cgroup.subtree_control": [errno.EACCES]}
    with pytest.raises(HierarchyError, match=r"cgroup.subtree_control: Permission denied"):
        Hierarchy(groups.own).new_path("a", ["memory"])


def test_close_removes_empty_groups_of_this_and_of_killed_gafferds(groups, writes):
    alive = f"gaffer-jobs-{os.getppid()}"
    for name in (f"{JOBS}/a", "gaffer-jobs-999999999/b", f"{alive}/c", "other"):
        (groups.own / name).mkdir(parents=True)
    Hierarchy(groups.own).close()
    assert sorted(path.name for path in groups.own.iterdir() if path.is_dir()) == sorted(
        [alive, "other"]
    )
