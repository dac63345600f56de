"""Execution of commands: permission, answer, and a line in the audit log."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import cast

import trio
from gaffer_kernel import GafferError, Job, JobName, Process
from gaffer_kernel.plugin import did_you_mean, shown

from gaffer_http.auth import audit
from gaffer_http.auth.authorization import check_visible, current_caller, require
from gaffer_http.channel.arguments import (
    Arguments,
    ConfigArguments,
    JobArguments,
    ProcessArguments,
    bind,
)
from gaffer_http.channel.commands import Command, Result, command_table, get_job_name
from gaffer_http.channel.messages import Call, command_failed, command_succeeded
from gaffer_http.channel.outbox import Outbox
from gaffer_http.channel.writes import Writes
from gaffer_http.errors import ApiError, error_from_kernel, error_from_status
from gaffer_http.views.current import check_running, current_kernel

log = logging.getLogger(__name__)

MAX_WAITING = 256
"""Commands of one client that may wait at the same time."""


class Dispatcher:
    """Executes the commands of one client.

    Each is executed and answered before the next one; those that wait for something are answered
    later, and do not delay the others.

    Args:
        nursery: runs the waiting ones.
        outbox: where to answer.
    """

    def __init__(self, nursery: trio.Nursery, outbox: Outbox) -> None:
        self._nursery = nursery
        self._outbox = outbox
        self._commands = command_table(Writes(nursery))
        self._waiting = 0
        self._done = trio.lowlevel.ParkingLot()

    def handle(self, call: Call) -> None:
        """Execute a command, or start waiting for its result."""
        request = _Request(call, self._outbox)
        with request.report_errors():
            command = request.find(self._commands)
            if command.waits and self._waiting >= MAX_WAITING:
                reason = f"{MAX_WAITING} commands are waiting already"
                raise ApiError(429, "too_many", reason)
            result = request.execute(command)
            if command.waits:
                self._waiting += 1
                self._nursery.start_soon(self._wait, request, cast(Awaitable[Result], result))
            else:
                request.succeed(cast(Result, result))

    async def _wait(self, request: _Request, result: Awaitable[Result]) -> None:
        with request.report_errors():
            request.succeed(await result)
        self._waiting -= 1
        self._done.unpark_all()

    async def wait_done(self) -> None:
        """Wait until no command waits."""
        while self._waiting:
            await self._done.park()


class _Request:
    """One command while it is executed.

    Attributes:
        what: for the audit log; made of command names, job names, pids and programs only.
    """

    def __init__(self, call: Call, outbox: Outbox) -> None:
        self.what = "CMD"
        self._call = call
        self._outbox = outbox
        self._changes = False

    def find(self, commands: dict[str, Command]) -> Command:
        name = self._call.name
        command = commands.get(name)
        if command is None:
            hint = did_you_mean(name, commands)
            raise ApiError(404, "command_not_found", f"no command {shown(name)}{hint}")
        self.what = f"CMD {name}"
        self._changes = command.right != "read"
        return command

    def execute(self, command: Command) -> Result | Awaitable[Result]:
        given: Arguments = bind(self._call, command.takes)
        subject = self._subject(command, given)
        if self._changes:
            check_running()
        return command.act(subject, given)

    def _subject(self, command: Command, given: Arguments) -> Job | Process | JobName | None:
        """Check the permission of the caller, and return the subject of the command."""
        match given:
            case ConfigArguments():
                name = self._require(command, get_job_name(given))
                self.what += f" ({audit.get_program(given.config)})"
                return name
            case JobArguments():
                name = JobName.parse(given.name, given.sessionid)
                return current_kernel().manager.get(self._require(command, name))
            case ProcessArguments():
                self.what += f" {given.pid}"
                process = check_visible(current_kernel().manager.process(given.pid))
                require(command.right, process.job.session)
                return process
            case _:
                return None

    def _require(self, command: Command, name: JobName) -> JobName:
        self.what += f" {name.session}.{name.name}"
        require(command.right, name.session)
        return name

    @contextmanager
    def report_errors(self) -> Iterator[None]:
        try:
            yield
        except ApiError as error:
            self._fail(error)
        except GafferError as error:
            self._fail(error_from_kernel(error))
        except Exception:
            log.exception("the API failed on %s", self.what)
            self._fail(error_from_status(500))

    def _fail(self, error: ApiError) -> None:
        self._record(error.status)
        self._outbox.answer(command_failed(self._call.identity, error))

    def succeed(self, result: Result) -> None:
        self._record(200)
        self._outbox.answer(command_succeeded(self._call.identity, result))

    def _record(self, status: int) -> None:
        if self._changes:
            audit.record(current_caller(), self.what, status)
