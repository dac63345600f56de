"""Applications loaded in gafferd: their jobs, their processes, and changes to all jobs of one."""

from __future__ import annotations

from collections.abc import Callable

from gaffer_client import NotFoundError, ProcessInfo, Server, Session

from gaffer_cli.app.application import get_application_name
from gaffer_cli.exit_codes import NotLoadedError
from gaffer_cli.invocation import Invocation
from gaffer_cli.starting import check_started, watch_session
from gaffer_cli.waiting import wait_settled


def get_job_names(server: Server, app: str) -> list[str]:
    """Return the names of the jobs of an application.

    Raises:
        NotLoadedError: gafferd does not have the application.
    """
    try:
        return server.session(app).jobs()
    except NotFoundError:
        raise not_loaded_error(server, app) from None


def not_loaded_error(server: Server, app: str) -> NotLoadedError:
    """Make the error for an application that gafferd does not have."""
    return NotLoadedError(f"{app!r} is not loaded in {server.url}; gaffer apps lists what is")


def get_process_label(process: ProcessInfo, name: str) -> str:
    """Return the name of a process for people, from its slot: `web.1`, or `web.once-7`.

    Args:
        process: the process.
        name: the name of its job, as shown.
    """
    return f"{name}.{process.number}" if process.number else f"{name}.once-{process.pid}"


def change_application(
    run: Invocation,
    name: str | None,
    send: Callable[[Session], object],
    done: str,
    *,
    starts: bool = False,
) -> None:
    """Change all jobs of an application in gafferd, and print the result.

    Args:
        run: the invocation; its options name the application if `name` does not.
        name: the name of the application.
        send: sends the request, and waits until it is done.
        done: the word for the result, such as `restarted`.
        starts: whether processes start, which is then checked as by the verb `start`.

    Raises:
        CommandError: gafferd does not have the application, or a process crashed.
    """
    app = get_application_name(run, name)
    server = run.server()
    session = server.session(app)
    try:
        watches = watch_session(server, app) if starts else {}
        wait_settled(app, lambda: send(session))
        exits = check_started(watches)
    except NotFoundError:
        raise not_loaded_error(server, app) from None
    run.show({"ok": True, "app": app}, [*exits, f"{app!r} {done}"])
