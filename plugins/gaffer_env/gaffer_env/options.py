"""EnvOptions: the keys that the plugin adds to jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

OPTIONAL = "?"
"""Before the path of a file that may be missing."""

MAX_PATH = 4096
"""Bytes, as PATH_MAX of Linux."""


def split_path(text: str) -> tuple[str, bool]:
    """Return the path of an `env_file`, and whether the file may be missing."""
    return text.removeprefix(OPTIONAL), text.startswith(OPTIONAL)


def _resolve(text: str, resolve: Callable[[str], str]) -> str:
    path, optional = split_path(text)
    return f"{OPTIONAL if optional else ''}{resolve(path)}"


EnvFile = Annotated[
    str,
    Meta(
        title="a path, after ? if the file may be missing",
        min_length=1,
        max_length=MAX_PATH,
        extra={"resolve": _resolve},
        extra_json_schema={"pattern": r"^\??[^?\u0000\n][^\u0000\n]*$"},
    ),
]


class EnvOptions(Struct, frozen=True):
    """The keys of one job."""

    env_file: Annotated[
        tuple[EnvFile, ...],
        Meta(
            description="Files with variables, read at every start; later ones win. `?` before a"
            " path: the file may be missing."
        ),
    ] = ()
    user_env: Annotated[
        bool | None,
        Meta(
            title="true or false",
            description="Set HOME, USER, LOGNAME and SHELL of the user that the job runs as; the"
            " default is true for a job with a `uid`.",
        ),
    ] = None
