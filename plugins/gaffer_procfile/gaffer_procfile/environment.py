"""Parser for `.env` files: variables, with quotes, comments and `export`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from gaffer_kernel import ConfigError
from gaffer_kernel.plugin import shown

from gaffer_procfile.procfile import read_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load_env(path: Path | str) -> dict[str, str]:
    """Read the variables of a file.

    `$NAME` in a value is not replaced. A later line takes precedence.

    Raises:
        ConfigError: the file cannot be read, or a line is invalid; the error names file and line.
    """
    path = Path(path)
    return parse_env(read_text(path), path)


def parse_env(text: str, path: Path | str = ".env") -> dict[str, str]:
    """Parse the text of a file; `path` is for errors and need not exist.

    Raises:
        ConfigError: a line is invalid; the error names file and line.
    """
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        original = binding.original.string
        # dotenv includes preceding blank lines in a statement.
        line = binding.original.line + original[: -len(original.lstrip())].count("\n")
        problem = _find_problem(binding)
        if problem:
            raise ConfigError(problem, file=path, line=line)
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found


def _find_problem(binding: Binding) -> str | None:
    if binding.error:
        return f"a line must be NAME=value, not {shown(binding.original.string.strip())}"
    if binding.key is None:
        return None
    if not _NAME.fullmatch(binding.key):
        return f"{shown(binding.key)} is not the name of a variable"
    if binding.value is None:
        return f"{binding.key} has no value, not even an empty one"
    return None


def load_envs(paths: Iterable[Path | str]) -> dict[str, str]:
    """Read the variables of several files; later files take precedence.

    Raises:
        ConfigError: as `load_env`.
    """
    found: dict[str, str] = {}
    for path in paths:
        found |= load_env(path)
    return found
