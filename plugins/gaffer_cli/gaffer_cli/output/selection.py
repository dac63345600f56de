"""The processes that names of applications and jobs select."""

from __future__ import annotations

from collections.abc import Iterable

from gaffer_client import NamedStatus, Server
from gaffer_client.names import JobName, has_session

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.job_names import did_you_mean, get_type_name


class Selection:
    """Applications and single jobs.

    Args:
        server: the client of gafferd.
        names: of applications, or of jobs: `session.name`, or `name` in the default session.
        app: the application whose types can also be names; None for none.

    Raises:
        CommandError: there is neither an application nor a job of a name.
    """

    def __init__(self, server: Server, names: Iterable[str], app: str | None = None) -> None:
        self._server = server
        self._app = app
        self._sessions: set[str] = set()
        self._jobs: set[JobName] = set()
        for name in names:
            self._add(name)

    def _add(self, name: str) -> None:
        bare = not has_session(name)
        if bare and name in self._server.sessions():
            self._sessions.add(name)
            return
        job = self._server.job(name)
        known = self._server.jobs()
        type_ = get_type_name(self._app, name)
        if str(job.name) in known:
            self._jobs.add(job.name)
        elif type_ in known:
            self._jobs.add(JobName.parse(str(type_)))
        else:
            what = "application or job" if bare else "job"
            suggestion = did_you_mean(name, known)
            raise CommandError(f"no {what} {name!r} in {self._server.url}{suggestion}")

    @property
    def is_of_one_session(self) -> bool:
        """Whether the names of jobs are unique without their session."""
        return len(self._sessions | {job.session for job in self._jobs}) == 1

    def includes(self, session: str | None, job: str | None) -> bool:
        """Return whether a job is selected."""
        return session in self._sessions or (session, job) in self._jobs

    def jobs(self) -> list[NamedStatus]:
        """Get the selected jobs that exist now."""
        return [each for each in self._server.status() if self.includes(each.session, each.job)]

    def pids(self) -> list[int]:
        """Get the pids of their processes."""
        return [pid for job in self.jobs() for pid in job.pids]

    def pids_to_read(self) -> list[int]:
        """Get the pids of their processes; for a job without processes, the last that exited."""
        return [pid for job in self.jobs() for pid in job.pids or job.ended[-1:]]
