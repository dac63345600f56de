"""Rules for the fields of a job that types cannot express, and their accepted forms."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import force_setattr

from gaffer_kernel.errors import InvalidField, shown
from gaffer_kernel.jobs import fields as ft
from gaffer_kernel.jobs.command import PORT, split_words
from gaffer_kernel.jobs.stop_steps import GRACEFUL_TIMEOUT, format_steps, parse_steps

if TYPE_CHECKING:
    from gaffer_kernel.jobs.config import JobConfig


def words(value: Any, kind: Any) -> tuple[str, ...]:
    """Convert `args`: a list of words, or a text that is split like a shell does; None is empty."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = split_words("args", ft.checked("args", value, kind))
    return ft.checked_list("args", value, kind, ft.Text)


def variables(value: Any, kind: Any) -> dict[str, str]:
    """Copy `env`, and check each name and value."""
    if not isinstance(value, Mapping):
        raise ft.refused("env", value, kind)
    if len(value) > ft.MAX_VARIABLES:
        raise InvalidField("env", f"must have at most {ft.MAX_VARIABLES} variables")
    return {
        ft.checked("env", key, ft.Key): ft.checked(f"env.{key}", text, ft.Text)
        for key, text in value.items()
    }


def account(field: str, value: Any, kind: Any) -> int | str | None:
    """Convert `uid` or `gid`: a text of digits is a number, an empty text is None."""
    if value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])  # enough digits for an error if it is longer than any number
    if isinstance(value, str) and value.startswith("-"):
        raise ft.refused(field, value, kind)
    kept: int | str | None = ft.checked(field, value, kind)
    return kept


def optional_text(field: str, value: Any, kind: Any) -> str | None:
    """Check a text; an empty one is None."""
    kept: str | None = ft.checked(field, None if value == "" else value, kind)
    return kept


def check_batch(value: Any) -> int | str:
    """Check a batch that is not part of a configuration; return it.

    Raises:
        InvalidField: `restart_batch`: it is neither a number, a percentage nor `all`.
    """
    return batch(value, ft.Batch)


def batch(value: Any, kind: Any) -> int | str:
    """Convert `restart_batch`: a text of digits is a number."""
    if isinstance(value, str) and not re.fullmatch(ft.BATCH, value):
        raise ft.refused("restart_batch", value, kind)
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    kept: int | str = ft.checked("restart_batch", value, kind)
    return kept


def check_readiness(config: "JobConfig") -> None:
    """Check that an instance can be ready in time.

    Raises:
        InvalidField: `ready_after` is longer than `ready_timeout`.
    """
    if config.ready_after is not None and config.ready_after > config.ready_timeout:
        raise InvalidField(
            "ready_after",
            f"must not be longer than ready_timeout ({config.ready_timeout:g} s):"
            " no instance would be ready in time",
        )


def stop(value: Any, kind: Any) -> str | None:
    """Convert `stop` to its shortest form: `INT 10s, KILL`."""
    text = optional_text("stop", value, kind)
    return None if text is None else format_steps(parse_steps(text))


def channels(value: Any, kind: Any) -> tuple[Any, ...]:
    """Check `custom_channels`: what can be passed to a child has a `fileno()`."""
    if not isinstance(value, list | tuple) or not all(hasattr(each, "fileno") for each in value):
        raise ft.refused("custom_channels", value, kind)
    return tuple(value)


def check_command_line(config: "JobConfig") -> None:
    """Check that there is a program to run, and that the system accepts a line of this length."""
    line = (config.cmd,) if config.shell else split_words("cmd", config.cmd)
    if not line or not line[0].strip():
        raise InvalidField("cmd", "must name a program")
    argv = (*line, *config.args)
    if len(argv) > ft.MAX_WORDS:
        raise InvalidField("cmd", f"must have at most {ft.MAX_WORDS} words, with args")
    if sum(len(word.encode()) + 1 for word in argv) > ft.MAX_ARGV:
        raise InvalidField("cmd", f"must be at most {ft.MAX_ARGV} bytes long, with args")


def check_stop(config: "JobConfig") -> None:
    """Check the stop_command, and that the time until SIGKILL is given only once."""
    if config.stop_command is not None:
        line = config.stop_command
        words = (line,) if config.shell else split_words("stop_command", line)
        if not words or not words[0].strip():
            raise InvalidField("stop_command", "must name a program")
    if config.stop is None:
        if config.graceful_timeout is None:
            force_setattr(config, "graceful_timeout", GRACEFUL_TIMEOUT)
    elif config.graceful_timeout is not None:
        raise InvalidField("stop", "contains the times, so graceful_timeout must not be given, too")


def check_streams(config: "JobConfig") -> None:
    """Check that labels are unique, and that a process that outlives gafferd has no streams."""
    # One label for both outputs is allowed: it means one pipe for both.
    labels = (*dict.fromkeys(config.redirect_output), *config.custom_streams)
    for field in ("redirect_output", "custom_streams"):
        for label in getattr(config, field):
            if label == "stdin" or labels.count(label) > 1:
                why = "is the standard input" if label == "stdin" else "is given twice"
                raise InvalidField(field, f"the label {shown(label)} {why}")
    if config.pty and not config.redirect_output:
        raise InvalidField("pty", "needs an output that is read: set redirect_output")
    if config.detach and (labels or config.redirect_input):
        raise InvalidField(
            "detach",
            "a detached process outlives gafferd, so it cannot have "
            "redirect_output, redirect_input or custom_streams",
        )


def check_restart(config: "JobConfig") -> None:
    """Check that the rules of restarts do not contradict each other."""
    if config.restart == "never" and config.flapping is not None:
        raise InvalidField(
            "restart", "never contradicts flapping, which counts restarts: keep one of them"
        )
    if config.restart_delay > config.restart_delay_max:
        raise InvalidField(
            "restart_delay",
            f"is longer than restart_delay_max, {config.restart_delay:g} s and"
            f" {config.restart_delay_max:g} s: shorten it, or raise restart_delay_max",
        )


def check_port(config: "JobConfig") -> None:
    """Check that each instance has a port, and that PORT is not set in `env`, too."""
    if config.port is None:
        return
    if PORT in config.env:
        raise InvalidField("port", "PORT is among the variables, too: keep one of them")
    last = config.port + config.numprocesses - 1
    if last > ft.MAX_PORT:
        raise InvalidField(
            "port",
            f"is too high: instance {config.numprocesses} would get {last}, and the highest port"
            f" is {ft.MAX_PORT}",
        )
