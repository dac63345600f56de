"""The service `kernel.services["sites"]`: the sites of plugins and their files."""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import trio
from gaffer_kernel import Kernel

from gaffer_sites import folders, manifest, migration
from gaffer_sites.folders import Site
from gaffer_sites.safe_open import OpenedPath, SiteError, open_beneath

log = logging.getLogger(__package__)

MAX_WARNINGS = 1000
"""Warnings that are remembered, so that they are not logged again."""

Result = TypeVar("Result")

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class FoundPath:
    """A file or folder of a site.

    Attributes:
        opened: the open file or folder; the caller closes it.
        policy: the Content-Security-Policy of the site.
    """

    opened: OpenedPath
    policy: str


class Sites:
    """The service of the plugin.

    Args:
        kernel: has the plugins whose sites are served.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._plugins = kernel.plugins
        self._warn = lru_cache(MAX_WARNINGS)(log.warning)
        # One thread at a time: it may be moving the content of a folder to `_site`.
        self._limiter = trio.CapacityLimiter(1)

    def list(self) -> tuple[Site, ...]:
        """Return the current sites, by name. It reads the disk and may block."""
        return self._list(self._plugins.roots, self._get_closed())

    async def list_in_thread(self) -> tuple[Site, ...]:
        """Return the current sites, by name; read the disk in a thread."""
        return await self._in_thread(partial(self._list, self._plugins.roots, self._get_closed()))

    async def find(self, name: str, parts: Sequence[str]) -> FoundPath | None:
        """Find a file or folder of a site.

        Args:
            name: the name of the plugin, unchecked.
            parts: the parts of the path; none may be `..` or empty.

        Returns:
            None when there is nothing that may be served.
        """
        if name in self._get_closed():
            return None
        return await self._in_thread(partial(self._find, self._plugins.roots, name, parts))

    async def migrate_all(self) -> None:
        """Move the content of folders without Python to `_site`, and complete interrupted moves.

        Called at the start, when no file is being copied into the folders.
        """
        await self._in_thread(partial(self._migrate_all, self._plugins.roots))

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        # A disk can block in uninterruptible sleep: abandon the thread, so the plugin can close.
        return await trio.to_thread.run_sync(
            function, abandon_on_cancel=True, limiter=self._limiter
        )

    def _get_closed(self) -> frozenset[str]:
        """Return the plugins that are not open: their sites are not served."""
        return frozenset(info.name for info in self._plugins.info() if info.state != "open")

    # The methods below run in a thread.

    def _migrate_all(self, roots: Iterable[Path]) -> None:
        for root in roots:
            self._try(root, partial(migration.complete_moves, root))
        self._list(roots, quiet=True)

    def _list(
        self, roots: Iterable[Path], closed: frozenset[str] = frozenset(), *, quiet: bool = False
    ) -> tuple[Site, ...]:
        names = {
            name
            for root in roots
            for name in self._try(root, partial(folders.list_names, root, self._warn)) or ()
        }
        sites = (self._find_site(roots, name, quiet=quiet) for name in sorted(names - closed))
        return tuple(site for site in sites if site is not None)

    def _find_site(self, roots: Iterable[Path], name: str, *, quiet: bool = False) -> Site | None:
        for root in roots:
            find = partial(folders.find_site, root, name, self._warn, quiet=quiet)
            site = self._try(root / name, find)
            if site is not None:
                return site
        return None

    def _find(self, roots: Iterable[Path], name: str, parts: Sequence[str]) -> FoundPath | None:
        site = self._find_site(roots, name)
        if site is None:
            return None
        opened = self._try(site.folder, partial(open_beneath, site.folder, parts))
        if opened is None or opened.path == site.folder / manifest.NAME:
            return None
        policy = self._try(site.folder, partial(manifest.read_policy, site.folder))
        return FoundPath(opened, policy or manifest.DEFAULT_POLICY)

    def _try(self, path: Path, function: Callable[[], Result]) -> Result | None:
        """Call a function; log errors about its path, except that something does not exist."""
        try:
            return function()
        except SiteError as error:
            self._warn(str(error))
        except OSError as error:
            if error.errno not in _ABSENT:
                self._warn(f"{error.filename or path}: {error.strerror}")
        return None


@asynccontextmanager
async def open_sites(kernel: Kernel) -> AsyncIterator[Sites]:
    """Serve the sites of a kernel's plugins while the block lasts."""
    sites = Sites(kernel)
    async with trio.open_nursery() as nursery:
        # Concurrently, so that a slow disk does not delay the start. Requests wait for it.
        nursery.start_soon(sites.migrate_all, name="migrate sites")
        yield sites
        nursery.cancel_scope.cancel()
