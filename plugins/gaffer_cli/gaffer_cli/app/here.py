"""Jobs of an application for the foreground."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaffer_kernel import JobConfig
    from gaffer_procfile import Application

PATIENCE = 5.0
"""Seconds between TERM and KILL, as with foreman and honcho."""


def jobs_here(
    app: Application,
    *,
    graceful_timeout: float = PATIENCE,
    pty: bool | None = None,
    open_input: bool = False,
) -> list[JobConfig]:
    """The jobs of an application, as they run in the foreground.

    Args:
        app: the application.
        graceful_timeout: seconds between TERM and KILL.
        pty: whether outputs are terminals; if not given, as our own is one or not.
        open_input: the standard input is not at its end; nothing ever comes of it all the same.
            Compilers that watch files take its end for ours, and leave.

    Raises:
        ConfigError: as `Application.jobs` does.
    """
    from msgspec.structs import replace

    if pty is None:
        pty = sys.stdout is not None and sys.stdout.isatty()
    return [
        replace(job, graceful_timeout=graceful_timeout, pty=pty, redirect_input=open_input)
        for job in app.jobs()
    ]
