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
    app: Application, *, graceful_timeout: float = PATIENCE, pty: bool | None = None
) -> list[JobConfig]:
    """The jobs of an application, as they run in the foreground: nobody can write to them.

    Args:
        app: the application.
        graceful_timeout: seconds between TERM and KILL.
        pty: whether outputs are terminals; if not given, as our own is one or not.

    Raises:
        ConfigError: as `Application.jobs` does.
    """
    from msgspec.structs import replace

    pty = sys.stdout.isatty() if pty is None else pty
    return [
        replace(job, graceful_timeout=graceful_timeout, pty=pty, redirect_input=False)
        for job in app.jobs()
    ]
