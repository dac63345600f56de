"""Config: the sections of the files, the options of the command line, and the jobs."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar, overload

from gaffer_kernel.config import ownership
from gaffer_kernel.config.includes import Reader
from gaffer_kernel.config.ini import parse_ini
from gaffer_kernel.config.job_sections import JOB_PREFIXES, group_by_job, read_jobs
from gaffer_kernel.config.section import Section, get_folder
from gaffer_kernel.config.trust import Trust
from gaffer_kernel.errors import ConfigError, Conflict, InvalidField
from gaffer_kernel.jobs.config import NO_OPTIONS, JobConfig
from gaffer_kernel.names import DEFAULT_SESSION, JobName

T = TypeVar("T")


class Config:
    """A configuration. `Config()` is empty; `Config.read(path)` reads a file.

    Attributes:
        path: the file that was read; None without one.
        files: `path` and all files that it includes.
        options: the options of the command line; a plugin that has an option and a key for the same
            setting lets the option win.
        job_options: the job options that plugins declare; set before plugins are configured.
        notes: lines that plugins add in `gaffer_configure` for `gafferd --check` to show.
        reserved_ports: TCP ports where plugins will listen, which they add in `gaffer_configure`;
            plugins that choose ports of jobs avoid them.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self.files: list[Path] = []
        self.options: dict[str, object] = {}
        self.job_options = NO_OPTIONS
        self.notes: list[str] = []
        self.reserved_ports: set[int] = set()
        self._sections: dict[str, Section] = {}
        self._added: dict[JobName, JobConfig] = {}
        self._trust = Trust()

    @classmethod
    def read(cls, path: Path | str, *, insecure: bool = False, may_wait: bool = True) -> "Config":
        """Read a file and the files that it includes.

        Args:
            path: the file.
            insecure: read files that other users can write, too. Otherwise such a file is an error
                for root, and a warning for other users.
            may_wait: read also from pipes, and wait for what their other ends write.

        Raises:
            ConfigError: a file cannot be read, is not an ini file, or other users can write it. The
                sections are not checked yet, see `check_owned` and `jobs`.
        """
        reader = Reader(insecure=insecure, may_wait=may_wait)
        reader.read(Path(path))
        return cls._from_reader(reader, Path(path))

    @classmethod
    def from_string(cls, text: str, path: Path | str = "<string>") -> "Config":
        """Read a text as if it were the content of the file `path`, which need not exist.

        Raises:
            ConfigError: as `read` does.
        """
        reader = Reader()
        reader.add(parse_ini(text, path), get_folder(path))
        return cls._from_reader(reader, None)

    def again(self, *, read: bool = True, path: Path | None = None) -> "Config":
        """Make a copy of the configuration without the additions of plugins.

        Args:
            read: read the files again, if there are any; else keep the sections.
            path: read this file instead, with the same options of the command line.

        Raises:
            ConfigError: as `read` does, or a file is not a regular one.
        """
        path = path or (self.path if read else None)
        if path is not None:
            # A program that runs its jobs must not wait for the other end of a pipe.
            config = Config.read(path, insecure=self._trust.insecure, may_wait=False)
        else:
            config = Config()
            config.path, config.files, config._sections = self.path, self.files, self._sections
            config._trust = self._trust
        config.options.update(self.options)
        return config

    @classmethod
    def _from_reader(cls, reader: Reader, path: Path | None) -> "Config":
        config = cls()
        config.path = path
        config.files = reader.files
        config._sections = reader.sections
        config._trust = reader.trust
        return config

    def sections(self) -> list[str]:
        """The names of the sections, in the order of the files."""
        return list(self._sections)

    def section(self, name: str) -> Section | None:
        """Return a section by its name."""
        return self._sections.get(name)

    def prefixed(self, prefix: str) -> dict[str, Section]:
        """Return the sections whose names begin with `prefix`, by the rest of their names."""
        return {
            name.removeprefix(prefix): section
            for name, section in self._sections.items()
            if name.startswith(prefix)
        }

    @overload
    def get(self, section: str, key: str) -> str | None: ...
    @overload
    def get(self, section: str, key: str, default: T) -> str | T: ...
    def get(self, section: str, key: str, default: object = None) -> object:
        """Return the text of a key in a section."""
        found = self._sections.get(section)
        return default if found is None else found.get(key, default)

    def check_file(self, path: Path, section: Section, key: str) -> None:
        """Check a file with commands to run, before a plugin reads it.

        The rule is that for the configuration: if another user can write the file, that is an error
        for root, and a warning for other users.

        Args:
            path: the file.
            section: the section that names it.
            key: the key that names it.

        Raises:
            ConfigError: another user can write the file and we are root, or there is no such file.
        """
        if self._trust.is_exempt(section.file):
            return
        try:
            self._trust.check(path)
        except ConfigError as error:
            raise section.error(key, str(error)) from None

    def check_owned(self, owned: Iterable[str] = ()) -> None:
        """Check that the kernel or a plugin reads every section, and every key of [gaffer].

        Args:
            owned: the names that plugins own: `webhooks` a section, `endpoint:` every section that
                begins like this, `gaffer.http_endpoints` one key of [gaffer].

        Raises:
            ConfigError: for the first section or key that has no owner.
        """
        for error in self.find_unowned(owned):
            raise error

    def find_unowned(self, owned: Iterable[str] = ()) -> list[ConfigError]:
        """Return the errors for all sections and keys that `check_owned` would refuse."""
        return list(ownership.find_unowned(self._sections.values(), owned))

    def find_unread(self, owned: Iterable[str]) -> list[ConfigError]:
        """Return an error for each key of an owned section that nothing has asked for.

        Keys count since `forget_asked`; see `ownership.find_unread`.

        Args:
            owned: the names that plugins own, as for `check_owned`.
        """
        return list(ownership.find_unread(self._sections.values(), owned))

    def forget_asked(self) -> None:
        """Forget which keys have been asked for, before plugins are configured again."""
        for section in self._sections.values():
            section.forget_asked()

    def find_wrong_jobs(self) -> list[ConfigError]:
        """Return the errors for all mistakes in the sections of jobs; `jobs` raises the first."""
        errors: list[ConfigError] = []
        read_jobs(self._sections.values(), errors.append, self.job_options)
        return errors

    def add_job(self, job: JobConfig, session: str = DEFAULT_SESSION) -> None:
        """Add a job that is in no file; for plugins, in `gaffer_configure`.

        Raises:
            Conflict: this job was added already.
            InvalidField: the name of the session is not valid.
        """
        name = JobName.parse(job.name, session)
        if name in self._added:
            raise Conflict("job", name)
        self._added[name] = job

    def get_job_section(self, name: JobName) -> Section | None:
        """Return the section [process:NAME] of a job; None if no file describes it."""
        return group_by_job(self._sections.values(), JOB_PREFIXES).get(name)

    def jobs(self) -> list[tuple[str, JobConfig]]:
        """Return the jobs of the files and of the plugins with their sessions, in start order.

        Priority 0 is first, no priority last; jobs of equal priority keep their order.

        Raises:
            ConfigError: a section does not describe a job; the file, line and key are named. Or a
                plugin has added a job with a wrong option.
        """
        jobs = read_jobs(self._sections.values(), declared=self.job_options)
        jobs += [
            (name.session, self._check_options(name, job)) for name, job in self._added.items()
        ]
        return sorted(jobs, key=_sort_key)

    def _check_options(self, name: JobName, job: JobConfig) -> JobConfig:
        try:
            return job.check_options(self.job_options)
        except InvalidField as error:
            raise ConfigError(f"job {name}, added by a plugin: {error}") from None


def _sort_key(entry: tuple[str, JobConfig]) -> float:
    priority = entry[1].priority
    return math.inf if priority is None else priority
