"""A command line for a shell, which makes way for the program if there is only one."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping

SHELL = "/bin/sh"
_BUILT_IN = frozenset({"[", "echo", "false", "kill", "printf", "pwd", "test", "true"})
"""What a shell does itself, though there are programs of that name."""
_OPERATOR = re.compile(r"[();<>|&]+")


def shell_argv(line: str, environ: Mapping[str, str]) -> list[str]:
    """The words that have a shell run a line.

    A shell that waits for a program would take part in its Ctrl-C, and be the one that is killed in
    its place; so it becomes the program where it can.
    """
    start = "exec " if _is_one_program(line, environ) else ""
    return [SHELL, "-c", start + line]


def _is_one_program(line: str, environ: Mapping[str, str]) -> bool:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        # A quotation is not ended: the shell knows better how to say so.
        return False
    if not words or "\n" in line or any(_OPERATOR.fullmatch(word) for word in words):
        return False
    # An assignment, a keyword and `cd` are no programs.
    program = words[0]
    return program not in _BUILT_IN and bool(shutil.which(program, path=environ.get("PATH")))
