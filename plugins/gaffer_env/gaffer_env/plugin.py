"""The plugin `env`: the keys `env_file` and `user_env` of jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gaffer_kernel import Job, hookimpl

from gaffer_env.files import load_files
from gaffer_env.options import EnvOptions
from gaffer_env.user import USER_VARIABLES, get_user_env


class EnvPlugin:
    """Reads the environment files of a job before each start of a process."""

    name = "env"

    @hookimpl
    def gaffer_job_options(self) -> type[EnvOptions]:
        """Add `env_file` and `user_env` to jobs."""
        return EnvOptions

    @hookimpl
    def gaffer_base_env(self, job: Job, environ: Mapping[str, str]) -> Mapping[str, str | None]:
        """Return the variables of the user, and above them those of the files.

        Raises:
            SpawnError: a file or the user is missing, or a file cannot be used.
        """
        options = job.options(EnvOptions)
        found: dict[str, str | None] = {}
        if options.user_env:
            found.update(get_user_env(job.config.uid))
        elif options.user_env is False and job.config.uid is not None:
            # The kernel has set them. Without os_env, gafferd's own are not inherited.
            own = os.environ if job.config.os_env else {}
            found.update({name: own.get(name) for name in USER_VARIABLES})
        if options.env_file:
            known = {**environ, **found}
            inherited = {name: value for name, value in known.items() if value is not None}
            found.update(load_files(options.env_file, job.config.cwd, inherited))
        return found


plugin = EnvPlugin()
