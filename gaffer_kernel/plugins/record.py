"""PluginRecord: the state of one plugin in the kernel; PluginInfo: the part of it that is shown."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gaffer_kernel.errors import PluginError, describe_exception

OLD_PACKAGE = "gaffer"
OLD_PACKAGE_REMEDY = (
    "it was written for gaffer 0.5: import from gaffer_kernel instead, such as"
    " `from gaffer_kernel import Plugin`, and see docs/migration.md"
)

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
        requires: names of the plugins that must be open before it.
        failures: how many of its hooks have raised so far.
        path: the folder of a folder plugin, absolute; None for the others.
        description: the description of a plugin that is a class.
        mandatory: the `mandatory` of such a plugin, with versions, as it is written there.
        opened: how often it has been opened so far, with any code.
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
class PluginRecord:
    """The kernel's notes on one plugin.

    `plugin` is None if it is disabled or cannot be imported. `package` is the private name under
    which the code of a folder was imported, `stamp` the state of its files at that time.
    `hook_failures` counts the failures of each hook.
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
    events: tuple[str, ...] = ()
    opened: int = 0
    package: str | None = None
    stamp: frozenset[tuple[object, ...]] = frozenset()
    hook_failures: Counter[str] = field(default_factory=Counter)

    def plugin_error(self, reason: str) -> PluginError:
        """Make an error that names this plugin, with its distribution and version."""
        return PluginError(self.name, reason, distribution=self.distribution, version=self.version)

    def get_reason(self, exc: BaseException) -> str:
        """Return what to report of an exception: an error about this plugin is not named twice."""
        if isinstance(exc, PluginError) and exc.plugin == self.name:
            return exc.reason
        return describe_exception(exc)

    def import_error(self, exc: BaseException, origin: object) -> PluginError:
        """Make the error for a plugin whose import from `origin` raised."""
        if isinstance(exc, ModuleNotFoundError) and exc.name == OLD_PACKAGE:
            return self.plugin_error(f"{describe_exception(exc)}: {OLD_PACKAGE_REMEDY}")
        return self.plugin_error(
            f"{origin} cannot be imported: {describe_exception(exc)}: {self.remedy}"
        )

    @property
    def remedy(self) -> str:
        """The remedy for a plugin whose code is wrong, for an error message."""
        return f"repair it, or disable {self.name}"

    def info(self) -> PluginInfo:
        """Return what lists show of it now."""
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
