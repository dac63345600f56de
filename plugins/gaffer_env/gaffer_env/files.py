"""Reading of environment files; an error contains nothing of a file, because it is public."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from gaffer_kernel import ConfigError, SpawnError

from gaffer_env.options import OPTIONAL, split_path

MAX_SIZE = 2**20
"""Bytes of one file; the variables of a process together may have about twice that."""

_MISSING = (FileNotFoundError, NotADirectoryError)


def load_files(
    files: Iterable[str], folder: str | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """Read the variables of several files; later files take precedence.

    Args:
        files: the paths, with a `?` before each that may be missing.
        folder: relative paths are relative to it; None for the working directory of gafferd.
        environ: what `${NAME}` in a file can be, next to variables that were read before.

    Raises:
        SpawnError: `bad_env`: a file is missing, cannot be read, or has a wrong line. It names the
            file and the line.
    """
    found: dict[str, str] = {}
    for each in files:
        path, optional = split_path(each)
        path = os.path.abspath(os.path.join(folder or "", path))
        try:
            text = _read(path)
        except _MISSING:
            if not optional:
                reason = "no such file: create it, or write"
                raise _make_error(path, f"{reason} {OPTIONAL}{path}") from None
        except OSError as error:
            raise _make_error(path, f"cannot be read: {error.strerror}") from None
        else:
            found |= _parse(text, path, found, environ)
    return found


def _read(path: str) -> str:
    # O_NONBLOCK: opening a FIFO would wait for a writer, and all of gafferd with it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _make_error(path, "is not a regular file")
        data = file.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise _make_error(path, f"is longer than {MAX_SIZE} bytes")
    if b"\0" in data:
        raise _make_error(path, "has a NUL character")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _make_error(path, "is not UTF-8 text") from None


def _parse(
    text: str, path: str, earlier: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    from gaffer_procfile import parse_env  # imports the parser, which most gafferds do not need

    try:
        return parse_env(text, Path(path), earlier, environ=environ)
    except ConfigError as error:
        # The message quotes the line, which may hold a secret.
        raise _make_error(path, f"line {error.line} is not NAME=value") from None


def _make_error(path: str, problem: str) -> SpawnError:
    return SpawnError("bad_env", f"env_file {path}: {problem}")
