"""The bodies and parameters of requests, for `/openapi.json`: other modules read and check them."""

from __future__ import annotations

from signal import Signals
from typing import Annotated, Any, ClassVar, Literal

from gaffer_kernel import JobConfig
from gaffer_kernel.plugin import Batch, Flag, FullName, Label, Seconds, Variables, Words
from msgspec import UNSET, Meta, Struct, UnsetType

from gaffer_http.views.parameters import FlagText

OldName = Annotated[FullName, Meta(description="A job's name, or `session:name`.")]
OldNameOrPid = (OldName, Annotated[int, Meta(ge=0, lt=10**18, description="A pid.")])

_SIGNALS = [signal.removeprefix("SIG") for signal in Signals.__members__]
_NUMBERS = [int(signal) for signal in Signals]
Signal = Annotated[
    str,
    Meta(
        description="A name, in any case, with or without SIG; or a number.",
        extra_json_schema={"enum": [*_SIGNALS, *map(str, _NUMBERS)]},
    ),
]
SignalNumber = Annotated[int, Meta(extra_json_schema={"enum": _NUMBERS})]
Start = Annotated[Flag, Meta(description="Also start the job, if it is stopped.")]
Outputs = Annotated[Label | Literal["."], Meta(description="Of an output; `.` is all of them.")]
Stream = Annotated[Label, Meta(description="`stdin`, or a custom stream.")]
More = Annotated[int, Meta(ge=0, lt=10**9, description="How many.")]


_NOTES: dict[str, Any] = {"patternProperties": {"^x_": {}}}
_NAMED = {**_NOTES, "required": ["cmd"]}


class Template(JobConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job to load. Fields that begin with `x_` are the client's own; they are not kept."""

    json_schema_more: ClassVar[dict[str, Any]] = _NOTES
    args: Annotated[Words | None, Meta(description="More arguments, appended to `cmd`.")] = ()  # type: ignore[assignment]


class Replacement(Template, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new configuration of a job; its name cannot be changed, and need not be given."""

    json_schema_more: ClassVar[dict[str, Any]] = _NAMED
    start: Start = False


class OldTemplate(Template, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job to load; its name may be `session:name`."""

    name: OldName


class OldReplacement(Replacement, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new configuration of a job; its name cannot be changed, and need not be given."""

    name: OldName


class State(Struct, forbid_unknown_fields=True):
    """The requested state of a job."""

    state: Literal["0", "1", "2", "start", "stop", "reload", 0, 1, 2]


class Restart(Struct, forbid_unknown_fields=True):
    """The replacement of the processes of a job, the new ones first."""

    state: Literal["restart"]
    rolling: Annotated[
        bool,
        Meta(description="One instance at a time where the job says all."),
    ] = False
    batch: Annotated[
        Batch | UnsetType,
        Meta(description="How many instances at a time."),
    ] = UNSET


BareState = Annotated[
    Literal[0, 1, 2], Meta(description="0 stops, 1 starts, 2 reloads, without an object around.")
]


class Scale(Struct, forbid_unknown_fields=True):
    """The change of the number of processes."""

    scale: Annotated[
        Annotated[int, Meta(gt=-(10**9), lt=10**9)]
        | Annotated[str, Meta(extra_json_schema={"pattern": "^[+=-]?[0-9]{1,9}$"})],
        Meta(description="`3` and `+3` add, `-1` removes, `=2` sets."),
    ]


class SignalRequest(Struct, forbid_unknown_fields=True):
    """The signal to send."""

    signal: SignalNumber | Signal


class Commit(Struct, forbid_unknown_fields=True):
    """The settings of the one-off that differ from the job's."""

    env: Variables | None = None
    graceful_timeout: Seconds | None = None


class Running(Struct):
    """`?running=true`."""

    running: Annotated[FlagText, Meta(description="List pids instead of names.")] = "false"


class Ended(Struct):
    """`?ended=true`."""

    ended: Annotated[
        FlagText, Meta(description="Also show a process that has exited, while its output is kept.")
    ] = "false"
