"""One class for each thing a caller can decide. Printed, every one of them is a single line."""

import difflib
from collections.abc import Iterable
from pathlib import Path

_MAX_SHOWN = 60


def shown(value: object) -> str:
    """`value` as an error message shows it: one line, printable, short enough to read."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of 5000 digits, a list nested 1000 times
        text = f"this {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'cmd'?` when a known word is close to `word`, else nothing."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=1)
    return f", did you mean {by_lower[close[0]]!r}?" if close else ""


class GafferError(Exception):
    """Base of everything gaffer raises for a person or a program to act on.

    `str()` of it is always one readable line that names the culprit.
    """

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


class ConfigError(GafferError):
    """The configuration file is wrong: correct the line it names.

    Args:
        message: what is wrong and what would be right.
        file: the file, as the person wrote it.
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
    """A value that a caller gave cannot be accepted; `field` says which, `reason` why.

    `field` points inside structured values too: `args[1]`, `env.PORT`, `flapping.window`.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotFound(GafferError, LookupError):
    """There is nothing of this kind with this name: look it up again, or create it.

    Args:
        kind: `job`, `process`, `session`, `plugin`, `stream` or `service`.
        name: its name or number.
    """

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"no {kind} {shown(str(name))}")
        self.kind = kind
        self.name = name


class Conflict(GafferError):
    """Something of this kind already has this name: update it, or choose another name."""

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"{kind} {shown(str(name))} already exists")
        self.kind = kind
        self.name = name


class StreamUnavailable(GafferError):
    """The process has no such stream: its job does not redirect it, or it was closed."""

    def __init__(self, label: str, reason: str) -> None:
        # `.` is all outputs, which people have not named.
        super().__init__(reason if label == "." else f"stream {shown(label)}: {reason}")
        self.label = label
        self.reason = reason


class SpawnError(GafferError):
    """The operating system could not start a process.

    Args:
        slug: one word for programs: `command_not_found` `bad_cwd` `not_executable`
            `bad_interpreter` `exec_format` `bad_user` `bad_group` `bad_argument` `bad_env`
            `too_long` `no_resources`.
        reason: one sentence for people.
    """

    def __init__(self, slug: str, reason: str) -> None:
        super().__init__(reason)
        self.slug = slug
        self.reason = reason

    @property
    def transient(self) -> bool:
        """Whether the same start may succeed later, when the system has room again."""
        return self.slug == "no_resources"


class PluginError(GafferError):
    """A plugin cannot be loaded, ordered, opened or used: repair, update or disable it.

    Args:
        plugin: its name.
        reason: what went wrong.
        distribution: the installed package it came from, when there is one.
        version: the version of that package.
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


class Closing(GafferError):
    """The kernel is shutting down and takes no more work."""

    def __init__(self, message: str = "gaffer is shutting down") -> None:
        super().__init__(message)
