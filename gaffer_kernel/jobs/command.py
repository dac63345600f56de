"""The command line of a job: split into words, variables replaced."""

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache

from gaffer_kernel.errors import InvalidField

SHELL = "/bin/sh"

PORT = "PORT"
"""The variable that `port` of a job sets."""

MAINPID = "MAINPID"
"""The variable of a stop_command with the system's number of the process to stop."""

VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


# Cached, because every restart of a job splits the same line.
@lru_cache(maxsize=1024)
def split_words(field: str, text: str) -> tuple[str, ...]:
    """Split a command line into words like a shell does.

    Raises:
        InvalidField: names `field`: a quotation or an escape is not closed.
    """
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidField(field, f"cannot be split into words: {str(error).lower()}") from None


def build_argv(
    line: str, args: Sequence[str], shell: bool, environ: Mapping[str, str]
) -> list[str]:
    """Return the words to execute for a command of a job.

    Variables are replaced after the split, so that a value never becomes two words. In a shell job
    the shell replaces them.

    Args:
        line: the command line.
        args: more words.
        shell: whether a shell runs the line.
        environ: the whole environment the process will have.
    """
    if shell:
        return [SHELL, "-c", " ".join((line, *map(shlex.quote, args)))]
    words = (*split_words("cmd", line), *args)
    return [substitute(word, environ) for word in words]


def configured_program(line: str, shell: bool) -> str:
    """Return the program of a command line for messages, as configured, with no variable replaced.

    In `NAME=value program` without a shell, the value is masked: it is often a secret.
    """
    if shell:
        return SHELL
    program = split_words("cmd", line)[0]
    assigned = _ASSIGNMENT.match(program)
    return f"{assigned[0]}***" if assigned else program


def substitute(word: str, environ: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by their values, and `$$` by `$`.

    A name that is not in `environ` stays as it is, and so does other shell syntax: `$5`,
    `${NAME:-1}`.
    """

    def value(match: re.Match[str]) -> str:
        dollar, bare, braced = match.groups()
        return dollar or environ.get(bare or braced, match[0])

    return VARIABLE.sub(value, word)
