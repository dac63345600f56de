"""One pass over the system. It reads /proc, which can block, so it belongs in a thread."""

from __future__ import annotations

import os
import pwd
import shlex
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import psutil

from gaffer_stats.sample import Sample

FIELDS = ("name", "cpu_times", "memory_info", "nice", "uids", "cmdline")

MAX_DEPTH = 32
"""Levels of children; deeper descendants are listed on the last level."""

MAX_CMDLINE = 4096
"""Characters."""

_TICK = 1 / os.sysconf("SC_CLK_TCK")


class ProcStat(NamedTuple):
    """The fields of /proc/PID/stat in use: parent, and start time in clock ticks since boot."""

    parent: int
    started: int


class _CpuUse(NamedTuple):
    """Processor time used by a process until a time of CLOCK_BOOTTIME, in seconds."""

    at: float
    used: float


class Meter:
    """Measure processes; the use of the processor is that since the previous pass.

    Two threads must not use it at once.
    """

    def __init__(self) -> None:
        self._memory = psutil.virtual_memory().total
        self._usernames: dict[int, str] = {}
        self._last_pass = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._last_uses: dict[tuple[int, int], _CpuUse] = {}
        self._uses: dict[tuple[int, int], _CpuUse] = {}

    def measure(self, os_pids: Iterable[int]) -> dict[int, Sample]:
        """Measure processes and their descendants; processes that have exited are left out."""
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        stats = read_proc_stats()
        children_by_parent: dict[int, list[int]] = {}
        for os_pid, (parent, _) in stats.items():
            children_by_parent.setdefault(parent, []).append(os_pid)
        samples = {
            os_pid: self._measure_tree(os_pid, children_by_parent, stats)
            for os_pid in os_pids
            if os_pid in stats
        }
        self._last_pass, self._last_uses, self._uses = began, self._uses, {}
        return samples

    def _measure_tree(
        self, root: int, children_by_parent: dict[int, list[int]], stats: dict[int, ProcStat]
    ) -> Sample:
        # Not recursive: the processes decide how deep the tree is.
        levels, parents, order = {root: 0}, {root: root}, [root]
        for os_pid in order:
            for child in children_by_parent.get(os_pid, ()):
                # The map is not a snapshot: a reused pid could make a cycle.
                if child not in levels:
                    last = levels[os_pid] == MAX_DEPTH
                    levels[child] = levels[os_pid] + (not last)
                    parents[child] = parents[os_pid] if last else os_pid
                    order.append(child)
        children: dict[int, list[Sample]] = {os_pid: [] for os_pid in order}
        for os_pid in reversed(order[1:]):
            sample = self._measure_one(os_pid, stats[os_pid].started, children.pop(os_pid))
            children[parents[os_pid]].append(sample)
        return self._measure_one(root, stats[root].started, children[root])

    def _measure_one(self, os_pid: int, started: int, children: list[Sample]) -> Sample:
        kept = tuple(reversed(children))
        try:
            process = psutil.Process(os_pid)
            read: dict[str, Any] = process.as_dict(FIELDS, ad_value=None)
        except (psutil.Error, OSError):
            return Sample(os_pid=os_pid, children=kept)
        memory, times = read["memory_info"], read["cpu_times"]
        used = times.user + times.system if times else None
        return Sample(
            os_pid=os_pid,
            name=_replace_invalid(read["name"]) if read["name"] else None,
            cpu=self._get_cpu(os_pid, started, used) if used is not None else None,
            mem=round(100 * memory.rss / self._memory, 3) if memory else None,
            mem_info1=memory.rss if memory else None,
            mem_info2=memory.vms if memory else None,
            ctime=round(used, 2) if used is not None else None,
            nice=read["nice"],
            username=self._get_username(read["uids"].real) if read["uids"] else None,
            cmdline=_format_command_line(read["cmdline"]) if read["cmdline"] else None,
            children=kept,
        )

    def _get_cpu(self, os_pid: int, started: int, used: float) -> float | None:
        key = os_pid, started
        now = self._uses[key] = _CpuUse(time.clock_gettime(time.CLOCK_BOOTTIME), used)
        before = self._last_uses.get(key)
        if before is None:
            if (started + 1) * _TICK < self._last_pass:
                return None
            # Started since the last pass: all its use belongs to this interval.
            before = _CpuUse(started * _TICK, 0.0)
        return max(0.0, round(100 * (used - before.used) / max(now.at - before.at, _TICK), 1))

    def _get_username(self, uid: int) -> str:
        if uid not in self._usernames:
            try:
                self._usernames[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._usernames[uid] = str(uid)
        return self._usernames[uid]


def read_proc_stats() -> dict[int, ProcStat]:
    """Read parent and start time of every process; psutil would take three times as long."""
    found: dict[int, ProcStat] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        # EMFILE: no descriptor is left, so nothing can be read now.
        return found
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name, in parentheses, can contain anything, also parentheses.
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            found[int(name)] = ProcStat(int(fields[1]), int(fields[19]))
    return found


def _format_command_line(words: list[str]) -> str:
    text, length = [], 0
    for word in words:
        length += len(word) + 1
        text.append(shlex.quote(word[:MAX_CMDLINE]))
        if length > MAX_CMDLINE:
            break
    line = _replace_invalid(" ".join(text))
    return line if length <= MAX_CMDLINE + 1 else f"{line[:MAX_CMDLINE]}..."


def _replace_invalid(text: str) -> str:
    """Replace bytes that are not UTF-8, which JSON cannot represent and names can contain."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
