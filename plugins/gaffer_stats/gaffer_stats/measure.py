"""One pass over the system: reads /proc, so it may take its time and belongs into a thread."""

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

DEEPEST = 32
"""How many levels of children are shown as such; whatever is below is shown on the last one."""

MAX_CMDLINE = 4096
"""Characters."""

_TICK = 1 / os.sysconf("SC_CLK_TCK")


class Kin(NamedTuple):
    """Where a process comes from: its parent, and when it was started, in ticks since boot."""

    parent: int
    started: int


class _Before(NamedTuple):
    """What a process had used at a time of the clock of boot, in seconds."""

    at: float
    used: float


class Meter:
    """Measures processes, and remembers of each what it needs to tell the use of the processor.

    Must not be used by two threads at once.
    """

    def __init__(self) -> None:
        self._memory = psutil.virtual_memory().total
        self._users: dict[int, str] = {}
        self._passed_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._before: dict[tuple[int, int], _Before] = {}
        self._now: dict[tuple[int, int], _Before] = {}

    def measure(self, os_pids: Iterable[int]) -> dict[int, Sample]:
        """Measure processes and all that they have started; those that are gone are left out."""
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        kin = read_kin()
        families: dict[int, list[int]] = {}
        for os_pid, (parent, _) in kin.items():
            families.setdefault(parent, []).append(os_pid)
        samples = {
            os_pid: self._family(os_pid, families, kin) for os_pid in os_pids if os_pid in kin
        }
        self._passed_at, self._before, self._now = began, self._now, {}
        return samples

    def _family(self, root: int, families: dict[int, list[int]], kin: dict[int, Kin]) -> Sample:
        # No recursion: how deep it goes is up to the processes.
        levels, above, order = {root: 0}, {root: root}, [root]
        for os_pid in order:
            for child in families.get(os_pid, ()):
                # The map is not of one moment: a number used twice could make a ring of it.
                if child not in levels:
                    last = levels[os_pid] == DEEPEST
                    levels[child] = levels[os_pid] + (not last)
                    above[child] = above[os_pid] if last else os_pid
                    order.append(child)
        children: dict[int, list[Sample]] = {os_pid: [] for os_pid in order}
        for os_pid in reversed(order[1:]):
            sample = self._one(os_pid, kin[os_pid].started, children.pop(os_pid))
            children[above[os_pid]].append(sample)
        return self._one(root, kin[root].started, children[root])

    def _one(self, os_pid: int, started: int, children: list[Sample]) -> Sample:
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
            name=_printable(read["name"]) if read["name"] else None,
            cpu=self._cpu(os_pid, started, used) if used is not None else None,
            mem=round(100 * memory.rss / self._memory, 3) if memory else None,
            mem_info1=memory.rss if memory else None,
            mem_info2=memory.vms if memory else None,
            ctime=round(used, 2) if used is not None else None,
            nice=read["nice"],
            username=self._user(read["uids"].real) if read["uids"] else None,
            cmdline=_command_line(read["cmdline"]) if read["cmdline"] else None,
            children=kept,
        )

    def _cpu(self, os_pid: int, started: int, used: float) -> float | None:
        key = os_pid, started
        now = self._now[key] = _Before(time.clock_gettime(time.CLOCK_BOOTTIME), used)
        before = self._before.get(key)
        if before is None:
            if (started + 1) * _TICK < self._passed_at:
                return None
            # Born since the pass before: all it has used is of this interval.
            before = _Before(started * _TICK, 0.0)
        return max(0.0, round(100 * (used - before.used) / max(now.at - before.at, _TICK), 1))

    def _user(self, uid: int) -> str:
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]


def read_kin() -> dict[int, Kin]:
    """Every process of the system, by os pid. psutil would take three times as long."""
    found: dict[int, Kin] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        # No descriptor is left: nothing can be read for now.
        return found
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name, in brackets, may hold anything, brackets too.
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            found[int(name)] = Kin(int(fields[1]), int(fields[19]))
    return found


def _command_line(words: list[str]) -> str:
    text, length = [], 0
    for word in words:
        length += len(word) + 1
        text.append(shlex.quote(word[:MAX_CMDLINE]))
        if length > MAX_CMDLINE:
            break
    line = _printable(" ".join(text))
    return line if length <= MAX_CMDLINE + 1 else f"{line[:MAX_CMDLINE]}..."


def _printable(text: str) -> str:
    """Text as JSON can hold it: a program may call itself anything, other encodings too."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
