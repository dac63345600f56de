"""JobConfig: everything about one job; one schema for the ini file, JSON and OpenAPI."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr, replace

from gaffer_kernel.errors import InvalidField, did_you_mean, shown
from gaffer_kernel.jobs import fields as ft
from gaffer_kernel.jobs import validation
from gaffer_kernel.jobs.command import PORT
from gaffer_kernel.jobs.options import JobOptions, describe_unknown
from gaffer_kernel.jobs.stop_steps import StopStep, get_steps

NO_OPTIONS = JobOptions()

OPTIONS = "x-gaffer-job-options"
"""Mark of the field `options` in JSON schemas: there, the options of plugins are fields."""

ONE_STREAM = ("out", "out")
"""The default of `redirect_output`: both outputs in one stream, in the order they are written."""


class Flapping(Struct, frozen=True, forbid_unknown_fields=True):
    """When a job that keeps crashing pauses, how often it is retried, when it is given up.

    Raises:
        InvalidField: names the number that cannot be accepted.
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
    """Everything about one job: command, user, instances, and handling of input, output and exit.

    Immutable, and cheap to compare: a reload applies the differences. `env` is a copy of the
    mapping that was given; lists are kept as tuples.

    Raises:
        InvalidField: names the field that cannot be accepted, and why.
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
    os_env: Annotated[
        ft.Flag | None,
        Meta(
            title="true or false",
            description="Inherit the environment of gafferd; when not given, all of it, but a job"
            " that runs as another user only PATH, LANG, LC_* and TZ.",
        ),
    ] = None
    numprocesses: Annotated[ft.Processes, Meta(description="How many processes to keep alive.")] = 1
    port: Annotated[
        ft.Port | None,
        Meta(
            title=ft.PORT_TITLE,
            description="PORT of the first instance; each further instance gets the next port.",
        ),
    ] = None
    flapping: Annotated[
        Flapping | None,
        Meta(
            title="attempts, window, retry_in and max_retry",
            description="When to give a crashing job a rest; without it, restarts slow down.",
        ),
    ] = None
    restart: Annotated[
        ft.Restart,
        Meta(
            description="Whether an exited process is started again: always, after a failure, or"
            " never."
        ),
    ] = "always"
    success_codes: Annotated[
        ft.ExitCodes, Meta(description="The exit codes that are no failure.")
    ] = (0,)
    restart_delay: Annotated[
        ft.Seconds,
        Meta(description="The delay of the second restart in a row; each further one doubles it."),
    ] = 0.1
    restart_delay_max: Annotated[
        ft.Seconds, Meta(description="The longest delay of a restart.")
    ] = 10.0
    healthy_after: Annotated[
        ft.Seconds, Meta(description="The uptime that ends a series of restarts.")
    ] = 10.0
    max_restarts: Annotated[
        ft.Positive | None,
        Meta(
            title="a whole number from 1",
            description="How many restarts in a row are allowed; any number when not given.",
        ),
    ] = None
    restart_batch: Annotated[
        ft.Batch,
        Meta(
            description="How many instances a restart replaces at a time: a number, a part such as"
            " `25%`, which is rounded up, or `all`."
        ),
    ] = "all"
    ready_after: Annotated[
        ft.Seconds | None,
        Meta(
            description="How long the successor of an instance must live before the instance is"
            " stopped, in a restart or after a change. When not given, a second if instances are"
            " replaced in batches, and no time if all are replaced at once."
        ),
    ] = None
    ready_timeout: Annotated[
        ft.Seconds,
        Meta(description="How long the instances of a batch may take to be ready."),
    ] = 60.0
    redirect_output: Annotated[
        ft.Outputs,
        Meta(
            description="Labels of the standard output and of the standard error; the same label"
            " twice is one stream, an empty list reads neither. A detached job reads neither by"
            " default."
        ),
    ] = ONE_STREAM
    pty: Annotated[
        ft.Flag,
        Meta(
            description="Give each output of `redirect_output` a pseudo-terminal instead of a pipe."
        ),
    ] = False
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
    stop: Annotated[
        ft.Text | None,
        Meta(
            title="stop steps such as `INT 10s, TERM 20s, KILL`",
            description="The signals that stop a process, each with the time until the next one;"
            " when not given, `TERM`, `graceful_timeout` and `KILL`.",
        ),
    ] = None
    stop_command: Annotated[
        ft.Text | None,
        Meta(
            title="text",
            description="A command line to run before the stop signals, with the os pid of the"
            " process in MAINPID.",
        ),
    ] = None
    stop_scope: Annotated[
        ft.StopScope,
        Meta(
            description="Send the stop signals to the whole group of a process, or to the process"
            " alone."
        ),
    ] = "group"
    graceful_timeout: Annotated[
        ft.Seconds | None,
        Meta(
            title="seconds from 0 to 1e9, such as 10, 500ms, 20m or 1h",
            description="The time between SIGTERM and SIGKILL when stopping, 30 seconds when not"
            " given; excludes `stop`.",
        ),
    ] = None
    priority: Annotated[
        ft.Count | None,
        Meta(title="a whole number from 0", description="0 starts first, jobs without one last."),
    ] = None
    start: Annotated[ft.Flag, Meta(description="Start it as soon as it is loaded.")] = True
    options: Annotated[
        Mapping[str, Any],
        Meta(
            title="a mapping of options of plugins to values",
            description="The keys of plugins; in files and JSON, they stand next to the others.",
            extra_json_schema={OPTIONS: True},
        ),
    ] = {}

    def __post_init__(self) -> None:
        if self.detach and self.redirect_output is ONE_STREAM:
            force_setattr(self, "redirect_output", ())
        for field, kind in _kinds(JobConfig).items():
            clean = _CLEAN.get(field) or partial(ft.checked, field)
            force_setattr(self, field, clean(getattr(self, field), kind))
        validation.check_command_line(self)
        validation.check_stop(self)
        validation.check_streams(self)
        validation.check_port(self)
        validation.check_readiness(self)
        validation.check_restart(self)

    @classmethod
    def from_dict(
        cls, mapping: Mapping[str, Any], declared: JobOptions = NO_OPTIONS
    ) -> "JobConfig":
        """Build a job from decoded JSON.

        Args:
            mapping: its fields, and options of plugins.
            declared: the options that the plugins of a kernel declare, `kernel.job_options`.

        Raises:
            InvalidField: names an unknown, missing or wrong field.
        """
        if not isinstance(mapping, Mapping):
            raise InvalidField("job", f"must be an object, not {shown(mapping)}")
        options = {key: value for key, value in mapping.items() if key in declared}
        for key in mapping:
            if key not in KERNEL_KEYS and key not in options:
                known = [*KERNEL_KEYS, *(option.key for option in declared)]
                reason = describe_unknown(str(key), known, "is not a field of a job")
                raise InvalidField(str(key), reason)
        for key in ("name", "cmd"):
            if key not in mapping:
                raise InvalidField(key, "is missing")
        if mapping.get("custom_channels"):
            raise InvalidField("custom_channels", "can only be given from Python")
        fields = {key: value for key, value in mapping.items() if key not in options}
        return cls(**fields, options=declared.convert(options))

    def check_options(self, declared: JobOptions) -> "JobConfig":
        """Return a configuration whose options have been checked: this one if nothing changes.

        Args:
            declared: the options that the plugins of a kernel declare.

        Raises:
            InvalidField: names an unknown or wrong option.
        """
        if not self.options:
            return self
        options = declared.convert(self.options)
        return self if options == self.options else replace(self, options=options)

    def keep_processes(self, after: "JobConfig", declared: JobOptions) -> bool:
        """Return whether processes of this configuration need not be replaced for another one.

        They stay if only `numprocesses` changes, and options that apply live or at the next start.
        """
        same = replace(self, numprocesses=after.numprocesses, options=after.options) == after
        return same and declared.keep_processes(self.options, after.options)

    def for_one_off(
        self, env: Mapping[str, str] | None, graceful_timeout: float | str | None
    ) -> "JobConfig":
        """Return a copy for a one-off.

        Args:
            env: variables that override those of the job.
            graceful_timeout: seconds, or a text such as 500ms; None or 0 for that of the job.

        Raises:
            InvalidField: `env` or `graceful_timeout` cannot be accepted.
        """
        # Checked before it is merged, so that an error names the variable.
        asked = replace(
            self,
            env={} if env is None else env,
            stop=None,
            graceful_timeout=graceful_timeout,
            port=None,
        )
        config = replace(
            self,
            env={**self.env, **asked.env},
            port=None if PORT in asked.env else self.port,
        )
        if graceful_timeout is None or not asked.graceful_timeout:
            return config
        return replace(config, stop=None, graceful_timeout=asked.graceful_timeout)

    @property
    def stop_steps(self) -> tuple[StopStep, ...]:
        """The steps that stop a process; the last one is SIGKILL."""
        return get_steps(self.stop, self.graceful_timeout)

    @property
    def stop_timeout(self) -> float:
        """Seconds from the begin of a stop to SIGKILL, at most."""
        seconds = sum(step.timeout for step in self.stop_steps)
        return seconds if self.stop_command is None else 2 * seconds

    def to_dict(self) -> dict[str, Any]:
        """Return every field as a JSON value, except `custom_channels`; and the options."""
        kept = (key for key in KERNEL_KEYS if key != "custom_channels")
        return {**{key: _plain(getattr(self, key)) for key in kept}, **self.options}


KERNEL_KEYS = tuple(key for key in JobConfig.__struct_fields__ if key != "options")
"""The fields of a job that are not options of plugins."""


@cache
def _kinds(struct: type[Struct]) -> dict[str, Any]:
    return get_type_hints(struct, include_extras=True)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else msgspec.to_builtins(value)


def _flapping(value: Any, kind: Any) -> Flapping | None:
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


def _options(value: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ft.refused("options", value, kind)
    for key in value:
        if key in KERNEL_KEYS:
            raise InvalidField("options", f"{key} is a field of a job, not an option of a plugin")
    return dict(value)


_CLEAN: dict[str, Callable[[Any, Any], Any]] = {
    "args": validation.words,
    "env": validation.variables,
    "uid": partial(validation.account, "uid"),
    "gid": partial(validation.account, "gid"),
    "cwd": partial(validation.optional_text, "cwd"),
    "stop": validation.stop,
    "stop_command": partial(validation.optional_text, "stop_command"),
    "flapping": _flapping,
    "restart_batch": validation.batch,
    "success_codes": partial(ft.checked_list, "success_codes", item=ft.ExitCode),
    "redirect_output": partial(ft.checked_list, "redirect_output", item=ft.Label),
    "custom_streams": partial(ft.checked_list, "custom_streams", item=ft.Label),
    "custom_channels": validation.channels,
    "options": _options,
}
