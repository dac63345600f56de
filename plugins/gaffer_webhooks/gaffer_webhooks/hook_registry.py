"""The hooks there are: those of the file and the program, and those that came while gafferd ran."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

import trio
from gaffer_kernel import GafferError, Kernel, NotFound

from gaffer_webhooks.hook import Hook, Key
from gaffer_webhooks.hook_store import read_hooks, write_hooks
from gaffer_webhooks.settings import read_settings
from gaffer_webhooks.state_dir import Folder, InUse, open_folder
from gaffer_webhooks.url import place_of

log = logging.getLogger(__package__)

Lead = Callable[[dict[str, Hook], Folder], object]


class Hooks:
    """All hooks by id, and the folder in which they are kept.

    Args:
        kernel: its configuration is looked at again when a reload has changed it.
        given: those of the program, besides those of the file.

    Attributes:
        settings: what the file says now.
        fixed: the hooks of the file and of the program.
        kept: the others; they survive a restart.
        changed: called with all of them when they have changed. It may raise a GafferError.
    """

    def __init__(self, kernel: Kernel, given: Iterable[Hook]) -> None:
        self._kernel = kernel
        self._config = kernel.config
        self._given = {hook.id: hook for hook in given}
        self._folder: Folder | None = None
        self._closed = False
        self.settings = read_settings(kernel.config)
        self.fixed = self._of_file()
        self.kept: dict[str, Hook] = {}
        self.changed: Lead = lambda hooks, folder: None

    def _of_file(self) -> dict[str, Hook]:
        return {**self._given, **{hook.id: hook for hook in self.settings.hooks}}

    def all(self) -> dict[str, Hook]:
        """Every hook."""
        return {**self.kept, **self.fixed}

    def open(self) -> None:
        """Take up those that there are, and remove messages that nobody wants any more.

        Nothing is made as long as there is no hook.

        Raises:
            GafferError: the folder or a file in it cannot be used.
        """
        if not self.fixed and not self.settings.state.exists():
            return
        try:
            folder = self._taken_up()
        except InUse as error:
            if self.fixed:
                raise
            log.warning("%s; until then, it has no hooks", error)
            return
        known = {folder.journal(hook.url, trusted=hook.trusted) for hook in self.all().values()}
        for path in folder.others(known):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s: no hook has this URL any more: %s", path, error.strerror)
            else:
                log.info("%s: no hook has this URL any more: removed", path)

    def _taken_up(self) -> Folder:
        """The folder, with the hooks that are kept there.

        It may be opened only now: it was another gafferd's, or there was no hook so far.
        """
        self._check_open()
        if self._folder is not None:
            return self._folder
        folder = open_folder(self.settings.state)
        try:
            kept = {hook.id: hook for hook in read_hooks(folder.hooks)}
            self.changed({**kept, **self.fixed}, folder)
        except GafferError:
            folder.close()
            raise
        self._folder, self.kept = folder, kept
        return folder

    def registered(self) -> dict[str, Hook]:
        """Those that are kept, whoever registered them, an earlier gafferd too.

        Raises:
            GafferError: the folder or a file in it cannot be used.
        """
        self._taken_up()
        return self.kept

    def refresh(self) -> None:
        """Take over what a reload has changed in the file, once it cannot be taken back."""
        if self._kernel.reloading or self._kernel.config is self._config:
            return
        self._config = self._kernel.config
        state, before = self.settings.state, self.fixed
        self.settings = read_settings(self._config)
        if self._folder is not None and self.settings.state != state:
            log.warning("[webhooks] state: counts when gafferd starts the next time")
            self.settings = replace(self.settings, state=state)
        self.fixed = self._of_file()
        try:
            if self._folder is not None:
                self.changed(self.all(), self._folder)
            elif self.fixed:
                self._taken_up()
        except GafferError as error:
            self.fixed = before
            log.error("%s: the hooks stay as they were", error)

    async def keep(self, hooks: dict[str, Hook]) -> None:
        """Have these kept from now on, and no others.

        Raises:
            GafferError: they cannot be written. Nothing has changed.
            NotFound: the plugin has been closed meanwhile; they will be there when it opens again.

        If cancelled, it may or may not have happened.
        """
        folder = self._taken_up()
        await trio.to_thread.run_sync(write_hooks, folder.hooks, list(hooks.values()))
        self._check_open()
        self.changed({**hooks, **self.fixed}, folder)
        self.kept = hooks

    async def remove_key(self, key: Key) -> None:
        """Nobody is at a URL: remove its hooks, those of the file until the next reload."""
        log.warning("webhook %s: is gone (410): its hooks are removed", place_of(key[0]).origin)
        left, self._given, self.fixed = (
            {name: hook for name, hook in hooks.items() if hook.key != key}
            for hooks in (self.kept, self._given, self.fixed)
        )
        try:
            await self.keep(left)
        except NotFound:
            return  # Closed meanwhile.
        except GafferError as error:
            log.error("%s: after a restart, they will be there again", error)
            self.kept = left
            self.changed(self.all(), self._taken_up())

    def _check_open(self) -> None:
        if self._closed:
            raise NotFound("service", "webhooks")

    def close(self) -> None:
        """Let another gafferd have the folder. Nothing is registered any more."""
        self._closed = True
        if self._folder is not None:
            self._folder.close()
