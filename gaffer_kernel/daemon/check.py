"""The checks of `gafferd --check`, which need more than the files: users and command lines."""

from __future__ import annotations

from collections.abc import Iterator

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError, SpawnError
from gaffer_kernel.jobs.shell_syntax import find_warnings
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process


def find_unknown_users(config: Config) -> Iterator[ConfigError]:
    """Yield an error for each job whose user or group does not exist here."""
    system = LinuxSystem()
    for session, job in config.jobs():
        try:
            system.user(job.uid, job.gid)
        except SpawnError as error:
            key = "gid" if error.slug == "bad_group" else "uid"
            yield _make_error(config, JobName.parse(job.name, session), key, error.reason)


def find_command_warnings(config: Config) -> Iterator[ConfigError]:
    """Yield a warning for each likely mistake in the command line of a job."""
    system = LinuxSystem()
    for session, job in config.jobs():
        name = JobName.parse(job.name, session)
        process = Process(1, name, job, number=1)
        for line in find_warnings(job, process.build_environ(system, None, {})):
            key, _, message = line.partition(": ")
            yield _make_error(config, name, key, message)


def _make_error(config: Config, name: JobName, key: str, message: str) -> ConfigError:
    section = config.get_job_section(name)
    if section is None:
        return ConfigError(f"{name}: {key}: {message}")
    return section.error(key, message)
