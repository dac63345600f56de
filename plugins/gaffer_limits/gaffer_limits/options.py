"""LimitOptions: the keys that this plugin adds to jobs."""

from __future__ import annotations

from typing import Annotated

from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import Flag, Percent, Seconds, Size
from msgspec import Meta, Struct

from gaffer_limits.hierarchy import find_problem
from gaffer_limits.limits import parse_limit, parse_processors, parse_umask

Limit = Annotated[int | str | None, Meta(title="a limit such as 1024, SOFT:HARD or unlimited")]
SizeLimit = Annotated[int | str | None, Meta(title="a limit such as 64M, SOFT:HARD or unlimited")]
Processors = Annotated[tuple[int | str, ...], Meta(title="processors such as 0, 2-3")]

MEMORY_RESTART_FOR = 30.0
"""Seconds."""

CONTROLLERS = {"memory_max": "memory", "cpu_max": "cpu", "pids_max": "pids"}
"""The controllers of cgroup v2 that keys need."""

RESOURCES = (
    *("as", "core", "cpu", "data", "fsize", "memlock", "msgqueue", "nice", "nofile", "nproc"),
    *("rss", "rtprio", "rttime", "sigpending", "stack"),
)


class LimitOptions(Struct, frozen=True):
    """The limits of one job.

    Raises:
        InvalidField: names the key that cannot be accepted, and why.
    """

    rlimit_as: Annotated[SizeLimit, Meta(description="Bytes of address space.")] = None
    rlimit_core: Annotated[SizeLimit, Meta(description="Bytes of a core dump.")] = None
    rlimit_cpu: Annotated[Limit, Meta(description="Seconds of processor time.")] = None
    rlimit_data: Annotated[SizeLimit, Meta(description="Bytes of data and heap.")] = None
    rlimit_fsize: Annotated[SizeLimit, Meta(description="Bytes of a file that it writes.")] = None
    rlimit_memlock: Annotated[SizeLimit, Meta(description="Bytes of locked memory.")] = None
    rlimit_msgqueue: Annotated[SizeLimit, Meta(description="Bytes in POSIX message queues.")] = None
    rlimit_nice: Annotated[Limit, Meta(description="20 minus the best niceness it may choose.")] = (
        None
    )
    rlimit_nofile: Annotated[Limit, Meta(description="Open files.")] = None
    rlimit_nproc: Annotated[Limit, Meta(description="Processes of its user.")] = None
    rlimit_rss: Annotated[
        SizeLimit,
        Meta(description="Bytes of resident memory; Linux ignores it."),
    ] = None
    rlimit_rtprio: Annotated[
        Limit,
        Meta(description="The highest real-time priority it may choose."),
    ] = None
    rlimit_rttime: Annotated[
        Limit,
        Meta(description="Microseconds at real-time priority without a system call."),
    ] = None
    rlimit_sigpending: Annotated[Limit, Meta(description="Pending signals of its user.")] = None
    rlimit_stack: Annotated[SizeLimit, Meta(description="Bytes of the stack.")] = None
    nice: Annotated[
        Annotated[int, Meta(ge=-20, le=19)] | None,
        Meta(
            title="a whole number from -20 to 19",
            description="The niceness: 19 lets all others go first; only root may go below 0.",
        ),
    ] = None
    cpu_affinity: Annotated[
        Processors, Meta(description="The processors that it may run on, counted from 0.")
    ] = ()
    oom_score_adj: Annotated[
        Annotated[int, Meta(ge=-1000, le=1000)] | None,
        Meta(
            title="a whole number from -1000 to 1000",
            description="1000 is killed first when the machine is out of memory, -1000 never.",
        ),
    ] = None
    umask: Annotated[
        str | None,
        Meta(
            title="octal digits such as 022",
            description="The permissions that new files do not get, as text of octal digits.",
        ),
    ] = None
    memory_max: Annotated[
        Size | None,
        Meta(
            title="a number of bytes from 1, such as 64M or 1G",
            description="The most memory that it and its children use; above that one is killed.",
        ),
    ] = None
    cpu_max: Annotated[
        Percent | None,
        Meta(
            title="a percentage of one processor from 1, such as 50%",
            description="The most processor time that it and its children use; 200% is two"
            " processors.",
        ),
    ] = None
    pids_max: Annotated[
        Annotated[int, Meta(ge=1, le=2**31 - 1)] | None,
        Meta(
            title="a whole number from 1",
            description="The most processes and threads that it and its children are.",
        ),
    ] = None
    cgroup: Annotated[
        Flag,
        Meta(
            description="Run it in a control group of its own even without a limit: nothing that it"
            " starts can outlive it."
        ),
    ] = False

    memory_restart: Annotated[
        Size | None,
        Meta(
            title="a number of bytes from 1, such as 64M or 1G",
            description="Replace a process that uses more memory than this, with its children.",
            extra={"applies": "live"},
        ),
    ] = None
    memory_restart_for: Annotated[
        Seconds,
        Meta(
            description="How long it must use more than `memory_restart`.",
            extra={"applies": "live"},
        ),
    ] = MEMORY_RESTART_FOR

    def __post_init__(self) -> None:
        self.rlimits()
        self.processors()
        if self.umask is not None:
            parse_umask("umask", self.umask)
        for key, lowest in ("memory_max", 1), ("memory_restart", 1), ("cpu_max", 1.0):
            value = getattr(self, key)
            if value is not None and value < lowest:
                raise InvalidField(key, f"must be at least {lowest:g}, not {value:g}")
        if self.memory_restart is None and self.memory_restart_for != MEMORY_RESTART_FOR:
            raise InvalidField("memory_restart_for", "needs memory_restart")
        for key in (*CONTROLLERS, "cgroup"):
            if getattr(self, key):
                problem = find_problem(CONTROLLERS.get(key))
                if problem is not None:
                    raise InvalidField(key, problem)

    def rlimits(self) -> dict[str, tuple[int, int]]:
        """Return the soft and the hard limit of each resource that is limited."""
        values = {name: getattr(self, f"rlimit_{name}") for name in RESOURCES}
        return {
            name: parse_limit(name, value) for name, value in values.items() if value is not None
        }

    def processors(self) -> frozenset[int] | None:
        """Return the processors that it may run on; None for all."""
        return parse_processors("cpu_affinity", self.cpu_affinity) if self.cpu_affinity else None

    def mask(self) -> int | None:
        """Return the umask as a number."""
        return None if self.umask is None else parse_umask("umask", self.umask)

    def group_values(self) -> dict[str, str] | None:
        """Return what is written into the files of its control group; None if it has none."""
        values = {}
        if self.memory_max is not None:
            values["memory.max"] = str(self.memory_max)
        if self.cpu_max is not None:
            values["cpu.max"] = f"{round(self.cpu_max * PERIOD / 100)} {PERIOD}"
        if self.pids_max is not None:
            values["pids.max"] = str(self.pids_max)
        return values if values or self.cgroup else None


PERIOD = 100_000
"""Microseconds over which `cpu.max` counts processor time, as the system's default."""
