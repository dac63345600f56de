"""Argument types: names of jobs, sessions, plugins and events, which the shell can complete."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import click
from click.shell_completion import CompletionItem
from gaffer_client import ClientError, Server

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.invocation import Invocation

_COMPLETION_TIMEOUT = 1.0
"""Seconds until the completion of a name is given up."""

EVENTS = [
    *("create", "start", "stop", "restart", "update", "delete"),
    *("spawn", "spawn_error", "stop_pid", "reap", "exit", "flap"),
    *("crash", "completed", "failed", "restart_failed"),
    *("waiting", "ready", "unready"),
]
"""Events of jobs and processes."""
_PLUGIN_EVENTS = ["plugin.opened", "plugin.closed", "plugin.failed"]


def get_completions(run: Invocation, request: Callable[[Server], list[str]]) -> list[str]:
    """Get names from gafferd for the completion of the shell; none on an error or a timeout.

    Args:
        run: the invocation, with the address of gafferd.
        request: sends the request.
    """
    names: list[str] = []

    def send() -> None:
        try:
            with Server(**run.settings(), timeout=_COMPLETION_TIMEOUT) as server:
                names.extend(request(server))
        except (ClientError, CommandError, OSError):
            # An error message would appear inside the line that the user types.
            return

    # The timeout of the client restarts with each piece of an answer, so only abandoning a thread
    # limits the whole request.
    sender = Thread(target=send, daemon=True)
    sender.start()
    sender.join(_COMPLETION_TIMEOUT)
    return [] if sender.is_alive() else names


class _Name(click.ParamType[str]):
    """A name that gafferd knows; the shell completes it by a request."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        run = ctx.ensure_object(Invocation)
        names = get_completions(run, lambda server: self.get_names(server, incomplete))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def get_names(self, server: Server, incomplete: str) -> list[str]:
        """Return the names that gafferd knows; may omit those without the prefix `incomplete`."""
        raise NotImplementedError


class JobType(_Name):
    """The name of a job: `name` or `session.name`."""

    name = "job"

    def get_names(self, server: Server, incomplete: str) -> list[str]:
        return server.jobs()


class SessionType(_Name):
    """The name of a session, which is that of an application."""

    name = "session"

    def get_names(self, server: Server, incomplete: str) -> list[str]:
        return server.sessions()


class PluginType(_Name):
    """The name of a plugin of gafferd."""

    name = "plugin"

    def get_names(self, server: Server, incomplete: str) -> list[str]:
        return [plugin.name for plugin in server.plugins()]


class PatternType(_Name):
    """A pattern of events: `exit`, `proc.web` or `proc.web.exit`."""

    name = "pattern"

    def get_names(self, server: Server, incomplete: str) -> list[str]:
        names = [*EVENTS, *_PLUGIN_EVENTS]
        if "proc".startswith(incomplete[:4]):
            jobs = [f"proc.{job}" for job in server.jobs()]
            chosen = [job for job in jobs if incomplete.startswith(f"{job}.")]
            names += [*jobs, *(f"{job}.{event}" for job in chosen for event in EVENTS)]
        return names


JOB = JobType()
SESSION = SessionType()
PLUGIN = PluginType()
PATTERN = PatternType()
