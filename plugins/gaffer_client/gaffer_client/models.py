"""Objects for the responses of gaffer. Unknown keys are ignored: the server may be newer.

They are plain dataclasses, so that importing this module takes almost no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """The version of the server. `api` increases when clients have to change."""

    name: str
    version: str
    api: int


@dataclass(frozen=True, slots=True)
class FlappingStatus:
    """The flapping state of a job: retries so far, whether it waits for the next, or gave up."""

    retries: int = 0
    waiting: bool = False
    gave_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """The effect of a reload of the configuration on a job.

    Attributes:
        name: the displayed name.
        change: `new`, `gone`, `replaced`, `live`, `next_start`, `scaled` or `unchanged`.
        keys: what differs from the present configuration of the job.
    """

    name: str
    change: str
    keys: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStatus:
    """The replacement of the instances of a job by a restart or a new configuration.

    Attributes:
        running: whether it is in progress.
        left: the number of instances that are still to be replaced.
        failure: why the last one failed and was taken back; None if it did not.
    """

    running: bool = False
    left: int = 0
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """The state of an instance of a job.

    Attributes:
        number: the number of the instance, from 1.
        pid, os_pid: its process; None without one.
        state: `waiting`, `starting`, `ready`, `unready`, `stopping` or `exited`.
        reason: why.
        since: when the state began, in seconds since the epoch.
    """

    number: int
    pid: int | None = None
    os_pid: int | None = None
    state: str
    reason: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of a job, with the reason if it does not run as configured.

    Attributes:
        state: `active`, `waiting`, `completed`, `failed` or `stopped`; empty from an older server.
        active: whether it is started, and has neither ended nor given up.
        failing: whether an instance has crashed, and its successor has not lived long enough yet.
        running: the number of processes kept alive now, without one-offs.
        numprocesses: the number of instances wanted.
        stopped: whether it was stopped by a caller, or never started.
        restarts: the number of exits that were, or will be, followed by a restart.
        rollout: the replacement of the instances by a restart or a new configuration.
        last_error: why the last start failed.
        last_exit: how its last crashed process exited.
        next_start_in: seconds until the next start.
        ended: the pids of its last exited processes, whose output is kept; the newest last.
        instances: what each instance does, and why; former ones are among them until they end.
    """

    active: bool
    running: int
    numprocesses: int
    state: str = ""
    failing: bool = False
    stopped: bool = False
    restarts: int = 0
    flapping: FlappingStatus = field(default_factory=FlappingStatus)
    rollout: RolloutStatus = field(default_factory=RolloutStatus)
    last_error: str | None = None
    last_exit: str | None = None
    next_start_in: float | None = None
    ended: list[int] = field(default_factory=list)
    instances: list[InstanceStatus] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStatus(Status):
    """A Status with the displayed name of the job and the pids of its processes."""

    name: str
    session: str
    job: str
    pids: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """The processes and the configuration of a job.

    Attributes:
        name: the displayed name, `name` or `session.name`.
        running_out: the number of one-off processes, started by `commit`.
        processes: the pids of all processes.
        config: the fields of the job; values that the caller may not see are `***`.
    """

    name: str
    session: str
    job: str
    active: bool
    running: int
    running_out: int
    numprocesses: int
    processes: list[int]
    config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessInfo:
    """The details of a process.

    Attributes:
        pid: gaffer's own number, never reused in a run of gafferd.
        os_pid: the number of the operating system; None before the process is spawned.
        name: the displayed name of its job.
        number: its instance number, from 1; 0 for a one-off.
        create_time: seconds since the epoch.
        uptime: seconds.
        committed: whether it is a one-off, started by `commit`.
        stopping: whether it was sent the stop signal.
        exit_code: the exit code, if the process has exited.
        term_signal: the signal that killed it, or 0.
    """

    pid: int
    os_pid: int | None
    name: str
    session: str
    job: str
    number: int = 0
    cmd: str
    args: list[str] = field(default_factory=list)
    argv: list[str] | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    uid: int | str | None = None
    gid: int | str | None = None
    create_time: float | None = None
    uptime: float | None = None
    committed: bool = False
    redirect_output: list[str] = field(default_factory=list)
    redirect_input: bool = False
    custom_streams: list[str] = field(default_factory=list)
    detach: bool = False
    active: bool = True
    stopping: bool = False
    exit_code: int | None = None
    term_signal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of a process by gaffer-stats. Values that could not be read are None.

    Attributes:
        pid: gaffer's number; None for a child process.
        cpu: percent of one processor.
        mem: percent of the machine's memory.
        mem_info1: resident memory, bytes.
        mem_info2: virtual memory, bytes.
        ctime: processor time used so far, seconds.
    """

    pid: int | None = None
    os_pid: int
    name: str | None = None
    cpu: float | None = None
    mem: float | None = None
    mem_info1: int | None = None
    mem_info2: int | None = None
    ctime: float | None = None
    nice: int | None = None
    username: str | None = None
    cmdline: str | None = None
    children: list[Sample] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStats:
    """Samples of the processes of a job, and totals over them, without child processes."""

    name: str
    stats: list[Sample]
    mem: float | None = None
    max_mem: float | None = None
    min_mem: float | None = None
    cpu: float | None = None
    max_cpu: float | None = None
    min_cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A gafferd that is registered with a lookupd.

    Attributes:
        origin: the URL of its API, such as `https://web1:5443`.
        version: the version of gafferd.
    """

    name: str
    origin: str
    version: str


