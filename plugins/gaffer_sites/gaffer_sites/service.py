"""The service: which sites there are, and their files."""

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

from gaffer_sites import folders, manifest
from gaffer_sites import migration as moving
from gaffer_sites.folders import Site
from gaffer_sites.safe_open import Opened, Refused, open_beneath

log = logging.getLogger(__package__)

MAX_SAID = 1000
"""Complaints that are remembered, so as not to repeat them."""

Result = TypeVar("Result")

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder of a site.

    Attributes:
        opened: the file; to be closed.
        policy: the Content-Security-Policy of its site.
    """

    opened: Opened
    policy: str


class Sites:
    """What `kernel.services["sites"]` is.

    Args:
        kernel: whose plugins have the sites.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._plugins = kernel.plugins
        self._say = lru_cache(MAX_SAID)(log.warning)
        # One at a time: the content of a folder may be on its way to `_site`.
        self._limiter = trio.CapacityLimiter(1)

    def list(self) -> tuple[Site, ...]:
        """The sites that there are now, by name. Looks at the disk: may block."""
        return self._list(self._plugins.roots, self._shut())

    async def listed(self) -> tuple[Site, ...]:
        """As `list`, but looks from a thread."""
        return await self._in_thread(partial(self._list, self._plugins.roots, self._shut()))

    async def find(self, name: str, parts: Sequence[str]) -> Found | None:
        """Find a file or folder of a site.

        Args:
            name: of the plugin; may be anything.
            parts: the names that lead there; they may not be `..` or empty.

        Returns:
            None when there is nothing that may be shown.
        """
        if name in self._shut():
            return None
        return await self._in_thread(partial(self._find, self._plugins.roots, name, parts))

    async def settle(self) -> None:
        """Move what is to be moved under `_site`, and end what was begun: nobody is copying now."""
        await self._in_thread(partial(self._settle, self._plugins.roots))

    async def _in_thread(self, look: Callable[[], Result]) -> Result:
        # A disk can hang. The plugin closes nevertheless: such a look is left to itself.
        return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._limiter)

    def _shut(self) -> frozenset[str]:
        """The plugins whose sites are not served."""
        return frozenset(info.name for info in self._plugins.info() if info.state != "open")

    # In a thread

    def _settle(self, roots: Iterable[Path]) -> None:
        for root in roots:
            self._try(root, partial(moving.complete, root))
        self._list(roots, settled=True)

    def _list(
        self, roots: Iterable[Path], shut: frozenset[str] = frozenset(), *, settled: bool = False
    ) -> tuple[Site, ...]:
        names = {
            name
            for root in roots
            for name in self._try(root, partial(folders.names, root, self._say)) or ()
        }
        sites = (self._site(roots, name, settled=settled) for name in sorted(names - shut))
        return tuple(site for site in sites if site is not None)

    def _site(self, roots: Iterable[Path], name: str, *, settled: bool = False) -> Site | None:
        for root in roots:
            look = partial(folders.find, root, name, self._say, settled=settled)
            site = self._try(root / name, look)
            if site is not None:
                return site
        return None

    def _find(self, roots: Iterable[Path], name: str, parts: Sequence[str]) -> Found | None:
        site = self._site(roots, name)
        if site is None:
            return None
        opened = self._try(site.folder, partial(open_beneath, site.folder, parts))
        if opened is None or opened.place == site.folder / manifest.NAME:
            return None
        policy = self._try(site.folder, partial(manifest.policy, site.folder))
        return Found(opened, policy or manifest.STRICT)

    def _try(self, place: Path, look: Callable[[], Result]) -> Result | None:
        """Look at a place, or say in the log what is wrong with it; what is absent is not."""
        try:
            return look()
        except Refused as refusal:
            self._say(str(refusal))
        except OSError as error:
            if error.errno not in _ABSENT:
                self._say(f"{error.filename or place}: {error.strerror}")
        return None


@asynccontextmanager
async def open_sites(kernel: Kernel) -> AsyncIterator[Sites]:
    """Offer the sites of a kernel's plugins as long as the block lasts."""
    sites = Sites(kernel)
    async with trio.open_nursery() as nursery:
        # Beside, so that a slow disk does not hold up the start. Requests wait for it.
        nursery.start_soon(sites.settle, name="settle sites")
        yield sites
        nursery.cancel_scope.cancel()
