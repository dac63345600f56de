"""Names of jobs, sessions and applications, as arguments of verbs."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem
from gaffer_client import ClientError, Server

from gaffer_cli.invocation import Invocation

_PATIENCE = 1.0
"""Seconds that somebody who has pressed Tab waits."""


class _Name(click.ParamType[str]):
    """A name that gafferd knows; it is asked when the shell completes one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            settings = ctx.ensure_object(Invocation).settings()
            with Server(**settings, timeout=_PATIENCE) as server:
                names = self.known(server)
        except (ClientError, OSError):
            # There is nobody to tell.
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def known(self, server: Server) -> list[str]:
        """All names that gafferd knows."""
        raise NotImplementedError


class JobType(_Name):
    """The name of a job: `name` or `session.name`."""

    name = "job"

    def known(self, server: Server) -> list[str]:
        return server.jobs()


class SessionType(_Name):
    """The name of a session, which is that of an application."""

    name = "session"

    def known(self, server: Server) -> list[str]:
        return server.sessions()


JOB = JobType()
SESSION = SessionType()
