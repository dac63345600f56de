"""Variables set by the shell itself, for formats that have no other way to say them."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote


def with_exports(command: str, env: Mapping[str, str]) -> str:
    """A command line for a shell that sets variables before."""
    words = [f"{name}={quote(value)}" for name, value in env.items()]
    return f"export {' '.join(words)}; {command}" if words else command
