"""What short answers look like, for `/openapi.json`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from gaffer_kernel import JobConfig
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct
from msgspec.structs import fields

Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
Settled = Annotated[
    bool | UnsetType, Meta(description="With `wait`: whether it has happened in time.")
]


class Welcome(Struct, kw_only=True):
    """A greeting."""

    welcome: str
    version: str


class Version(Struct, kw_only=True):
    """Which gaffer this is."""

    name: str
    version: str
    api: Annotated[int, Meta(description="Rises when clients would have to change.")]


class Done(Struct, kw_only=True):
    """It is done, or recorded to be done."""

    ok: Yes
    settled: Settled = UNSET


class Loaded(Done, kw_only=True):
    """The job is there."""

    name: str


class Wanted(Struct, kw_only=True):
    """How many processes of a job are wanted."""

    numprocesses: int


class Scaled(Wanted, kw_only=True):
    """How many processes of a job are wanted from now on."""

    settled: Settled = UNSET


class DoneScaled(Done, kw_only=True):
    """How many processes of a job are wanted from now on, as older gaffers told it."""

    numprocesses: int


class Committed(Struct, kw_only=True):
    """A process more."""

    pid: int
    settled: Settled = UNSET


class Jobs(Struct, kw_only=True):
    """The shown names of jobs."""

    jobs: list[str]


class SessionJobs(Jobs, kw_only=True):
    """The jobs of a session."""

    sessionid: str


class Sessions(Struct, kw_only=True):
    """The sessions that have jobs."""

    sessions: list[str]


class Pids(Struct, kw_only=True):
    """The numbers of processes."""

    pids: list[int]


class JobPids(Pids, kw_only=True):
    """The numbers of a job's processes."""

    ok: Yes


class Plugin(Struct, kw_only=True):
    """What is known of a plugin."""

    name: str
    version: str | None
    description: str
    distribution: Annotated[str | None, Meta(description="The installed package it came from.")]
    path: Annotated[str | None, Meta(description="The folder of a plugin in a folder.")]
    state: Literal["loaded", "open", "closed", "failed", "disabled"]
    error: Annotated[str | None, Meta(description="Why it is not open, or not what was wanted.")]
    requires: Annotated[tuple[str, ...], Meta(description="Plugins it cannot do without.")]
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
    """The type of an answer that is put together, and has all its fields always."""
    kinds = {field: kind for part in parts for field, kind in part.items()}
    return defstruct(name, list(kinds.items()), namespace={"__doc__": text}, module=__name__)


_JOB = {
    "name": Annotated[str, Meta(description="As it is shown: with the session, if not `default`.")],
    "session": str,
    "job": Annotated[str, Meta(description="The name in its session.")],
}

Configuration = _answer("Configuration", "The configuration of a job.", _CONFIGURED)

OldConfiguration = _answer(
    "OldConfiguration",
    "The configuration of a job, which is named as older gaffers did.",
    _CONFIGURED,
    {"name": str},
)

JobInfo = _answer(
    "JobInfo",
    "What runs of a job, and its configuration.",
    _JOB,
    {
        "active": bool,
        "running": int,
        "running_out": Annotated[int, Meta(description="Those that are not kept alive.")],
        "max_processes": int,
        "numprocesses": int,
        "processes": list[int],
        "config": Configuration,
    },
)

_PROCESS = {
    **_JOB,
    "pid": Annotated[int, Meta(description="gaffer's own number of it.")],
    "os_pid": Annotated[int, Meta(description="The system's; 0 before it is started.")],
    "number": Annotated[int, Meta(description="Which of the job's it is; 0 for one more.")],
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
    "committed": Annotated[bool, Meta(description="It is not kept alive.")],
    "active": bool,
    "stopping": bool,
    "exit_code": Annotated[int | None, Meta(description="Null until it has ended.")],
    "term_signal": Annotated[
        int | None, Meta(description="The signal that ended it, or 0; null until it has ended.")
    ],
}

ProcessInfo = _answer("ProcessInfo", "What is known of a process.", _PROCESS)

OldProcessInfo = _answer(
    "OldProcessInfo",
    "What is known of a process, and the configuration of its job.",
    _CONFIGURED,
    _PROCESS,
)


class EventInfo(Struct, kw_only=True):
    """An event. What else it tells depends on which it is."""

    json_schema_more: ClassVar[dict[str, Any]] = {"additionalProperties": True}

    event: str
    name: str
    session: str | UnsetType = UNSET
    job: str | UnsetType = UNSET
    seq: Annotated[int, Meta(description="Counts all events of a run.")]
    time: Annotated[float, Meta(description="Seconds since 1970.")]


class FlappingState(Struct, kw_only=True):
    """What has become of a job that keeps exiting."""

    retries: int
    waiting: bool
    gave_up: bool


class JobStatus(Struct, kw_only=True):
    """Whether a job does what is wanted of it, and if not, why."""

    active: bool
    running: int
    numprocesses: int
    max_processes: int
    stopped: bool
    restarts: Annotated[
        int, Meta(description="Processes that ended unasked and got, or will get, a successor.")
    ]
    flapping: FlappingState
    last_error: Annotated[str | None, Meta(description="Why the last start failed.")]
    last_exit: Annotated[str | None, Meta(description="How the last process ended.")]
    next_start_in: Annotated[float | None, Meta(description="Seconds.")]
    ended: Annotated[
        list[int],
        Meta(description="Pids of the last processes, ended, whose output is kept; newest last."),
    ]


class NamedStatus(JobStatus, kw_only=True):
    """Whether a job does what is wanted of it, and which one it is."""

    name: str
    session: str
    job: str
    pids: list[int]


class AllStatus(Struct, kw_only=True):
    """How all jobs are."""

    jobs: list[NamedStatus]
