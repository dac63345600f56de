"""Variables in the shell command, for formats that cannot express them otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote


def add_exports(command: str, env: Mapping[str, str]) -> str:
    """Prefix a shell command with `export NAME=value`."""
    words = [f"{name}={quote(value)}" for name, value in env.items()]
    return f"export {' '.join(words)}; {command}" if words else command
