"""`.env` files: variables, with quotes, comments and `export`."""

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

    Values are taken as they are written, without replacing `$NAME` in them. A later line wins.

    Raises:
        ConfigError: it cannot be read, or a line is none; file and line are named.
    """
    path = Path(path)
    return parse_env(read_text(path), path)


def parse_env(text: str, path: Path | str = ".env") -> dict[str, str]:
    """Read a text as if it stood in the file `path`, which need not exist.

    Raises:
        ConfigError: a line is none; file and line are named.
    """
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        written = binding.original.string
        # A statement includes the blank lines above it.
        line = binding.original.line + written[: -len(written.lstrip())].count("\n")
        complaint = _complaint(binding)
        if complaint:
            raise ConfigError(complaint, file=path, line=line)
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found


def _complaint(binding: Binding) -> str | None:
    if binding.error:
        return f"a line is NAME=value, not {shown(binding.original.string.strip())}"
    if binding.key is None:
        return None
    if not _NAME.fullmatch(binding.key):
        return f"{shown(binding.key)} is no name of a variable"
    if binding.value is None:
        return f"{binding.key} has no value, not even an empty one"
    return None


def load_envs(paths: Iterable[Path | str]) -> dict[str, str]:
    """The variables of several files; the later one wins.

    Raises:
        ConfigError: as `load_env` does.
    """
    found: dict[str, str] = {}
    for path in paths:
        found |= load_env(path)
    return found
