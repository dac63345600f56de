"""What the kernel knows of one plugin, and the part of it that it tells."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gaffer_kernel.errors import PluginError, describe_exception

State = Literal["loaded", "open", "closed", "failed", "disabled"]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin as lists show it.

    Attributes:
        name: unique within a kernel.
        version: of its distribution, else its `__version__`; None when unknown.
        distribution: the installed package it came from; None for a folder and for embedding.
        state: `loaded` (not open yet), `open`, `closed`, `failed` or `disabled` (never imported).
        error: why it is not open, as one line; None when nothing went wrong.
        requires: names of the plugins it cannot do without.
        failures: how many of its hooks have raised so far.
        path: the folder of a folder plugin, absolute; None for the others.
        description: what a plugin that is a class says of itself.
        mandatory: what such a plugin demands, with versions, as it wrote it.
        opened: how often it has been opened so far, whatever its code was.
    """

    name: str
    version: str | None
    distribution: str | None
    state: State
    error: str | None
    requires: tuple[str, ...]
    failures: int
    path: Path | None
    description: str
    mandatory: tuple[str, ...]
    opened: int


@dataclass(slots=True)
class Record:
    """The kernel's own notes on a plugin.

    `plugin` is None for one that is disabled or cannot be imported; `package` and `stamp` say under
    which private name the code of a folder was imported, and which state of its files; `complaints`
    how often each of its hooks has failed.
    """

    name: str
    plugin: object | None
    distribution: str | None = None
    version: str | None = None
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    state: State = "loaded"
    error: str | None = None
    failures: int = 0
    path: Path | None = None
    description: str = ""
    mandatory: tuple[str, ...] = ()
    opened: int = 0
    package: str | None = None
    stamp: frozenset[tuple[object, ...]] = frozenset()
    complaints: Counter[str] = field(default_factory=Counter)

    def blame(self, reason: str) -> PluginError:
        """The error that names this plugin, with its distribution and version."""
        return PluginError(self.name, reason, distribution=self.distribution, version=self.version)

    def import_error(self, exc: BaseException, origin: object) -> PluginError:
        """Make the error for a plugin whose import from `origin` raised."""
        return self.blame(f"{origin} cannot be imported: {describe_exception(exc)}: {self.remedy}")

    @property
    def remedy(self) -> str:
        """What to do about a plugin whose code is wrong, for an error message."""
        return f"repair it, or disable {self.name}"

    def info(self) -> PluginInfo:
        """What may be shown of it now."""
        return PluginInfo(
            name=self.name,
            version=self.version,
            distribution=self.distribution,
            state=self.state,
            error=self.error,
            requires=self.requires,
            failures=self.failures,
            path=self.path,
            description=self.description,
            mandatory=self.mandatory,
            opened=self.opened,
        )
