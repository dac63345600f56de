"""The exceptions of gaffer, one class for each decision of a caller; each prints as one line."""

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path

_MAX_SHOWN = 60
_MAX_NAMED = 3


def shown(value: object) -> str:
    """Format a value for an error message: one line, printable, at most 60 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of 5000 digits, a list nested 1000 times
        text = f"this {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'cmd'?` if a known word is similar to `word`, else ''."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=1)
    return f", did you mean {by_lower[close[0]]!r}?" if close else ""


class GafferError(Exception):
    """Base of all exceptions that gaffer raises for a user or a program to act on.

    `str()` of it is always one line that names the job, plugin, file or field that is wrong.
    """

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


class ConfigError(GafferError):
    """The configuration file is wrong: correct the line that is named.

    Args:
        message: what is wrong, and a correct value.
        file: the file, as the user wrote it.
        line: the line of the section or key, counted from 1.
        section: without brackets.
        key: the key inside the section.
    """

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        section: str | None = None,
        key: str | None = None,
    ) -> None:
        place = [str(file)] if file is not None else []
        if line is not None:
            place.append(str(line))
        where = f"{':'.join(place)}: " if place else ""
        bracket = f"[{section}] " if section is not None else ""
        name = f"{key}: " if key is not None else ""
        super().__init__(f"{where}{bracket}{name}{message}")
        self.message = message
        self.file = file
        self.line = line
        self.section = section
        self.key = key


class InvalidField(GafferError, ValueError):
    """A value from the caller is not accepted; `field` names it, `reason` says why.

    `field` points inside structured values too: `args[1]`, `env.PORT`, `flapping.window`.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotFound(GafferError, LookupError):
    """No job, process, ... has this name: look it up again, or create it.

    Args:
        kind: `job`, `process`, `session`, `plugin`, `stream` or `service`.
        name: its name or number.
    """

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"no {kind} {shown(str(name))}")
        self.kind = kind
        self.name = name


class Conflict(GafferError):
    """A job, process, ... of this name already exists: update it, or choose another name."""

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"{kind} {shown(str(name))} already exists")
        self.kind = kind
        self.name = name


class StreamUnavailable(GafferError):
    """The process has no such stream: its job does not redirect it, or it was closed."""

    def __init__(self, label: str, reason: str) -> None:
        # `.` stands for all outputs; the caller has named none.
        super().__init__(reason if label == "." else f"stream {shown(label)}: {reason}")
        self.label = label
        self.reason = reason


class StorageError(GafferError):
    """A file that a change needs cannot be read or written: free space, or correct its path."""


class SpawnError(GafferError):
    """The operating system could not start a process.

    Args:
        slug: a word for programs: `command_not_found` `bad_cwd` `not_executable`
            `bad_interpreter` `exec_format` `bad_user` `bad_group` `bad_argument` `bad_env`
            `bad_port` `bad_setting` `conflicting_settings` `too_long` `no_resources`
            `cannot_start`, and `stopped` for a one-off whose job was stopped first.
        reason: one sentence for users.
    """

    def __init__(self, slug: str, reason: str) -> None:
        super().__init__(reason)
        self.slug = slug
        self.reason = reason

    @property
    def transient(self) -> bool:
        """Whether the same start may succeed later, when the system has resources again."""
        return self.slug == "no_resources"


class PluginError(GafferError):
    """A plugin cannot be loaded, ordered, opened or used: repair, update or disable it.

    Args:
        plugin: its name.
        reason: what went wrong.
        distribution: the installed package it came from, if there is one.
        version: the version of that package.

    Attributes:
        problems: the errors of all plugins that this one names, each for itself; this one alone if
            it is about one plugin.
    """

    def __init__(
        self,
        plugin: str,
        reason: str,
        *,
        distribution: str | None = None,
        version: str | None = None,
    ) -> None:
        origin = f" ({' '.join(filter(None, (distribution, version)))})" if distribution else ""
        super().__init__(f"plugin {plugin}{origin}: {reason}")
        self.plugin = plugin
        self.reason = reason
        self.distribution = distribution
        self.version = version
        self.problems: tuple[PluginError, ...] = (self,)

    @property
    def reasons(self) -> dict[str, str]:
        """The reasons by the names of the plugins."""
        found: dict[str, str] = {}
        for each in self.problems:
            earlier = f"{found[each.plugin]}; " if each.plugin in found else ""
            found[each.plugin] = f"{earlier}{each.reason}"
        return found

    @classmethod
    def combine(cls, errors: Iterable["PluginError"]) -> "PluginError":
        """Make one error of several, on one line; it begins like the first."""
        problems = [problem for error in errors for problem in error.problems]
        first = problems[0]
        if len(problems) == 1:
            return first
        reason = "; ".join([first.reason, *map(str, problems[1:])])
        combined = cls(first.plugin, reason, distribution=first.distribution, version=first.version)
        combined.problems = tuple(problems)
        return combined


class Closing(GafferError):
    """The kernel is shutting down and accepts no more requests."""

    def __init__(self, message: str = "gaffer is shutting down") -> None:
        super().__init__(message)


def describe_exception(exc: BaseException) -> str:
    """Describe an exception in one line: its class, its message and the line that raised it.

    A group is described by its members. A GafferError is its own message. An OSError goes without
    the line: it is about the machine. The others are mostly mistakes in code, and their author
    needs the line.
    """
    if isinstance(exc, BaseExceptionGroup):
        return _describe_group(exc)
    if isinstance(exc, GafferError):
        return str(exc)
    if isinstance(exc, SyntaxError):
        return f"{type(exc).__name__}: {exc.msg} ({exc.filename}:{exc.lineno})"
    text = ": ".join(filter(None, (type(exc).__name__, " ".join(str(exc).split()))))
    place = "" if isinstance(exc, OSError) else _place(exc)
    return f"{text} ({place})" if place else text


def _describe_group(group: BaseExceptionGroup[BaseException]) -> str:
    named = [describe_exception(exc) for exc in group.exceptions[:_MAX_NAMED]]
    more = len(group.exceptions) - len(named)
    return "; ".join([*named, f"and {more} more"] if more else named)


def _place(exc: BaseException) -> str:
    # Frames of the import system come after the line that imported.
    frames = [f for f in traceback.extract_tb(exc.__traceback__) if not f.filename.startswith("<")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
