"""Applications: a Procfile with its variables and numbers of processes, as jobs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gaffer_kernel import ConfigError, InvalidField, JobConfig
from gaffer_kernel.plugin import shown

from gaffer_procfile.concurrency import ALL
from gaffer_procfile.environment import load_env, load_envs
from gaffer_procfile.procfile import Entry, Procfile

FIRST_PORT = 5000
"""PORT of the first process of the first type."""

PORTS_PER_TYPE = 100
"""Ports from one type to the next. More processes of a type use the ports of the next one."""

MAX_PORT = 65535

GAFFERD_PORT = 5000
"""Where gafferd listens by default. Its own applications leave this port to it."""

PORT = "PORT"

TYPE_VARIABLE = "PS"
"""The variable that names a process: its type and number, such as `web.1`."""

RELEASE = "release"
"""A type for deployments, whose process exits; it has no processes unless a number is given."""

_SPECIAL = ("GAFFER_UID", "GAFFER_GID", "GAFFER_REDIRECT_INPUT")
_NUMBER = re.compile(r"[0-9]{1,5}")
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_+-]+")


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a type.

    Attributes:
        type: its type.
        number: its number within the type, from 1.
        env: its variables, including PORT.
    """

    type: Type
    number: int
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Type:
    """A type of process.

    Attributes:
        command: the shell command.
        count: the number of processes.
        port: PORT of the first process.
        env: the variables of all its processes, without PORT.
        index: its position in the Procfile, from 0.
    """

    name: str
    command: str
    count: int
    port: int
    env: Mapping[str, str]
    index: int

    def instances(self) -> Iterator[Instance]:
        """Yield each of its processes."""
        for number in range(1, self.count + 1):
            env = {**self.env, PORT: str(self.port + number - 1)}
            yield Instance(self, number, env)


