"""The bodies of responses, for `/openapi.json`.

The kernel defines the fields of a configuration.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from gaffer_kernel import JobConfig
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct
from msgspec.structs import fields

Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
Settled = Annotated[
    bool | UnsetType, Meta(description="With `wait`: whether the change was done in time.")
]


class Welcome(Struct, kw_only=True):
    """A greeting."""

    welcome: str
    version: str


class Version(Struct, kw_only=True):
    """The version of gaffer."""

    name: str
    version: str
    api: Annotated[int, Meta(description="Increased when clients have to change.")]


class Done(Struct, kw_only=True):
    """The change is done, or recorded to be done."""

    ok: Yes
    settled: Settled = UNSET
    reason: Annotated[
        str | UnsetType,
        Meta(description="Why a restart or a new configuration was taken back, with `wait`."),
    ] = UNSET


class JobChanged(Struct, kw_only=True):
    """The effect of a reload on a job."""

    name: str
    change: Annotated[
        Literal["new", "gone", "replaced", "live", "next_start", "scaled", "unchanged"],
        Meta(
            description="`replaced` replaces the processes; `live` and `next_start` keep them,"
            " because the keys take effect at once or in the next process."
        ),
    ]
    keys: Annotated[list[str], Meta(description="What differs from the present configuration.")]


class Reloaded(Done, kw_only=True):
    """The configuration has been applied, or, with `dry_run`, compared with the jobs."""

    jobs: list[JobChanged]


class Loaded(Done, kw_only=True):
    """The job is loaded."""

    name: str


class Wanted(Struct, kw_only=True):
    """How many processes of a job are wanted."""

    numprocesses: int


class Scaled(Wanted, kw_only=True):
    """How many processes of a job are wanted from now on."""

    settled: Settled = UNSET


class DoneScaled(Done, kw_only=True):
    """How many processes of a job are wanted from now on, in the form of older gaffers."""

    numprocesses: int


class Committed(Struct, kw_only=True):
    """The pid of an additional process."""

    pid: int
    settled: Settled = UNSET


class Jobs(Struct, kw_only=True):
    """The displayed names of jobs."""

    jobs: list[str]


class SessionJobs(Jobs, kw_only=True):
    """The jobs of a session."""

    sessionid: str


class Sessions(Struct, kw_only=True):
    """The sessions that have jobs."""

    sessions: list[str]


class Pids(Struct, kw_only=True):
    """The pids of processes."""

    pids: list[int]


class JobPids(Pids, kw_only=True):
    """The pids of a job's processes."""

    ok: Yes


class Plugin(Struct, kw_only=True):
    """A plugin."""

    name: str
    version: str | None
    description: str
    distribution: Annotated[str | None, Meta(description="The installed package it came from.")]
    path: Annotated[str | None, Meta(description="The folder of a plugin in a folder.")]
    state: Literal["loaded", "open", "closed", "failed", "disabled"]
    error: Annotated[str | None, Meta(description="Why it is not open, or not as requested.")]
    requires: Annotated[tuple[str, ...], Meta(description="Plugins that it requires.")]
    failures: Annotated[int, Meta(description="How many of its hooks have raised so far.")]


class PluginChanged(Plugin, kw_only=True):
    """A plugin after a change."""

    ok: Yes


class PluginList(Struct, kw_only=True):
    """All plugins."""

    plugins: list[Plugin]


class PluginsChanged(PluginList, kw_only=True):
    """All plugins after a change."""

    ok: Yes


_CONFIGURED = {each.name: each.type for each in fields(JobConfig) if each.name != "custom_channels"}


def _answer(name: str, text: str, *parts: dict[str, Any]) -> type[Struct]:
    """Return the type of a response that is put together and always has all its fields."""
    kinds = {field: kind for part in parts for field, kind in part.items()}
    return defstruct(name, list(kinds.items()), namespace={"__doc__": text}, module=__name__)


_JOB = {
    "name": Annotated[str, Meta(description="As displayed: with the session, if not `default`.")],
    "session": str,
    "job": Annotated[str, Meta(description="The name in its session.")],
}

Configuration = _answer("Configuration", "The configuration of a job.", _CONFIGURED)

OldConfiguration = _answer(
    "OldConfiguration",
    "The configuration of a job, with the name in the form of older gaffers.",
    _CONFIGURED,
    {"name": str},
)

JobInfo = _answer(
    "JobInfo",
    "The processes of a job, and its configuration.",
    _JOB,
    {
        "active": bool,
        "running": int,
        "running_out": Annotated[int, Meta(description="One-offs, not kept alive.")],
        "max_processes": int,
        "numprocesses": int,
        "processes": list[int],
        "config": Configuration,
    },
)

