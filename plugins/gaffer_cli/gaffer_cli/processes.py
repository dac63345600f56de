"""The processes of jobs, as rows of a table: those that run, and instances without a process."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from gaffer_client import JobInfo, JobStats, NamedStatus, NotFoundError, ProcessInfo, Sample, Server
from gaffer_client.models import InstanceStatus
from gaffer_console.color import wants_color

from gaffer_cli.app.port_conflicts import get_host
from gaffer_cli.condition import ACTIVE, COLORS, get_instance_state, get_state
from gaffer_cli.printable import printable
from gaffer_cli.table import format_table, get_terminal_width
from gaffer_cli.top.cells import format_percent, format_size
from gaffer_cli.top.meter import with_children

HEAD = ["NAME", "STATE", "PID", "UPTIME", "RESTARTS", "CPU%", "MEM", "PORT", "LAST EXIT"]
_NUMBERS = ("UPTIME", "RESTARTS", "CPU%", "MEM")
_OPTIONAL = ("MEM", "CPU%", "UPTIME", "RESTARTS", "PORT")
"""Columns that a narrow terminal does not show, the first of them first."""
_NONE = "-"
_HEALTHY_AFTER = 10.0
"""Seconds, with a gafferd that does not report the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A process, or an instance of a job that has no process now.

    Attributes:
        name: the name of the job with the number of the instance, such as `shop.web.1`.
        state: of the process, or of the job.
        pid, os_pid: gaffer's number and the system's; None without a process.
        uptime: seconds.
        restarts: of all processes of the job.
        cpu: percent of one processor, with its descendants; None if not measured.
        mem: resident bytes, with its descendants; None if not measured.
        port: its PORT; None if it has none.
        url: where it probably serves HTTP.
        last_exit: how the last crashed process of the job exited, or why none could be started.
    """

    name: str
    state: str
    pid: int | None = None
    os_pid: int | None = None
    uptime: float | None = None
    restarts: int = 0
    cpu: float | None = None
    mem: int | None = None
    port: int | None = None
    url: str | None = None
    last_exit: str | None = None


@dataclass(frozen=True, slots=True)
class JobRows:
    """A job and its rows; `stats` is None if they were not measured."""

    status: NamedStatus
    info: JobInfo
    stats: JobStats | None
    rows: list[Row]


def read_jobs(
    server: Server, statuses: Iterable[NamedStatus], *, short: bool = False, numbers: bool = True
) -> list[JobRows]:
    """Get the processes of jobs; those that are removed meanwhile are left out.

    Args:
        server: the client of gafferd.
        statuses: of the jobs.
        short: name jobs without their session.
        numbers: number also the instance of a job with only one.
    """
    stats = _get_stats(server)
    found: list[JobRows] = []
    for status in statuses:
        with suppress(NotFoundError):
            reader = _Reader(server, status, stats.get(status.name), short=short, numbers=numbers)
            found.append(reader.read())
    return found


def format_rows(rows: Iterable[Row]) -> Iterator[str]:
    """Format rows as a table, with colours and fitted to the terminal if standard output is one.

    On a narrow terminal columns are left out, so that the last exit can be read.
    """
    return format_table(
        HEAD,
        map(_format_cells, rows),
        right=_NUMBERS,
        colors=COLORS if wants_color(sys.stdout) else None,
        width=get_terminal_width(),
        optional=_OPTIONAL,
    )


def format_uptime(seconds: float) -> str:
    """Format a time in two units, rounded down: `4s`, `3m 12s`, `2h 5m`, `3d 4h`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def _format_cells(row: Row) -> list[str]:
    return [
        row.name,
        row.state,
        _NONE if row.pid is None else f"{row.pid} ({row.os_pid})",
        _NONE if row.uptime is None else format_uptime(row.uptime),
        str(row.restarts),
        format_percent(row.cpu),
        format_size(row.mem),
        row.url or (_NONE if row.port is None else str(row.port)),
        printable(row.last_exit or _NONE),
    ]


