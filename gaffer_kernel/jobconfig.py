"""JobConfig: everything about one job. One schema for the ini file, JSON and OpenAPI."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from gaffer_kernel import fieldtypes as ft
from gaffer_kernel.command import split_words
from gaffer_kernel.errors import InvalidField, did_you_mean, shown


class Flapping(Struct, frozen=True, forbid_unknown_fields=True):
    """When a job that keeps exiting is stopped, how often it is tried again, when it is given up.

    Raises:
        InvalidField: naming the number that cannot be accepted.
    """

    attempts: Annotated[
        ft.Positive, Meta(description="Exits within `window` that count as flapping.")
    ] = 2
    window: Annotated[ft.Seconds, Meta(description="The time in which the exits are counted.")] = (
        1.0
    )
    retry_in: Annotated[ft.Seconds, Meta(description="How long the job rests before a retry.")] = (
        7.0
    )
    max_retry: Annotated[ft.Count, Meta(description="Retries before the job is given up.")] = 5

    def __post_init__(self) -> None:
        for field, kind in _kinds(Flapping).items():
            force_setattr(self, field, ft.checked(field, getattr(self, field), kind))


class JobConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to launch, as whom, how many times, and what to do about its input, output and end.

    Immutable, and cheap to compare: a reload is made of the differences. `env` is a copy of
    the mapping that was given; lists are kept as tuples.

    Raises:
        InvalidField: naming the field that cannot be accepted, and why.
    """

    name: Annotated[ft.Name, Meta(description="Unique inside its session.")]
    cmd: Annotated[
        ft.Text,
        Meta(
            description="The command line, split like a shell does; $VAR and ${VAR} are replaced."
        ),
    ]
    args: Annotated[ft.Words, Meta(description="More arguments, appended to `cmd`.")] = ()
    env: Annotated[
        ft.Variables, Meta(description="Environment variables; they win over inherited ones.")
    ] = {}
    uid: Annotated[ft.Account, Meta(description="The user to run as.")] = None
    gid: Annotated[ft.Account, Meta(description="The group to run as.")] = None
    cwd: Annotated[
        ft.Text | None,
        Meta(title="text", description="The working directory; gafferd's own when not given."),
    ] = None
    detach: Annotated[
        ft.Flag,
        Meta(description="The processes stay when gafferd stops; their output is not read."),
    ] = False
    shell: Annotated[ft.Flag, Meta(description="Run the command line with /bin/sh.")] = False
    os_env: Annotated[ft.Flag, Meta(description="Inherit the environment of gafferd.")] = True
    numprocesses: Annotated[ft.Processes, Meta(description="How many processes to keep alive.")] = 1
    flapping: Annotated[
        Flapping | None,
        Meta(
            title="attempts, window, retry_in and max_retry",
            description="When to give a crashing job a rest; without it, restarts slow down.",
        ),
    ] = None
    redirect_output: Annotated[
        ft.Outputs, Meta(description="Labels of the standard output and of the standard error.")
    ] = ()
    redirect_input: Annotated[
        ft.Flag, Meta(description="Let others write to the standard input.")
    ] = False
    custom_streams: Annotated[
        ft.Streams, Meta(description="Labels of more two-way streams, from descriptor 3 on.")
    ] = ()
    custom_channels: Annotated[
        tuple[Any, ...],
        Meta(
            title="a list of objects with a fileno() method",
            description="Open files handed to the processes; only from Python.",
            extra_json_schema={"maxItems": 0},
        ),
    ] = ()
    graceful_timeout: Annotated[
        ft.Seconds, Meta(description="The time between SIGTERM and SIGKILL when stopping.")
    ] = 30.0
    priority: Annotated[
        ft.Count | None,
        Meta(title="a whole number from 0", description="0 starts first, jobs without one last."),
    ] = None
    start: Annotated[ft.Flag, Meta(description="Start it as soon as it is loaded.")] = True

    def __post_init__(self) -> None:
        for field, kind in _kinds(JobConfig).items():
            clean = _CLEAN.get(field) or partial(ft.checked, field)
            force_setattr(self, field, clean(getattr(self, field), kind))
        _check_command_line(self)
        _check_streams(self)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "JobConfig":
        """Build a job from decoded JSON.

        Raises:
            InvalidField: naming an unknown, missing or wrong field.
        """
        if not isinstance(mapping, Mapping):
            raise InvalidField("job", f"must be an object, not {shown(mapping)}")
        for key in mapping:
            if key not in cls.__struct_fields__:
                hint = did_you_mean(str(key), cls.__struct_fields__)
                raise InvalidField(str(key), f"is not a field of a job{hint}")
        for key in ("name", "cmd"):
            if key not in mapping:
                raise InvalidField(key, "is missing")
        if mapping.get("custom_channels"):
            raise InvalidField("custom_channels", "can only be given from Python")
        return cls(**mapping)

    def to_dict(self) -> dict[str, Any]:
        """Every field and its value as JSON would have it, but for `custom_channels`."""
        kept = (field for field in self.__struct_fields__ if field != "custom_channels")
        return {field: _plain(getattr(self, field)) for field in kept}


