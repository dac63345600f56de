"""Parser for Procfiles: types of processes with their commands, in foreman's grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gaffer_kernel import ConfigError, InvalidField, JobName
from gaffer_kernel.plugin import shown

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>\S.*)")
_NAME = re.compile(r"[A-Za-z0-9_-]+\s*:\s*")
_LINES = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a type of process.

    Attributes:
        name: the name of the type.
        command: the shell command, unchanged.
        line: the line number, from 1.
    """

    name: str
    command: str
    line: int


@dataclass(frozen=True)
class Procfile:
    """The types of an application.

    Attributes:
        path: the path of the file, for errors.
        entries: the types by name, in the order of the file.
    """

    path: Path
    entries: Mapping[str, Entry]

    @classmethod
    def read(cls, path: Path | str) -> Procfile:
        """Read a file.

        Raises:
            ConfigError: the file cannot be read or is invalid; the error names file and line.
        """
        path = Path(path)
        return cls.parse(read_text(path), path)

    @classmethod
    def parse(cls, text: str, path: Path | str = "Procfile") -> Procfile:
        """Parse the text of a file; `path` is for errors and need not exist.

        Each line is `type: command`, a comment that begins with `#`, or blank. A type consists of
        letters, digits, `_` and `-`. LF, CRLF and CR all end a line.

        Raises:
            ConfigError: a line is invalid; the error names the file and the first such line.
        """
        entries: dict[str, Entry] = {}
        for entry in _parse_entries(text, path):
            if entry.name in entries:
                first = entries[entry.name].line
                message = f"{entry.name} exists already, in line {first}"
                raise ConfigError(message, file=path, line=entry.line)
            entries[entry.name] = entry
        if not entries:
            raise ConfigError("has no line `type: command`", file=path)
        return cls(Path(path), entries)

    def check_names(self, names: Mapping[str, object], what: str) -> None:
        """Check that types exist in this file.

        Raises:
            ConfigError: a type does not exist; the error names the first one.
        """
        for name in names:
            if name not in self.entries:
                raise ConfigError(
                    f"{what}: no type {shown(name)} here, there are {', '.join(self.entries)}",
                    file=self.path,
                )


def _parse_entries(text: str, path: Path | str) -> Iterator[Entry]:
    for number, raw in enumerate(_LINES.split(text.removeprefix("\ufeff")), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise ConfigError(_describe_problem(line), file=path, line=number)
        try:
            JobName.parse(match["name"])
        except InvalidField as error:
            raise ConfigError(error.reason, file=path, line=number) from None
        yield Entry(match["name"], match["command"], number)


def _describe_problem(line: str) -> str:
    if _NAME.fullmatch(line):
        return f"{line.rstrip(': ')} has no command"
    return (
        "a line must be `type: command`, where the type has letters, digits, _ and -, not"
        f" {shown(line)}"
    )


def read_text(path: Path) -> str:
    """Read the text of a file.

    Raises:
        ConfigError: the file cannot be read, is not UTF-8, or contains a NUL character.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", file=path, line=line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError("has a NUL character", file=path, line=line)
    return text
