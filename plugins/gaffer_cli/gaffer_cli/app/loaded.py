"""Applications that gafferd has, and their processes, as people see them."""

from __future__ import annotations

from gaffer_client import NotFoundError, ProcessInfo, Server

from gaffer_cli.exit_codes import NotLoaded


def jobs_of(server: Server, app: str) -> list[str]:
    """The names of the jobs of an application.

    Raises:
        NotLoaded: gafferd does not have it.
    """
    try:
        return server.session(app).jobs()
    except NotFoundError:
        raise not_loaded(server, app) from None


def not_loaded(server: Server, app: str) -> NotLoaded:
    """The error that an application is not there."""
    return NotLoaded(f"{app!r} is not loaded in {server.url}; gaffer apps lists what is")


def label(process: ProcessInfo, name: str) -> str:
    """What a process is called: by its place among those of its job.

    Args:
        process: what is known of it.
        name: of its job, as it is to be shown.
    """
    return f"{name}.{process.number}" if process.number else f"{name}.once-{process.pid}"
