"""What gaffer tells, as objects. A key that it does not know is passed over: servers may be newer.

Plain dataclasses, so that importing them costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """Which gaffer answers. `api` rises when clients have to change."""

    name: str
    version: str
    api: int


@dataclass(frozen=True, slots=True)
class FlappingStatus:
    """What has become of a job that kept exiting: retries so far, whether it rests, or no more."""

    retries: int = 0
    waiting: bool = False
    gave_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Whether a job does what is wanted of it, and if not, why.

    Attributes:
        active: whether it is started and has not been given up.
        running: processes it keeps alive now.
        numprocesses: processes that are wanted.
        stopped: whether somebody has stopped it, or never started it.
        restarts: how many of its processes have ended unasked and got, or will get, a successor.
        last_error: why the last start failed.
        last_exit: how its last process ended unasked.
        next_start_in: seconds until something is started again.
        ended: the pids of its last processes, ended, whose output is kept; the newest last.
    """

    active: bool
    running: int
    numprocesses: int
    stopped: bool = False
    restarts: int = 0
    flapping: FlappingStatus = field(default_factory=FlappingStatus)
    last_error: str | None = None
    last_exit: str | None = None
    next_start_in: float | None = None
    ended: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStatus(Status):
    """The same, and whose it is: its name as it is shown, and the pids of its processes."""

    name: str
    session: str
    job: str
    pids: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """What runs of a job, and its configuration.

    Attributes:
        name: as it is shown, `name` or `session.name`.
        running_out: processes that were started once, by `commit`.
        processes: the pids of all.
        config: the fields of the job; what the caller may not see is `***`.
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
    """What is known of a process.

    Attributes:
        pid: gaffer's own number, never used twice in a run.
        os_pid: the system's; None before the process is there.
        name: of its job, as it is shown.
        number: which of its job's processes, from 1; 0 for one that was started once.
        create_time: seconds since the epoch.
        uptime: seconds.
        committed: whether it was started once, by `commit`.
        stopping: whether it has been told to end.
        exit_code: of one that has ended.
        term_signal: the signal that ended it, or 0.
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
    """A process at one moment, as gaffer-stats measures it. What could not be read is None.

    Attributes:
        pid: gaffer's number; None for a child of a process.
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
    """The processes of a job at one moment, and totals over them, without children."""

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
    """A gafferd that a lookupd knows.

    Attributes:
        origin: where its API can be reached, such as `https://web1:5443`.
        version: of gafferd.
    """

    name: str
    origin: str
    version: str


@dataclass(frozen=True, slots=True)
class Source:
    """A node that has a job.

    Attributes:
        name: of the node.
        pids: of the job's processes there.
        node_info: the node.
    """

    name: str
    pids: list[int]
    node_info: Node


@dataclass(frozen=True, slots=True)
class LookupJob:
    """A job, and who has it."""

    name: str
    sources: list[Source]


@dataclass(frozen=True, slots=True)
class LookupSession:
    """A session: its jobs by name, and who has them."""

    sessionid: str
    jobs: dict[str, list[Source]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What is known of a plugin.

    Attributes:
        distribution: the installed package it came from; None of one in a folder.
        path: its folder, of one in a folder.
        state: `loaded`, `open`, `closed`, `failed` or `disabled`.
        error: why it is not open, or not what was wanted.
        requires: the plugins that it cannot do without.
        failures: how many of its hooks have raised so far.
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
    """What a browser is signed in with, once.

    Attributes:
        key: for the fragment of a URL, `#key=...`.
        origin: of the page that can exchange it, such as `http://127.0.0.1:5000`.
        expires_in: seconds.
    """

    key: str = field(repr=False)
    origin: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Site:
    """A site of a plugin.

    Attributes:
        path: where it is, such as `/_plugin/ui/`.
    """

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; or, with the name `gap`, how much of it was not told.

    Attributes:
        event: what, such as `spawn`.
        name: of whom, as it is shown.
        session, job: of which job; None for what happens to none.
        pid, os_pid: of which process.
        seq: its number in this run of gafferd; None in a gap that nobody could count.
        time: seconds since the epoch.
        dropped: in a gap, how many events are missing; None if nobody knows.
        restarted: in a gap, whether gafferd has been started anew since.
        data: everything that was told, these included.
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
        """Whether it only says that others are missing."""
        return self.event == "gap"


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of what a process has written.

    Attributes:
        label: to which of its outputs.
        data: the bytes; none of them when the process has ended.
        lost: how many bytes before these are missing; None if nobody knows.
    """

    label: str
    data: bytes
    lost: int | None = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a process has written, without its end; what is no UTF-8 is replaced.

    Attributes:
        label: to which of its outputs.
        text: the line; empty when it only tells a loss.
        lost: how many bytes before it are missing.
    """

    label: str
    text: str
    lost: int = 0