@dataclass(frozen=True)
class Application:
    """A Procfile with its folder, its variables and its numbers of processes.

    Attributes:
        name: the name, which is also the session of its jobs.
        root: the working directory of its processes.
        env: the variables of all processes; PORT is that of the first process.
        concurrency: the number of processes of each type; for types that are not named the number
            of `all`, or 1, and 0 for the type `release`.
        selected: the single type of this application; None for all types.
        reserved_ports: ports of other programs; a type skips the hundred that contains one.
        used_ports: ports of other programs; a type skips the hundred in which one of its processes
            would get one. A first type whose PORT is set skips nothing.
    """

    name: str
    root: Path
    procfile: Procfile
    env: Mapping[str, str] = field(default_factory=dict)
    concurrency: Mapping[str, int] = field(default_factory=dict)
    selected: str | None = None
    reserved_ports: Collection[int] = ()
    used_ports: Collection[int] = ()

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
        default_env: bool = True,
    ) -> Application:
        """Read a Procfile, and the `.env` in its folder if there is one, if `default_env` is true.

        Args:
            procfile: the path of the file.
            root: the working directory, whose `.env` is read; the folder of the file if not given.
            env_files: more files with variables, which must exist; later ones take precedence.
            env: variables, which take precedence over all files.
            concurrency: the number of processes of each type.
            name: the name of the application; made from that of the folder if not given.
            default_env: whether `.env` is read.

        Raises:
            ConfigError: a file cannot be read or is invalid; the error names file and line.
        """
        read = Procfile.read(procfile)
        folder = Path(root if root is not None else Path(procfile).parent).absolute()
        file = folder / ".env"
        found = load_env(file) if default_env and file.is_file() else {}
        found |= {**load_envs(env_files, found), **(env or {})}
        app = cls(name or get_app_name(folder), folder, read, found, concurrency or {})
        app.types()
        return app

    def only(self, name: str) -> Application:
        """Return a copy with a single type, whose PORT is unchanged.

        Raises:
            ConfigError: the type does not exist.
        """
        self.procfile.check_names({name: 1}, "type")
        return replace(self, selected=name)

    def types(self) -> list[Type]:
        """Return the types in the order of the Procfile.

        Raises:
            ConfigError: PORT is not a number, or leaves too few ports; or a number is given for an
                unknown type.
        """
        named = {name: count for name, count in self.concurrency.items() if name != ALL}
        self.procfile.check_names(named, "concurrency")
        first = self._first_port()
        ports = self._assign_ports(first)
        found = [
            self._type(entry, index, self._count(entry.name), ports[entry.name])
            for index, entry in enumerate(self.procfile.entries.values())
            if self.selected in (None, entry.name)
        ]
        for each in found:
            self._check_ports(each, first)
        return found

    def _assign_ports(self, first: int) -> dict[str, int]:
        """Return PORT of the first process of each type."""
        # `release` is rarely started, and needs no port: the types after it must not lose theirs.
        names = sorted(self.procfile.entries, key=lambda name: name == RELEASE)
        ports: dict[str, int] = {}
        port = first
        for name in names:
            if ports or PORT not in self.env:
                while self._is_taken(port, self._count(name)):
                    port += PORTS_PER_TYPE
            ports[name] = port
            port += PORTS_PER_TYPE
        return ports

    def _is_taken(self, port: int, count: int) -> bool:
        reserved = any(port <= each < port + PORTS_PER_TYPE for each in self.reserved_ports)
        return reserved or any(port <= each < port + count for each in self.used_ports)

    def _check_ports(self, each: Type, first: int) -> None:
        last = each.port + each.count - 1
        if each.count and last > MAX_PORT:
            raise ConfigError(
                f"PORT {first} is too high: {each.name}.{each.count} would get {last}, and the"
                f" highest port is {MAX_PORT}"
            )

    def _count(self, name: str) -> int:
        others = self.concurrency.get(ALL, 1)
        if name == RELEASE:
            # As an instance, its process would be restarted after each exit.
            others = int(name == self.selected)
        return self.concurrency.get(name, others)

    def _type(self, entry: Entry, index: int, count: int, port: int) -> Type:
        env = {name: each for name, each in self.env.items() if name not in (*_SPECIAL, PORT)}
        return Type(entry.name, entry.command, count, port, env, index)

    def _first_port(self) -> int:
        text = self.env.get(PORT, str(FIRST_PORT))
        if not (_NUMBER.fullmatch(text) and 0 < int(text) <= MAX_PORT):
            raise ConfigError(f"PORT must be a number from 1 to {MAX_PORT}, not {shown(text)}")
        return int(text)

    def jobs(self) -> list[JobConfig]:
        """Return a job for each type: a shell command in `root` with the outputs `out` and `err`.

        The variables GAFFER_UID and GAFFER_GID set user and group, GAFFER_REDIRECT_INPUT names the
        types with an input.

        Raises:
            ConfigError: a type cannot be a job; the error names file and line.
        """
        return [self._job(each) for each in self.types()]

    def _job(self, each: Type) -> JobConfig:
        with_input = self.env.get("GAFFER_REDIRECT_INPUT", "").replace(",", " ").split()
        try:
            return JobConfig(
                name=each.name,
                cmd=each.command,
                shell=True,
                cwd=str(self.root),
                env={**each.env, TYPE_VARIABLE: each.name},
                # A type without processes may be past the last port.
                port=each.port if each.port <= MAX_PORT else None,
                uid=self.env.get("GAFFER_UID") or None,
                gid=self.env.get("GAFFER_GID") or None,
                numprocesses=each.count,
                redirect_input=each.name in with_input,
                priority=each.index,
            )
        except InvalidField as error:
            line = self.procfile.entries[each.name].line
            raise ConfigError(str(error), file=self.procfile.path, line=line) from None


def get_app_name(folder: Path) -> str:
    """Return the name of an application from its folder, as a valid name of a session."""
    name = _NOT_ALLOWED.sub("-", folder.name).strip("+-")
    return name or "app"


def get_type_env(name: str, env: Mapping[str, str], number: int) -> dict[str, str]:
    """Return PS for one process of a type; nothing if the job is not a type of a Procfile.

    Args:
        name: the name of the job.
        env: the variables of the job; in a type, PS is its name.
        number: the instance number of the process, from 1; 0 for a one-off.
    """
    if number < 1 or env.get(TYPE_VARIABLE) != name:
        return {}
    return {TYPE_VARIABLE: f"{name}.{number}"}
