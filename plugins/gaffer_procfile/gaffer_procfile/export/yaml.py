"""Writer for the YAML of compose and kubernetes: nested mappings and lists, quoted strings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

Value = Mapping[str, "Value"] | list["Value"] | str | int

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_.-]+)?")
# Words that some YAML parsers read as a value of another type.
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def dump(value: Mapping[str, Value]) -> str:
    """Format a mapping as a YAML document."""
    return "".join(f"{line}\n" for line in _mapping(value))


def _mapping(value: Mapping[str, Value]) -> Iterator[str]:
    for key, each in value.items():
        if isinstance(each, Mapping | list) and each:
            yield f"{_scalar(key)}:"
            yield from (f"  {line}" for line in _lines(each))
        else:
            yield f"{_scalar(key)}: {_empty(each)}"


def _lines(value: Value) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _mapping(value)
    elif isinstance(value, list):
        for each in value:
            first, *rest = _lines(each)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _empty(value: Value) -> str:
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, list) else _scalar(value)


def _scalar(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # A JSON string is also a YAML string.
    return json.dumps(value)