@dataclass(frozen=True, slots=True)
class Source:
    """A node that has a job.

    Attributes:
        name: the name of the node.
        pids: the pids of the job on this node.
        node_info: the node.
    """

    name: str
    pids: list[int]
    node_info: Node


@dataclass(frozen=True, slots=True)
class LookupJob:
    """A job, and the nodes that have it."""

    name: str
    sources: list[Source]


@dataclass(frozen=True, slots=True)
class LookupSession:
    """A session: its jobs by name, with the nodes that have them."""

    sessionid: str
    jobs: dict[str, list[Source]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """The state of a plugin.

    Attributes:
        distribution: the package that installed it; None for a folder plugin.
        path: the folder of a folder plugin.
        state: `loaded`, `open`, `closed`, `failed` or `disabled`.
        error: why it is not open, or not at the requested version.
        requires: the plugins that it requires.
        failures: the number of exceptions that its hooks raised.
    """

    name: str
    version: str | None = None
    description: str = ""
    distribution: str | None = None
    path: str | None = None
    state: str
    error: str | None = None
    requires: list[str] = field(default_factory=list)
    failures: int = 0


@dataclass(frozen=True, slots=True)
class PageKey:
    """A key that signs a browser in, once.

    Attributes:
        key: the secret, for the fragment of a URL, `#key=...`.
        origin: the origin of the page that can exchange it, such as `http://127.0.0.1:5000`.
        expires_in: seconds until it expires.
    """

    key: str = field(repr=False)
    origin: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Site:
    """The site of a plugin.

    Attributes:
        path: its path, such as `/_plugin/ui/`.
    """

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event; with the name `gap`, a place where events are missing.

    Attributes:
        event: the name of the event, such as `spawn`.
        name: the displayed name of the job.
        session, job: the job; None for an event without a job.
        pid, os_pid: the process.
        seq: its number in this run of gafferd; None in a gap of unknown size.
        time: seconds since the epoch.
        dropped: in a gap, the number of missing events; None if it is unknown.
        restarted: in a gap, whether gafferd has been restarted since.
        data: all fields of the event, including these.
    """

    event: str
    name: str = ""
    session: str | None = None
    job: str | None = None
    pid: int | None = None
    os_pid: int | None = None
    seq: int | None = None
    time: float | None = None
    dropped: int | None = None
    restarted: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_gap(self) -> bool:
        """Whether this marks missing events."""
        return self.event == "gap"


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of the output of a process.

    Attributes:
        label: the stream.
        data: the bytes; empty at the exit of the process.
        lost: the number of missing bytes before these; None if it is unknown.
    """

    label: str
    data: bytes
    lost: int | None = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the output of a process, without its line end; invalid UTF-8 is replaced.

    Attributes:
        label: the stream.
        text: the line; empty if this only reports a loss.
        lost: the number of missing bytes before the line.
        time: when gafferd read its end, in seconds since the epoch; None if it was not asked for.
    """

    label: str
    text: str
    lost: int = 0
    time: float | None = None