@cache
def _kinds(struct: type[Struct]) -> dict[str, Any]:
    return get_type_hints(struct, include_extras=True)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else msgspec.to_builtins(value)


def _clean_args(value: Any, kind: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        value = split_words("args", ft.checked("args", value, kind))
    return ft.checked_list("args", value, kind, ft.Text)


def _clean_env(value: Any, kind: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ft.refused("env", value, kind)
    if len(value) > ft.MOST_VARIABLES:
        raise InvalidField("env", f"must have at most {ft.MOST_VARIABLES} variables")
    return {
        ft.checked("env", key, ft.Key): ft.checked(f"env.{key}", text, ft.Text)
        for key, text in value.items()
    }


def _clean_account(field: str, value: Any, kind: Any) -> int | str | None:
    if value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])  # enough of it to be refused when it is longer than any number
    if isinstance(value, str) and value.startswith("-"):
        raise ft.refused(field, value, kind)
    account: int | str | None = ft.checked(field, value, kind)
    return account


def _clean_flapping(value: Any, kind: Any) -> Flapping | None:
    if value is None or isinstance(value, Flapping):
        return value
    names = Flapping.__struct_fields__
    if isinstance(value, tuple) and len(value) <= len(names):
        value = dict(zip(names, value, strict=False))
    if not isinstance(value, Mapping):
        raise ft.refused("flapping", value, kind)
    for key in value:
        if key not in names:
            raise InvalidField("flapping", f"has no {shown(key)}{did_you_mean(str(key), names)}")
    try:
        return Flapping(**value)
    except InvalidField as error:
        raise InvalidField(f"flapping.{error.field}", error.reason) from None


def _clean_channels(value: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not all(hasattr(each, "fileno") for each in value):
        raise ft.refused("custom_channels", value, kind)
    return tuple(value)


_CLEAN: dict[str, Callable[[Any, Any], Any]] = {
    "args": _clean_args,
    "env": _clean_env,
    "uid": partial(_clean_account, "uid"),
    "gid": partial(_clean_account, "gid"),
    "cwd": lambda value, kind: ft.checked("cwd", None if value == "" else value, kind),
    "flapping": _clean_flapping,
    "redirect_output": partial(ft.checked_list, "redirect_output", item=ft.Label),
    "custom_streams": partial(ft.checked_list, "custom_streams", item=ft.Label),
    "custom_channels": _clean_channels,
}


def _check_command_line(config: JobConfig) -> None:
    words = (config.cmd,) if config.shell else split_words("cmd", config.cmd)
    if not words or not words[0].strip():
        raise InvalidField("cmd", "must name a program")
    argv = (*words, *config.args)
    if len(argv) > ft.MOST_WORDS:
        raise InvalidField("cmd", f"must have at most {ft.MOST_WORDS} words, with args")
    if sum(len(word.encode()) + 1 for word in argv) > ft.LONGEST_ARGV:
        raise InvalidField("cmd", f"must be at most {ft.LONGEST_ARGV} bytes long, with args")


def _check_streams(config: JobConfig) -> None:
    labels = (*config.redirect_output, *config.custom_streams)
    for field in ("redirect_output", "custom_streams"):
        for label in getattr(config, field):
            if label == "stdin" or labels.count(label) > 1:
                why = "is the standard input" if label == "stdin" else "is given twice"
                raise InvalidField(field, f"the label {shown(label)} {why}")
    if config.detach and (labels or config.redirect_input):
        raise InvalidField(
            "detach",
            "a detached process outlives gafferd, so it cannot have "
            "redirect_output, redirect_input or custom_streams",
        )
