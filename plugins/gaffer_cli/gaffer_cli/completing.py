"""How a shell asks a command to complete a line."""

from __future__ import annotations


def completion_variable(program: str) -> str:
    """The variable that is there when a shell asks; click looks at the same."""
    return f"_{program.upper()}_COMPLETE"
