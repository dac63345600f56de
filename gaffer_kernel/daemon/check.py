"""The checks of `gafferd --check` that need more than the files: users, programs, folders."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError, GafferError, SpawnError
from gaffer_kernel.jobs import shell_syntax
from gaffer_kernel.jobs.command import build_argv, configured_program
from gaffer_kernel.jobs.stop_steps import find_stop_warnings
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.linux import LinuxSystem
from gaffer_kernel.linux.spawn_errors import check_program
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


def find_warnings(kernel: Kernel) -> Iterator[ConfigError]:
    """Yield a warning for each missing program or folder, and each likely mistake in a command.

    Plugins may have more reasons why a process cannot start.

    They are no errors: the machine that checks need not be the one that runs the jobs.
    """
    system = LinuxSystem()
    config = kernel.config
    for session, job in config.jobs():
        name = JobName.parse(job.name, session)
        process = Process(1, name, job, number=1)
        get_base = partial(kernel.advice.base_env, kernel.manager.preview(job, session), 1)
        try:
            environ = process.build_environ(system, None, {}, get_base=get_base)
        except SpawnError as error:
            yield _make_error(config, name, None, f"cannot start: {error}")
            environ = process.build_environ(system, None, {})
        for key, command in ("cmd", job.cmd), ("stop_command", job.stop_command):
            if command is None:
                continue
            request = SpawnRequest(
                argv=build_argv(command, (), job.shell, environ),
                environ=environ,
                cwd=job.cwd,
                program=configured_program(command, job.shell),
            )
            try:
                check_program(request)
            except SpawnError as error:
                if error.slug != "bad_cwd":
                    yield _make_error(config, name, key, str(error))
                elif key == "cmd":
                    yield _make_error(config, name, "cwd", str(error))
        lines = shell_syntax.find_warnings(job, environ) + find_stop_warnings(job.stop)
        for line in lines:
            key, _, message = line.partition(": ")
            yield _make_error(config, name, key, message)


def _make_error(config: Config, name: JobName, key: str | None, message: str) -> ConfigError:
    section = config.get_job_section(name)
    if section is None:
        return ConfigError(": ".join(filter(None, (str(name), key, message))))
    return section.error(key, message)


def get_place(error: GafferError) -> tuple[str, int]:
    """Return the file and line of an error, to sort errors."""
    if not isinstance(error, ConfigError):
        return "", 0
    return str(error.file or ""), error.line or 0
