"""Warnings about command lines that look as if a shell would run them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from typing import TYPE_CHECKING

from gaffer_kernel.jobs.command import MAINPID, VARIABLE, split_words

if TYPE_CHECKING:
    from gaffer_kernel.jobs.config import JobConfig

_QUOTED = r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\""""
_WORD = re.compile(rf"""(?:[^\s'"\\]|{_QUOTED})+""", re.DOTALL)
_LITERAL = re.compile(_QUOTED, re.DOTALL)
_OPERATOR = re.compile(r"\|[|&]?|&&?|;;?|[0-9]?(?:>>?|<<?<?|>&[0-9-]|<&[0-9-])|&>>?")
_REDIRECTION = re.compile(r"([0-9]?(?:>>?|<)|&>>?)[^<>=\s]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_BUILTINS = frozenset({"cd", "exec", "export", "set", "source", "ulimit", "umask", "unset", "."})


@lru_cache(maxsize=1024)
def find_shell_syntax(cmd: str) -> str | None:
    """Return the first part of a command line that has a meaning for a shell only.

    Args:
        cmd: the line of a job that is not run by a shell. Quoted and escaped characters do not
            count: `grep '|' *.txt` has one such part, `*`. The rest of a word is not returned: it
            may be a secret.
    """
    words = [match[0] for match in _WORD.finditer(cmd)]
    for index, word in enumerate(words):
        # A quoted part stays visible as one character, so that '' is not nothing.
        bare = _LITERAL.sub("_", word)
        if index == 0 and (bare in _BUILTINS or _ASSIGNMENT.match(bare)):
            return bare if bare in _BUILTINS else f"{bare.partition('=')[0]}="
        if _OPERATOR.fullmatch(bare):
            return bare
        if redirection := _REDIRECTION.fullmatch(bare):
            return redirection[1]
        if bare.endswith(";"):
            return ";"
        for syntax in ("$(", "`", "*"):
            if syntax in bare:
                return syntax
    return None


def find_warnings(config: JobConfig, environ: Mapping[str, str]) -> list[str]:
    """Return a line for each mistake that is likely in the command lines of a job.

    Args:
        config: the job.
        environ: the variables of its processes.
    """
    if config.shell:
        return []
    lines = _find("cmd", config.cmd, config.args, set(environ))
    if config.stop_command is not None:
        lines += _find("stop_command", config.stop_command, (), {*environ, MAINPID})
    return lines


def _find(key: str, line: str, args: Sequence[str], known: Set[str]) -> list[str]:
    lines = []
    if syntax := find_shell_syntax(line):
        lines.append(f"{key}: {describe_shell_syntax(syntax)}")
    names = {
        match[2] or match[3]
        for word in (*split_words(key, line), *args)
        for match in VARIABLE.finditer(word)
        if not match[1]
    }
    lines += (
        f"{key}: ${name} is not set, so it stays as it is: set it, or write $${name}"
        for name in sorted(names - known)
    )
    return lines


def describe_shell_syntax(syntax: str) -> str:
    """Describe a part of a command line that only a shell understands."""
    return f"{syntax} has no meaning without a shell: set shell = true, or quote it"
