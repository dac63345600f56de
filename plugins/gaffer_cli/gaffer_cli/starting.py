"""Verbs that start processes: they wait until each job has run for a second, or crashed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from gaffer_client import ClientError, Job, NotFoundError, Server
from gaffer_client.models import Status

from gaffer_cli.condition import COMPLETED, FAILED, SUCCESS, describe_condition
from gaffer_cli.exit_codes import CommandError
from gaffer_cli.printable import printable
from gaffer_cli.waiting import Wait, wait_settled

T = TypeVar("T")

_HEALTHY_AFTER = 1.0
"""Seconds: a process that runs for so long has started."""
_POLL_INTERVAL = 0.1


class Started(NamedTuple):
    """The first exit of a job after its start; `exit` is empty if it runs."""

    exit: str = ""
    is_crash: bool = False

    def require_success(self, name: str) -> list[str]:
        """Return a line about an exit with status 0; no line if the job runs.

        Raises:
            CommandError: it crashed.
        """
        if self.is_crash:
            raise CommandError(f"{name}: {self.exit}")
        return [printable(f"{name}: {self.exit}")] if self.exit else []


class StartWatch:
    """A job that is being started, compared with its state before.

    Args:
        server: the client of gafferd.
        job: the job, which may not exist yet.
    """

    def __init__(self, server: Server, job: Job) -> None:
        self._server = server
        self._job = job
        self._restarts = 0
        self._last_pid = 0
        try:
            status = job.status()
            self._restarts = status.restarts
            self._last_pid = max([*status.ended, *job.pids()], default=0)
        except NotFoundError:
            pass

    def check_crash_loop(self) -> str | None:
        """Check a job whose start takes long; return its condition, None if it is unknown.

        Raises:
            CommandError: it cannot start, or has crashed twice.
        """
        try:
            status = self._job.status()
        except ClientError:
            # The pending request reports the error with more detail.
            return None
        # While no restart is scheduled, the error may be an old one.
        if status.last_error is not None and status.next_start_in is not None:
            raise CommandError(f"{self._job.name}: {status.last_error}")
        if status.state == COMPLETED:
            return describe_condition(status)
        if status.restarts >= self._restarts + 2 or _has_paused(status):
            raise CommandError(f"{self._job.name}: {self._describe_exit(status)}")
        return describe_condition(status)

    def describe(self) -> str:
        """Return the condition of the job."""
        return describe_condition(self._job.status())

    def wait_healthy(self, deadline: float) -> Started:
        """Wait until a time of the monotonic clock, or the first crash of the job."""
        while True:
            try:
                status = self._job.status()
            except NotFoundError:
                return Started()
            if status.restarts > self._restarts or _has_paused(status):
                is_success = (status.last_exit or "").startswith(SUCCESS)
                is_crash = not is_success and status.state != COMPLETED
                return Started(self._describe_exit(status), is_crash)
            if status.stopped or not status.numprocesses:
                return Started()
            rest = deadline - time.monotonic()
            if rest <= 0:
                return Started()
            time.sleep(min(_POLL_INTERVAL, rest))

    def _describe_exit(self, status: Status) -> str:
        """Describe the last exit, with the last line of the output."""
        reason = status.last_error or status.last_exit or describe_condition(status)
        ended = [pid for pid in status.ended if pid > self._last_pid]
        line = self._get_last_line(ended[-1]) if ended else ""
        return f"{reason}: {line}" if line else reason

    def _get_last_line(self, pid: int) -> str:
        try:
            with self._server.process(pid).lines(tail=True, follow=False) as lines:
                texts = [line.text for line in lines if line.text.strip()]
        except ClientError:
            return ""
        return texts[-1] if texts else ""


def _has_paused(status: Status) -> bool:
    flapping = status.flapping
    return flapping.waiting or flapping.gave_up or status.state in (COMPLETED, FAILED)


def start_job(
    server: Server, job: Job, wait: Wait, send: Callable[[], T]
) -> tuple[T, StartWatch | None]:
    """Send a request that starts a job, and wait until it is done.

    Args:
        server: the client of gafferd.
        job: the job.
        wait: seconds to wait; None for not at all.
        send: sends the request, and waits for the answer.

    Returns:
        The answer, and what `check_started` needs; None without `wait`.

    Raises:
        CommandError: the job cannot start, or is not started in time.
        ClientError: what `send` raises.
    """
    watch = None if wait is None else StartWatch(server, job)
    return wait_settled(str(job.name), send, starting=watch), watch


def watch_session(server: Server, session: str) -> dict[str, StartWatch | None]:
    """Watch all jobs of a session that are about to be started, by their names."""
    names = [each.name for each in server.status() if each.session == session]
    return {name: StartWatch(server, server.job(name)) for name in names}


def get_started(watches: Mapping[str, StartWatch | None]) -> dict[str, Started]:
    """Wait until each job has run for a second, or crashed; those with None are not waited for."""
    deadline = time.monotonic() + _HEALTHY_AFTER
    return {
        name: watch.wait_healthy(deadline) for name, watch in watches.items() if watch is not None
    }


def check_started(watches: Mapping[str, StartWatch | None]) -> list[str]:
    """Wait until each job has run for a second, or crashed.

    Returns:
        A line for each job whose process exited with status 0.

    Raises:
        CommandError: processes crashed; the reason describes their exits.
    """
    started = get_started(watches)
    if crashed := [f"{name}: {each.exit}" for name, each in started.items() if each.is_crash]:
        raise CommandError("; ".join(crashed))
    return [line for name, each in started.items() for line in each.require_success(name)]
