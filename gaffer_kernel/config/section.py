"""Section: the values of one section, converted on demand, with their file and line."""

import os
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, overload

from gaffer_kernel.errors import ConfigError, shown
from gaffer_kernel.jobs import units

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key = value` of a file."""

    key: str
    value: str
    file: Path | str
    line: int


class Section:
    """One `[section]`. Values are texts; `getint` and similar methods convert them.

    It records which keys are asked for, present or not: others are unknown to their owner.

    Raises:
        ConfigError: by every `get...` method, with file, line, section and key.
    """

    def __init__(
        self, name: str, file: Path | str, line: int, entries: Iterable[Entry] = ()
    ) -> None:
        self.name = name
        self.file = file
        self.line = line
        self._entries = {entry.key: entry for entry in entries}
        self._asked: set[str] = set()
        self._listed = False

    def keys(self) -> list[str]:
        """The keys, in the order of the file."""
        self._listed = True
        return list(self._entries)

    def items(self) -> list[tuple[str, str]]:
        """The keys and their texts, in the order of the file."""
        self._listed = True
        return [(entry.key, entry.value) for entry in self._entries.values()]

    def error(self, key: str | None, message: str) -> ConfigError:
        """Make the error to raise for a key, or for the whole section if `key` is None."""
        place = self._entries.get(key, self) if key is not None else self
        return ConfigError(message, file=place.file, line=place.line, section=self.name, key=key)

    @property
    def asked(self) -> frozenset[str]:
        """The keys that have been asked for since `forget_asked`."""
        return frozenset(self._asked)

    def forget_asked(self) -> None:
        """Forget which keys have been asked for."""
        self._asked.clear()
        self._listed = False

    def find_unknown(self, known: Container[str]) -> list[str]:
        """Return the keys that are not known; none if all keys have been listed since."""
        return [] if self._listed else [key for key in self._entries if key not in known]

    def merged(self, other: "Section", repeatable: Container[str] = ()) -> "Section":
        """Merge this section with one of the same name in another file.

        Args:
            other: the section that was read later.
            repeatable: keys that both may have; the value of this section is kept.

        Raises:
            ConfigError: both have another key.
        """
        entries = dict(self._entries)
        for key, entry in other._entries.items():
            first = entries.setdefault(key, entry)
            if first is not entry and key not in repeatable:
                raise other.error(key, f"is already set at {first.file}:{first.line}")
        return Section(self.name, self.file, self.line, entries.values())

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: T) -> str | T: ...
    def get(self, key: str, default: object = None) -> object:
        """Return the text of a key."""
        self._asked.add(key)
        entry = self._entries.get(key)
        return default if entry is None else entry.value

    @overload
    def getint(self, key: str) -> int | None: ...
    @overload
    def getint(self, key: str, default: T) -> int | T: ...
    def getint(self, key: str, default: object = None) -> object:
        """Return a whole number, in decimal digits."""
        return self._convert(key, default, units.parse_int, "a whole number")

    @overload
    def getfloat(self, key: str) -> float | None: ...
    @overload
    def getfloat(self, key: str, default: T) -> float | T: ...
    def getfloat(self, key: str, default: object = None) -> object:
        """Return a number: `30`, `7.`, `.5` or `1e3`, but neither infinity nor NaN."""
        return self._convert(key, default, units.parse_float, "a number")

    @overload
    def getbool(self, key: str) -> bool | None: ...
    @overload
    def getbool(self, key: str, default: T) -> bool | T: ...
    def getbool(self, key: str, default: object = None) -> object:
        """Return a truth value: `true yes on 1` or `false no off 0`, in any case."""
        return self._convert(key, default, units.parse_bool, "true or false")

    @overload
    def getlist(self, key: str) -> list[str] | None: ...
    @overload
    def getlist(self, key: str, default: T) -> list[str] | T: ...
    def getlist(self, key: str, default: object = None) -> object:
        """Return words that are separated by commas, white space or both."""
        return self._convert(key, default, _words, "a list")

    @overload
    def getnumbers(self, key: str) -> list[float] | None: ...
    @overload
    def getnumbers(self, key: str, default: T) -> list[float] | T: ...
    def getnumbers(self, key: str, default: object = None) -> object:
        """Return numbers separated by commas, white space or both; `5` is an int, `5.` a float."""
        return self._convert(key, default, _numbers, "a list of numbers")

    @overload
    def getpath(self, key: str) -> Path | None: ...
    @overload
    def getpath(self, key: str, default: T) -> Path | T: ...
    def getpath(self, key: str, default: object = None) -> object:
        """Return a path, made by `resolve`; an empty text counts as missing."""
        text = self.get(key)
        return self.resolve(text, key) if text else default

    def resolve(self, path: str, key: str | None = None) -> Path:
        """Expand `~` in a path, and take a relative one as relative to the folder of the file.

        Args:
            path: as written in the file.
            key: the key whose file counts: the keys of one section can be in several files.
        """
        entry = self._entries.get(key) if key is not None else None
        return get_folder(entry.file if entry else self.file) / os.path.expanduser(path)

    def _convert(
        self, key: str, default: object, convert: Callable[[str], object], expected: str
    ) -> object:
        text = self.get(key)
        if text is None:
            return default
        try:
            return convert(text)
        except ValueError:
            raise self.error(key, f"must be {expected}, not {shown(text)}") from None


def get_folder(file: Path | str) -> Path:
    """Return the folder to which the paths in a file are relative.

    It is the current one for a file without a folder of its own: a pipe, or /dev/null.
    """
    path = Path(file)
    return Path() if path.exists() and not path.is_file() else path.parent


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _numbers(text: str) -> list[float]:
    return [units.parse_number(word) for word in _words(text)]
