"""Shell command lines; the shell replaces itself with the program if there is only one."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping

SHELL = "/bin/sh"
_BUILT_IN = frozenset({"[", "echo", "false", "kill", "printf", "pwd", "test", "true"})
"""Built-in commands of the shell for which there are programs of the same name."""
_OPERATOR = re.compile(r"[();<>|&]+")


def shell_argv(line: str, environ: Mapping[str, str]) -> list[str]:
    """Return the arguments that run a line in a shell.

    The line starts with `exec` if it runs a single program. A shell that waited for the program
    would receive Ctrl-C as well, and signals for the program would kill the shell instead.
    """
    start = "exec " if _is_one_program(line, environ) else ""
    return [SHELL, "-c", start + line]


def _is_one_program(line: str, environ: Mapping[str, str]) -> bool:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        # An unclosed quotation: the shell reports it better.
        return False
    if not words or "\n" in line or any(_OPERATOR.fullmatch(word) for word in words):
        return False
    # Assignments, keywords and `cd` are not programs.
    program = words[0]
    return program not in _BUILT_IN and bool(shutil.which(program, path=environ.get("PATH")))
