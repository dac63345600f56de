"""Names of jobs, sessions and the like as arguments of verbs, which the shell can complete."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import click
from click.shell_completion import CompletionItem
from gaffer_client import ClientError, Server

from gaffer_cli.exit_codes import Failure
from gaffer_cli.invocation import Invocation

_PATIENCE = 1.0
"""Seconds that somebody who has pressed Tab waits."""

EVENTS = [
    *("create", "start", "stop", "restart", "update", "delete"),
    *("spawn", "spawn_error", "stop_pid", "reap", "exit", "flap"),
]
"""Events of jobs and processes, as gaffer calls them."""
_PLUGIN_EVENTS = ["plugin.opened", "plugin.closed", "plugin.failed"]


def ask_soon(run: Invocation, question: Callable[[Server], list[str]]) -> list[str]:
    """What gafferd answers, for somebody who has pressed Tab; nothing if it takes too long.

    Args:
        run: says which gafferd.
        question: asks it for names.
    """
    names: list[str] = []

    def ask() -> None:
        try:
            with Server(**run.settings(), timeout=_PATIENCE) as server:
                names.extend(question(server))
        except (ClientError, Failure, OSError):
            # There is nobody to tell: what is typed stays as it is.
            return

    # The client's timeout counts anew for each piece of an answer, so a thread is given up.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    return [] if asking.is_alive() else names


class _Name(click.ParamType[str]):
    """A name that gafferd knows; it is asked when the shell completes one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        run = ctx.ensure_object(Invocation)
        names = ask_soon(run, lambda server: self.known(server, incomplete))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def known(self, server: Server, incomplete: str) -> list[str]:
        """The names that gafferd knows; those that do not begin so may be left out."""
        raise NotImplementedError


class JobType(_Name):
    """The name of a job: `name` or `session.name`."""

    name = "job"

    def known(self, server: Server, incomplete: str) -> list[str]:
        return server.jobs()


class SessionType(_Name):
    """The name of a session, which is that of an application."""

    name = "session"

    def known(self, server: Server, incomplete: str) -> list[str]:
        return server.sessions()


class PluginType(_Name):
    """The name of a plugin of gafferd."""

    name = "plugin"

    def known(self, server: Server, incomplete: str) -> list[str]:
        return [plugin.name for plugin in server.plugins()]


class PatternType(_Name):
    """Which events: `exit`, `proc.web` or `proc.web.exit`."""

    name = "pattern"

    def known(self, server: Server, incomplete: str) -> list[str]:
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
