"""Jobs of an application for the foreground."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaffer_kernel import JobConfig
    from gaffer_procfile import Application

GRACEFUL_TIMEOUT = 5.0
"""Seconds between SIGTERM and SIGKILL, as with foreman and honcho."""


def foreground_jobs(
    app: Application,
    *,
    graceful_timeout: float = GRACEFUL_TIMEOUT,
    pty: bool | None = None,
) -> list[JobConfig]:
    """Return the jobs of an application, configured for the foreground.

    Args:
        app: the application.
        graceful_timeout: seconds between SIGTERM and SIGKILL.
        pty: whether the outputs are terminals; by default, if the standard output of this program
            is one.

    Raises:
        ConfigError: as `Application.jobs` does.
    """
    from msgspec.structs import replace

    if pty is None:
        pty = sys.stdout is not None and sys.stdout.isatty()
    return [
        replace(job, graceful_timeout=graceful_timeout, pty=pty, redirect_input=False)
        for job in app.jobs()
    ]
