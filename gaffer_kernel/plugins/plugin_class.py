"""The other form of a plugin: a class, whose application is started and stopped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.names import PART
from gaffer_kernel.plugins.application import Application
from gaffer_kernel.plugins.dependencies import declared

if TYPE_CHECKING:
    from gaffer_kernel.config import Config
    from gaffer_kernel.kernel import Kernel

VERSIONS_BY = "mandatory"
"""The plugin that compares the versions of plugins with those in `mandatory`."""


class Plugin:
    """Base of plugins that are a class with an application, named in the `__all__` of its module.

    Its methods may implement hooks as well: mark them `@hookimpl`.

    Attributes:
        name: the plugin's name, equal to that of its folder or entry point.
        version: for lists, and for what other plugins demand.
        description: one line, for lists.
        mandatory: names of plugins it cannot do without, which open first; a name may be followed
            by versions, `"http>=1.2"`, and gaffer-mandatory is then needed to compare them.
    """

    name: str = ""
    version: str | None = None
    description: str = ""
    mandatory: Sequence[str] = ()

    _running: Application | None = None

    def app(self, cfg: Config) -> Any:
        """Give the application, made anew each time the plugin opens; None when there is none.

        Args:
            cfg: the configuration, which has been checked.

        Returns:
            An object with some of `start(loop, manager)`, `stop()` and `restart()`, plain or async.
            `loop` is a trio nursery for the tasks of the plugin, `manager` that of the kernel. It
            is the public service of the plugin. `restart` is called after each reload of the
            configuration.
        """
        return None

    @property
    def gaffer_requires(self) -> tuple[str, ...]:
        """The plugins in `mandatory`, without versions, and the one that compares these."""
        matches = [re.match(PART, each.strip()) for each in declared(self, "mandatory")]
        if not all(matches):
            raise TypeError('mandatory must be a list of plugin names, like ["http"]')
        names = [match[0] for match in matches if match]
        if any(match.string != match[0] for match in matches if match):
            names.append(VERSIONS_BY)
        return tuple(names)

    @hookimpl
    def gaffer_service(self, kernel: Kernel) -> AbstractAsyncContextManager[object]:
        """Run the application for the plugin's whole life."""
        self._running = Application(self.app(kernel.config))
        return self._running.living(kernel.manager)

    def _restart(self) -> None:
        """Have the application restart, if it is there; returns at once."""
        if self._running is not None:
            self._running.restart()