def _get_stats(server: Server) -> dict[str, JobStats]:
    """Get the measurements of all jobs in one request, because each takes its time."""
    try:
        return {each.name: each for each in server.stats()}
    except NotFoundError:
        return {}


class _Reader:
    """Gets the rows of one job.

    Args:
        server: the client of gafferd.
        status: of the job.
        stats: its measurements; None if there are none.
        short: name the job without its session.
        numbers: number also a single instance.
    """

    def __init__(
        self,
        server: Server,
        status: NamedStatus,
        stats: JobStats | None,
        *,
        short: bool,
        numbers: bool,
    ) -> None:
        self._numbers = numbers or status.numprocesses > 1
        self._server = server
        self._status = status
        self._stats = stats
        self._name = status.job if short else status.name
        self._samples = {each.pid: each for each in stats.stats} if stats else {}

    def read(self) -> JobRows:
        """Get the rows.

        Raises:
            NotFoundError: the job was removed.
        """
        job = self._server.job(self._status.name).info()
        infos = self._get_infos()
        rows = [(info.number, self._from_process(info, job)) for info in infos if info.number]
        numbers = {number for number, _ in rows}
        if self._status.active:
            # After a scale-down the numbers of those that are left need not begin with 1.
            reported = {each.number for each in self._status.instances}
            wanted = reported or set(range(1, self._status.numprocesses + 1))
            missing = sorted(wanted - numbers)[: max(0, self._status.numprocesses - len(numbers))]
            rows += [(number, self._without_process(number)) for number in missing]
        rows.sort(key=lambda each: each[0])
        instances = [row for _, row in rows] or [self._without_process(0)]
        one_offs = [self._from_process(info, job) for info in infos if not info.number]
        return JobRows(self._status, job, self._stats, instances + one_offs)

    def _get_infos(self) -> list[ProcessInfo]:
        infos = []
        for pid in self._status.pids:
            with suppress(NotFoundError):
                infos.append(self._server.process(pid).info())
        return infos

    def _from_process(self, info: ProcessInfo, job: JobInfo) -> Row:
        from gaffer_procfile.ports import get_process_url

        port = job.config.get("port")
        host = get_host(self._server.url)
        every = self._measured(info.pid)
        return Row(
            name=self._get_name(info.number, info.pid),
            state=get_instance_state(
                self._status, info, job.config.get("healthy_after", _HEALTHY_AFTER)
            ),
            pid=info.pid,
            os_pid=info.os_pid,
            uptime=info.uptime,
            restarts=self._status.restarts,
            cpu=None if every is None else round(sum(each.cpu or 0.0 for each in every), 1),
            mem=None if every is None else sum(each.mem_info1 or 0 for each in every),
            port=None if port is None else port + max(info.number, 1) - 1,
            url=get_process_url(info.job, job.config["cmd"], port, info.number, host),
            last_exit=self._status.last_error or self._status.last_exit,
        )

    def _get_name(self, number: int, one_off: int = 0) -> str:
        if one_off and not number:
            return f"{self._name}.once-{one_off}"
        is_numbered = number > 1 or (number and self._numbers)
        return f"{self._name}.{number}" if is_numbered else self._name

    def _without_process(self, number: int) -> Row:
        status = self._status
        state = get_state(status)
        if status.active and not number:
            state = "scaled to 0"
        elif (instance := self._find_instance(number)) is not None and not status.failing:
            state = f"{instance.state}: {printable(instance.reason)}"
        elif state == ACTIVE:
            state = "starting"
        elif status.next_start_in is not None and status.next_start_in > 0:
            state += f", next start in {status.next_start_in:.1f} s"
        return Row(
            name=self._get_name(number),
            state=state,
            restarts=status.restarts,
            last_exit=status.last_error or status.last_exit,
        )

    def _find_instance(self, number: int) -> InstanceStatus | None:
        """Return an instance that waits or has ended, from a gafferd that reports instances."""
        for instance in self._status.instances:
            if instance.number == number and instance.pid is None:
                return instance
        return None

    def _measured(self, pid: int) -> list[Sample] | None:
        sample = self._samples.get(pid)
        return None if sample is None else list(with_children([sample]))
