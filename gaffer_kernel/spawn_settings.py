"""SpawnSettings: limits and the like, which plugins set for a process before it begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gaffer_kernel.errors import SpawnError

FIRST_DESCRIPTOR = 3
"""The number of the first descriptor that a process inherits after its standard streams."""
UNLIMITED = -1
"""A limit in `rlimits` that limits nothing: RLIM_INFINITY."""


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A control group for one process and all that it starts.

    It is created for the process, and removed after it. When the process exits or gets SIGKILL,
    everything in the group is killed, whatever it did to leave its process group.

    Attributes:
        path: the absolute path of a folder, not existing yet, in a mounted cgroup v2 hierarchy.
        values: what to write into its files before the process enters: `{"pids.max": "10"}`.
    """

    path: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpawnSettings:
    """Limits and the like of a process when its program begins; None and empty: as gafferd's.

    Attributes:
        rlimits: soft and hard limit by the name of the resource in lower case, such as `nofile`;
            UNLIMITED limits nothing.
        nice: from -20 to 19.
        cpu_affinity: the numbers of the processors to run on.
        oom_score_adj: from -1000 to 1000.
        umask: the mask of new files.
        cgroup: the control group to enter.
        descriptors: open descriptors to inherit, by name. They are 3, 4 and so on, before those of
            `custom_streams`. The process has LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID, and
            GAFFER_FD_NAME for each name.
    """

    rlimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    nice: int | None = None
    cpu_affinity: frozenset[int] | None = None
    oom_score_adj: int | None = None
    umask: int | None = None
    cgroup: Cgroup | None = None
    descriptors: Mapping[str, int] = field(default_factory=dict)

    @property
    def needs_gate(self) -> bool:
        """Whether the process has to wait until gafferd has set something for it."""
        others = (self.nice, self.cpu_affinity, self.oom_score_adj, self.cgroup)
        return bool(self.rlimits) or any(each is not None for each in others)


def describe_descriptors(names: Sequence[str]) -> dict[str, str]:
    """Return the variables that say which descriptors a process has inherited, by their names.

    LISTEN_PID is missing: only the process itself knows its number before it begins.
    """
    if not names:
        return {}
    environ = {"LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)}
    for number, name in enumerate(names, FIRST_DESCRIPTOR):
        environ[f"GAFFER_FD_{re.sub('[^A-Z0-9_]', '_', name.upper())}"] = str(number)
    return environ


_SINGLE = ("nice", "cpu_affinity", "oom_score_adj", "umask", "cgroup")
_MAPPINGS = {"rlimits": "rlimit_", "descriptors": "descriptor "}


def merge_settings(found: Iterable[tuple[str, SpawnSettings]]) -> SpawnSettings | None:
    """Return the settings of all plugins in one; None if there are none.

    Args:
        found: the names of plugins, and what they set.

    Raises:
        SpawnError: `conflicting_settings`: two plugins set the same to different values.
    """
    merged: dict[str, Any] = {}
    owners: dict[str, str] = {}
    for plugin, settings in found:
        for name, field_name, key, value in _entries(settings):
            target = merged if key is None else merged.setdefault(field_name, {})
            place = field_name if key is None else key
            if target.setdefault(place, value) != value:
                raise SpawnError(
                    "conflicting_settings",
                    f"the plugins {owners[name]} and {plugin} both set {name}: remove one of them",
                )
            owners.setdefault(name, plugin)
    return SpawnSettings(**merged) if merged else None


def _entries(settings: SpawnSettings) -> Iterator[tuple[str, str, str | None, Any]]:
    """Yield the name for people, the field, the key in it, and the value of each setting."""
    for name in _SINGLE:
        value = getattr(settings, name)
        if value is not None:
            yield name, name, None, value
    for name, prefix in _MAPPINGS.items():
        for key, value in getattr(settings, name).items():
            yield f"{prefix}{key}", name, key, value
