"""Parses one ini file into sections, and notes the line of every section and key."""

import configparser
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gaffer_kernel.config.section import Entry, Section
from gaffer_kernel.errors import ConfigError, shown

# Removed before parsing: in configparser, a comment line ends a value of several lines.
_COMMENT = re.compile(r"\s*[;#]")

_HEADER = re.compile(r"\[\s*(?P<header>[^\]]+?)\s*\]\s*(?:[;#].*)?$")


MAX_SIZE = 16 * 2**20
"""Bytes of one file; one of 100,000 jobs is shorter."""


def read_ini(path: Path, *, may_wait: bool = True) -> list[Section]:
    """Read a file.

    Args:
        path: the file.
        may_wait: read also from a pipe, and wait for what its other end writes.

    Raises:
        ConfigError: the file cannot be read, is too long, is not UTF-8, or is not an ini file.
    """
    try:
        data = _read(path, may_wait)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot be read: {reason}", file=path) from None
    if len(data) > MAX_SIZE:
        raise ConfigError(f"is longer than {MAX_SIZE} bytes", file=path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", file=path, line=line) from None
    return parse_ini(text, path)


def _read(path: Path, may_wait: bool) -> bytes:
    if may_wait:
        with path.open("rb") as file:
            return file.read(MAX_SIZE + 1)
    # O_NONBLOCK: opening a FIFO waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) and not path.samefile(os.devnull):
            raise ConfigError("is not a regular file, and gafferd runs already", file=path)
        return file.read(MAX_SIZE + 1)


def parse_ini(text: str, file: Path | str) -> list[Section]:
    """Read the text of an ini file.

    Comments are whole lines that begin with `;` or `#`; `%` and `:` have no meaning; keys keep
    their case; an indented line continues the value above it.

    Args:
        text: the content of the file.
        file: its name in errors.

    Raises:
        ConfigError: naming the file and the line.
    """
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError("has a NUL character", file=file, line=line)
    lines = _CountedLines(text)
    parser = _parser(lines)
    try:
        parser.read_file(lines)
    except configparser.Error as error:
        raise _make_error(error, parser, lines, file) from None
    return [_section(parser, name, file) for name in parser.sections()]


class _CountedLines:
    """The lines of a text without comments, and the number of the line that was read last."""

    def __init__(self, text: str) -> None:
        lines = enumerate(io.StringIO(text, newline=None), start=1)
        self._lines = [(at, line) for at, line in lines if not _COMMENT.match(line)]
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            self.number = number
            yield line

    def get_number(self, count: int) -> int:
        """Return the number in the file of the line that was read as the `count`th."""
        return self._lines[count - 1][0]

    def quote(self, count: int) -> str:
        """Return the line that was read as the `count`th, for an error message."""
        return shown(self._lines[count - 1][1].strip())


class _NumberedText(str):
    """A section or key that remembers its line."""

    line: int


def _parser(lines: _CountedLines) -> configparser.ConfigParser:
    # configparser keeps no line numbers, but it stores sections and keys in dictionaries of the
    # given type, at the moment at which it reads their line.
    class Numbering(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            if key not in self:
                key = _NumberedText(key)
                key.line = lines.number
            super().__setitem__(key, value)

    parser = configparser.ConfigParser(
        dict_type=Numbering,
        interpolation=None,
        delimiters=("=",),
        comment_prefixes=(),
        empty_lines_in_values=False,
        default_section="",  # no header is empty, so no section provides defaults for the others
    )
    parser.SECTCRE = _HEADER
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    return parser


def _section(parser: configparser.ConfigParser, name: str, file: Path | str) -> Section:
    entries = [Entry(str(key), value, file, _line(key)) for key, value in parser.items(name)]
    return Section(str(name), file, _line(name), entries)


def _line(name: str) -> int:
    assert isinstance(name, _NumberedText)
    return name.line


def _make_error(
    error: configparser.Error,
    parser: configparser.ConfigParser,
    lines: _CountedLines,
    file: Path | str,
) -> ConfigError:
    match error:
        case configparser.DuplicateSectionError(lineno=int(at), section=section):
            first = next(_line(name) for name in parser.sections() if name == section)
            message = f"duplicate section, the first is at line {first}"
            return ConfigError(message, file=file, line=lines.get_number(at), section=section)
        case configparser.DuplicateOptionError(lineno=int(at), section=section, option=key):
            number = lines.get_number(at)
            return ConfigError("duplicate key", file=file, line=number, section=section, key=key)
        case configparser.MissingSectionHeaderError(lineno=at):
            message = f"there is no [section] before {lines.quote(at)}"
            return ConfigError(message, file=file, line=lines.get_number(at))
        case configparser.ParsingError(errors=[(at, _), *_]):
            message = f"neither a [section] nor a key = value nor a comment: {lines.quote(at)}"
            return ConfigError(message, file=file, line=lines.get_number(at))
    return ConfigError(str(error), file=file)
