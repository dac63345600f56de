"""From the command line of a job to the words that are executed."""

import re
import shlex
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from gaffer_kernel.errors import InvalidField

if TYPE_CHECKING:
    from gaffer_kernel.jobs.config import JobConfig

SHELL = "/bin/sh"

_VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


# Cached, because a job that crashes asks for the same words at every start.
@lru_cache(maxsize=1024)
def split_words(field: str, text: str) -> tuple[str, ...]:
    """Split a command line into words like a shell does.

    Raises:
        InvalidField: naming `field`, when a quotation or an escape is not ended.
    """
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidField(field, f"cannot be split into words: {str(error).lower()}") from None


def build_argv(config: "JobConfig", environ: Mapping[str, str]) -> list[str]:
    """The words to execute for one process of a job.

    Variables are replaced after splitting, so that a value never becomes two words. A shell
    replaces them itself.

    Args:
        config: the job.
        environ: the whole environment the process will have.
    """
    if config.shell:
        return [SHELL, "-c", " ".join((config.cmd, *map(shlex.quote, config.args)))]
    words = (*split_words("cmd", config.cmd), *config.args)
    return [substitute(word, environ) for word in words]


def configured_program(config: "JobConfig") -> str:
    """The program of a job as it was configured, for messages: no variable is replaced in it.

    In `NAME=value program` without a shell, the value is masked: it is often a secret.
    """
    if config.shell:
        return SHELL
    program = split_words("cmd", config.cmd)[0]
    assigned = _ASSIGNMENT.match(program)
    return f"{assigned[0]}***" if assigned else program


def substitute(word: str, environ: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by their values, and `$$` by `$`.

    A name that `environ` does not have stays as it is written, and so does everything else
    that a shell would understand: `$5`, `${NAME:-1}`.
    """

    def value(match: re.Match[str]) -> str:
        dollar, bare, braced = match.groups()
        return dollar or environ.get(bare or braced, match[0])

    return _VARIABLE.sub(value, word)