_PROCESS = {
    **_JOB,
    "pid": Annotated[int, Meta(description="gaffer's own number of the process.")],
    "os_pid": Annotated[int, Meta(description="The system's pid; 0 before it is started.")],
    "number": Annotated[int, Meta(description="Its slot in the job; 0 for a one-off.")],
    **{
        name: _CONFIGURED[name]
        for name in (
            *("cmd", "args", "shell", "env", "cwd", "uid", "gid", "detach"),
            *("redirect_output", "redirect_input", "custom_streams"),
        )
    },
    "argv": list[str],
    "create_time": Annotated[float, Meta(description="Seconds since 1970.")],
    "uptime": Annotated[float, Meta(description="Seconds.")],
    "committed": Annotated[bool, Meta(description="It is a one-off, not kept alive.")],
    "active": bool,
    "stopping": bool,
    "exit_code": Annotated[int | None, Meta(description="Null until it has exited.")],
    "term_signal": Annotated[
        int | None, Meta(description="The signal that ended it, or 0; null until it has exited.")
    ],
}

ProcessInfo = _answer("ProcessInfo", "A process.", _PROCESS)

OldProcessInfo = _answer(
    "OldProcessInfo",
    "A process, and the configuration of its job.",
    _CONFIGURED,
    _PROCESS,
)


class EventInfo(Struct, kw_only=True):
    """An event. Its other fields depend on which it is."""

    json_schema_more: ClassVar[dict[str, Any]] = {"additionalProperties": True}

    event: str
    name: str
    session: str | UnsetType = UNSET
    job: str | UnsetType = UNSET
    asked: Annotated[
        bool | UnsetType,
        Meta(description="`exit`: whether it was requested, by a user or by gaffer; else a crash."),
    ] = UNSET
    reason: Annotated[str | UnsetType, Meta(description="Why, in words for people.")] = UNSET
    oom_killed: Annotated[
        bool | UnsetType,
        Meta(description="`exit`: true if a memory limit ended it or a process that it started."),
    ] = UNSET
    seq: Annotated[int, Meta(description="Counts all events of a run.")]
    time: Annotated[float, Meta(description="Seconds since 1970.")]


class FlappingState(Struct, kw_only=True):
    """The state of a job whose processes keep crashing."""

    retries: int
    waiting: bool
    gave_up: bool


class RolloutState(Struct, kw_only=True):
    """The replacement of the instances by a restart or a new configuration."""

    running: bool
    left: Annotated[int, Meta(description="Instances that are still to be replaced.")]
    failure: Annotated[str | None, Meta(description="Why the last one failed, and was taken back.")]


class InstanceStatus(Struct, kw_only=True):
    """The state of an instance of a job."""

    number: Annotated[int, Meta(description="From 1.")]
    pid: Annotated[int | None, Meta(description="Null without a process.")]
    os_pid: int | None
    state: Literal["waiting", "starting", "ready", "unready", "stopping", "exited"]
    reason: str
    since: Annotated[float, Meta(description="Seconds since 1970.")]


class JobStatus(Struct, kw_only=True):
    """Whether a job runs as configured, and if not, why."""

    state: Annotated[
        Literal["active", "waiting", "completed", "failed", "stopped"],
        Meta(
            description="`waiting`: no process runs before a later time; `completed`, `failed`:"
            " all processes have ended and are not started again."
        ),
    ]
    active: bool
    failing: Annotated[
        bool,
        Meta(description="An instance has crashed, and its successor is not `healthy_after` yet."),
    ]
    running: int
    numprocesses: int
    max_processes: int
    stopped: bool
    restarts: Annotated[int, Meta(description="Exited processes that were, or will be, replaced.")]
    flapping: FlappingState
    rollout: RolloutState
    last_error: Annotated[str | None, Meta(description="Why the last start failed.")]
    last_exit: Annotated[str | None, Meta(description="How the last process exited.")]
    next_start_in: Annotated[float | None, Meta(description="Seconds.")]
    ended: Annotated[
        list[int],
        Meta(description="Pids of the last exited processes whose output is kept; newest last."),
    ]
    instances: Annotated[
        list[InstanceStatus],
        Meta(description="By number; also former instances until their process has exited."),
    ]


class NamedStatus(JobStatus, kw_only=True):
    """Whether a job runs as configured, with its name."""

    name: str
    session: str
    job: str
    pids: list[int]


class AllStatus(Struct, kw_only=True):
    """The status of all jobs."""

    jobs: list[NamedStatus]
