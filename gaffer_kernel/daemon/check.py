"""The checks of `gafferd --check` that need more than the files: users, programs, folders."""

from __future__ import annotations

from collections.abc import Iterator

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError, GafferError, SpawnError
from gaffer_kernel.jobs import shell_syntax
from gaffer_kernel.jobs.command import build_argv, configured_program
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.spawn import check_program
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import SpawnRequest


def find_unknown_users(config: Config) -> Iterator[ConfigError]:
    """Yield an error for each job whose user or group does not exist here."""
    system = LinuxSystem()
    for session, job in config.jobs():
        try:
            system.user(job.uid, job.gid)
        except SpawnError as error:
            key = "gid" if error.slug == "bad_group" else "uid"
            yield _make_error(config, JobName.parse(job.name, session), key, error.reason)


def find_warnings(config: Config) -> Iterator[ConfigError]:
    """Yield a warning for each missing program or folder, and each likely mistake in a command.

    They are no errors: the machine that checks need not be the one that runs the jobs.
    """
    system = LinuxSystem()
    for session, job in config.jobs():
        name = JobName.parse(job.name, session)
        environ = Process(1, name, job, number=1).build_environ(system, None, {})
        request = SpawnRequest(
            argv=build_argv(job, environ),
            environ=environ,
            cwd=job.cwd,
            program=configured_program(job),
        )
        try:
            check_program(request)
        except SpawnError as error:
            yield _make_error(config, name, "cwd" if error.slug == "bad_cwd" else "cmd", str(error))
        for line in shell_syntax.find_warnings(job, environ):
            key, _, message = line.partition(": ")
            yield _make_error(config, name, key, message)


def _make_error(config: Config, name: JobName, key: str, message: str) -> ConfigError:
    section = config.get_job_section(name)
    if section is None:
        return ConfigError(f"{name}: {key}: {message}")
    return section.error(key, message)


def get_place(error: GafferError) -> tuple[str, int]:
    """Return the file and line of an error, to sort errors."""
    if not isinstance(error, ConfigError):
        return "", 0
    return str(error.file or ""), error.line or 0
