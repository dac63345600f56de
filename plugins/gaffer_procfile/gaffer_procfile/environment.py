"""Parser for `.env` files: variables, with quotes, comments, `export` and `${NAME}`."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from gaffer_kernel import ConfigError
from gaffer_kernel.plugin import PRIVATE, shown

from gaffer_procfile.procfile import read_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STATEMENT = re.compile(
    r"\s*(?:export[^\S\r\n]+)?(?P<key>'[^']+'|[^=#\s]+)[^\S\r\n]*=[^\S\r\n]*(?P<value>.*)",
    re.DOTALL,
)
_DOUBLE_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_QUOTED_START = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')(?=.*\S)""")
_COMMENT = re.compile(r"\s+#.*")
_REFERENCE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}"
_IN_BARE = re.compile(_REFERENCE)
_IN_QUOTES = re.compile(_REFERENCE + r"|\\([\\'\"abfnrtv$])")


def load_env(path: Path | str, earlier: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read the variables of a file.

    `${NAME}` in a value is replaced, except in single quotes. A later line takes precedence.

    Args:
        path: the path of the file.
        earlier: the variables of files that were read before, for `${NAME}`.

    Raises:
        ConfigError: the file cannot be read, or a line is invalid; the error names file and line.
    """
    path = Path(path)
    return parse_env(read_text(path), path, earlier)


def parse_env(
    text: str,
    path: Path | str = ".env",
    earlier: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Parse the text of a file.

    Args:
        text: the text.
        path: for errors; the file need not exist.
        earlier: as for `load_env`.
        environ: other variables for `${NAME}`; those of this program, without its secrets, when not
            given.

    Raises:
        ConfigError: a line is invalid; the error names file and line.
    """
    found: dict[str, str] = {}
    if environ is None:
        environ = {name: value for name, value in os.environ.items() if name not in PRIVATE}
    known = ChainMap(found, dict(earlier or {}), dict(environ))
    for parsed in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        binding = _as_written(parsed)
        original = binding.original.string
        # dotenv includes preceding blank lines in a statement.
        line = binding.original.line + original[: -len(original.lstrip())].count("\n")
        problem = _find_problem(binding)
        if problem:
            raise ConfigError(problem, file=path, line=line)
        if binding.key is not None and binding.value is not None:
            found[binding.key] = _expand(binding, known, is_quoted=binding is parsed)
    return found


def _as_written(binding: Binding) -> Binding:
    """Accept text after a quoted part, as in `"Shop" <a@b.example>`: then quotes are ordinary."""
    statement = _STATEMENT.fullmatch(binding.original.string) if binding.error else None
    if statement is None:
        return binding
    value = _COMMENT.sub("", statement["value"].rstrip("\r\n")).rstrip()
    if "\n" in value or not _QUOTED_START.match(value):
        return binding
    return Binding(statement["key"].strip("'"), value, binding.original, error=False)


def _expand(binding: Binding, known: Mapping[str, str], *, is_quoted: bool) -> str:
    """Replace `${NAME}` in a value that is not in single quotes.

    Args:
        binding: the name and the value.
        known: the variables for `${NAME}`.
        is_quoted: whether a quote at the start of the value was a quote, not an ordinary character.
    """
    value = binding.value or ""
    statement = _STATEMENT.fullmatch(binding.original.string)
    raw = statement["value"] if statement else ""

    def replace(match: re.Match[str]) -> str:
        name, default, *escaped = match.groups()
        if name is None:
            return "$" if escaped[0] == "$" else codecs.decode(match[0], "unicode-escape")
        # As in a shell, the default of ${NAME:-default} also replaces an empty value.
        return known.get(name) or default or ""

    if is_quoted and raw.startswith("'"):
        return value
    if is_quoted and (quoted := _DOUBLE_QUOTED.match(raw)):
        return _IN_QUOTES.sub(replace, quoted[1])
    return _IN_BARE.sub(replace, value)


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


def load_envs(
    paths: Iterable[Path | str], earlier: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Read the variables of several files; later files take precedence.

    Args:
        paths: the paths of the files.
        earlier: as for `load_env`.

    Raises:
        ConfigError: as `load_env`.
    """
    found: dict[str, str] = {}
    for path in paths:
        found |= load_env(path, {**(earlier or {}), **found})
    return found
