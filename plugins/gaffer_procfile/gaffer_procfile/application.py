"""A Procfile with its variables and numbers, as jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gaffer_kernel import ConfigError, InvalidField, JobConfig
from gaffer_kernel.plugin import shown

from gaffer_procfile.concurrency import ALL
from gaffer_procfile.environment import load_env, load_envs
from gaffer_procfile.procfile import Entry, Procfile

FIRST_PORT = 5000
"""PORT of the first process of the first type."""

APART = 100
"""Ports from one type to the next. One with more processes goes on into those of the next."""

LAST_PORT = 65535

PORT = "PORT"
FIRST_OF_JOB = "GAFFER_PORT"
"""The variable by which a job asks that its first process gets this PORT, and so on."""

RELEASE = "release"
"""A type for deployments, which ends when its work is done: there is none unless it is named."""

_SPECIAL = ("GAFFER_UID", "GAFFER_GID", "GAFFER_REDIRECT_INPUT")
_NUMBER = re.compile(r"[0-9]{1,5}")
_UNFIT = re.compile(r"[^A-Za-z0-9_+-]+")


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a type.

    Attributes:
        type: of which type.
        number: which one of them, from 1.
        env: its variables, PORT among them.
    """

    type: Type
    number: int
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Type:
    """A type of process.

    Attributes:
        command: for a shell.
        count: how many of it.
        port: PORT of the first one.
        env: the variables of every one, without PORT.
        index: its place in the Procfile, from 0.
    """

    name: str
    command: str
    count: int
    port: int
    env: Mapping[str, str]
    index: int

    def instances(self) -> Iterator[Instance]:
        """Each of its processes."""
        for number in range(1, self.count + 1):
            env = {**self.env, PORT: str(self.port + number - 1)}
            yield Instance(self, number, env)


@dataclass(frozen=True)
class Application:
    """What a Procfile runs, where, with which variables, and how many of each.

    Attributes:
        name: also the session of its jobs.
        root: the folder in which it runs.
        env: variables of all processes; PORT is that of the first one.
        concurrency: how many of each type; 1 of those that are not named, unless `all` says else,
            and none of the type `release`.
        chosen: the single type that counts, if it is not all.
    """

    name: str
    root: Path
    procfile: Procfile
    env: Mapping[str, str] = field(default_factory=dict)
    concurrency: Mapping[str, int] = field(default_factory=dict)
    chosen: str | None = None

    @classmethod
    def read(
        cls,
        procfile: Path | str = "Procfile",
        *,
        root: Path | str | None = None,
        env_files: Iterable[Path | str] = (),
        env: Mapping[str, str] | None = None,
        concurrency: Mapping[str, int] | None = None,
        name: str | None = None,
    ) -> Application:
        """Read a Procfile, and the `.env` beside it if there is one.

        Args:
            procfile: the file.
            root: the folder in which it runs, and whose `.env` is read; that of the file if not
                given.
            env_files: more files with variables, which have to be there; later ones win.
            env: variables, which win over those of all files.
            concurrency: how many of each type.
            name: of the application; that of the folder, made fit, if not given.

        Raises:
            ConfigError: a file cannot be read, or is wrong somewhere; file and line are named.
        """
        read = Procfile.read(procfile)
        folder = Path(root if root is not None else Path(procfile).parent).absolute()
        beside = folder / ".env"
        found = load_env(beside) if beside.is_file() else {}
        found |= {**load_envs(env_files), **(env or {})}
        app = cls(name or app_name(folder), folder, read, found, concurrency or {})
        app.types()
        return app

    def only(self, name: str) -> Application:
        """The same with a single type, its PORT unchanged.

        Raises:
            ConfigError: there is no such type.
        """
        self.procfile.check_names({name: 1}, "type")
        return replace(self, chosen=name)

    def types(self) -> list[Type]:
        """The types in the order of the Procfile.

        Raises:
            ConfigError: PORT is no number, or leaves too few ports; or a number is given for a type
                that is not there.
        """
        named = {name: count for name, count in self.concurrency.items() if name != ALL}
        self.procfile.check_names(named, "concurrency")
        first = self._first_port()
        entries = enumerate(self.procfile.entries.values())
        found = [
            self._type(entry, index, self._count(entry.name), first + APART * index)
            for index, entry in entries
            if self.chosen in (None, entry.name)
        ]
        for each in found:
            self._check_ports(each, first)
        return found

    def _check_ports(self, each: Type, first: int) -> None:
        last = each.port + each.count - 1
        if each.count and last > LAST_PORT:
            raise ConfigError(
                f"PORT {first} is too high: {each.name}.{each.count} would get {last}, and there is"
                f" none beyond {LAST_PORT}"
            )

    def _count(self, name: str) -> int:
        others = self.concurrency.get(ALL, 1)
        if name == RELEASE:
            # It would be run again and again.
            others = int(name == self.chosen)
        return self.concurrency.get(name, others)

    def _type(self, entry: Entry, index: int, count: int, port: int) -> Type:
        env = {name: each for name, each in self.env.items() if name not in (*_SPECIAL, PORT)}
        return Type(entry.name, entry.command, count, port, env, index)

    def _first_port(self) -> int:
        text = self.env.get(PORT, str(FIRST_PORT))
        if not (_NUMBER.fullmatch(text) and 0 < int(text) <= LAST_PORT):
            raise ConfigError(f"PORT must be a number from 1 to {LAST_PORT}, not {shown(text)}")
        return int(text)

    def jobs(self) -> list[JobConfig]:
        """A job for each type: run by a shell in `root`, its outputs read as `out` and `err`.

        GAFFER_UID and GAFFER_GID among the variables say as whom, GAFFER_REDIRECT_INPUT which types
        can be written to.

        Raises:
            ConfigError: a type cannot be a job; file and line are named.
        """
        return [self._job(each) for each in self.types()]

    def _job(self, each: Type) -> JobConfig:
        readers = self.env.get("GAFFER_REDIRECT_INPUT", "").replace(",", " ").split()
        try:
            return JobConfig(
                name=each.name,
                cmd=each.command,
                shell=True,
                cwd=str(self.root),
                env={**each.env, PORT: str(each.port), FIRST_OF_JOB: str(each.port)},
                uid=self.env.get("GAFFER_UID") or None,
                gid=self.env.get("GAFFER_GID") or None,
                numprocesses=each.count,
                redirect_output=("out", "err"),
                redirect_input=each.name in readers,
                priority=each.index,
            )
        except InvalidField as error:
            line = self.procfile.entries[each.name].line
            raise ConfigError(str(error), file=self.procfile.path, line=line) from None


def app_name(folder: Path) -> str:
    """The name of an application that lives in a folder, made fit for a session."""
    fit = _UNFIT.sub("-", folder.name).strip("+-")
    return fit or "app"


def port_of(env: Mapping[str, str], number: int) -> dict[str, str]:
    """PORT of one process of a job, if the job asks for it.

    Args:
        env: the variables of the job.
        number: which of its processes, from 1; 0 for one that is run once.
    """
    first = env.get(FIRST_OF_JOB, "")
    if number < 1 or not (first.isascii() and first.isdigit()):
        return {}
    return {PORT: str(int(first) + number - 1)}
