"""All hooks: those of the configuration and the program, and those registered at run time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

import trio
from gaffer_kernel import GafferError, Kernel, NotFound

from gaffer_webhooks.hook import Hook, TargetKey
from gaffer_webhooks.hook_store import read_hooks, write_hooks
from gaffer_webhooks.settings import read_settings
from gaffer_webhooks.state_dir import StateDir, StateDirInUseError, open_state_dir
from gaffer_webhooks.url import parse_url

log = logging.getLogger(__package__)

OnChange = Callable[[dict[str, Hook], StateDir], object]


class HookRegistry:
    """All hooks by id, and the folder where they are stored.

    Args:
        kernel: its configuration is read again after a reload.
        program_hooks: the hooks of the embedding program.

    Attributes:
        settings: the settings of the current configuration.
        fixed: the hooks of the configuration and of the program.
        stored: the hooks registered at run time; they survive a restart.
        on_change: called with all hooks when they have changed. It may raise a GafferError.
    """

    def __init__(self, kernel: Kernel, program_hooks: Iterable[Hook]) -> None:
        self._kernel = kernel
        self._config = kernel.config
        self._program_hooks = {hook.id: hook for hook in program_hooks}
        self._state_dir: StateDir | None = None
        self._closed = False
        self.settings = read_settings(kernel.config)
        self.fixed = self._get_fixed()
        self.stored: dict[str, Hook] = {}
        self.on_change: OnChange = lambda hooks, state_dir: None

    def _get_fixed(self) -> dict[str, Hook]:
        return {**self._program_hooks, **{hook.id: hook for hook in self.settings.hooks}}

    def get_all(self) -> dict[str, Hook]:
        """Return every hook by id."""
        return {**self.stored, **self.fixed}

    def open(self) -> None:
        """Read the stored hooks, and remove messages for URLs without a hook.

        Nothing is created while there is no hook.

        Raises:
            GafferError: the folder or a file in it cannot be used.
        """
        try:
            if not self.fixed and not self.settings.state.exists():
                return
            state_dir = self._open_state_dir()
        except StateDirInUseError as error:
            if self.fixed:
                raise
            log.warning("%s; until then, it has no hooks", error)
            return
        except OSError as error:  # EACCES: a folder above it may not be entered
            raise GafferError(f"webhooks: {self.settings.state}: {error.strerror}") from None
        used = {
            state_dir.get_journal(hook.url, trusted=hook.trusted)
            for hook in self.get_all().values()
        }
        for path in state_dir.list_unused_journals(used):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s: no hook has this URL any longer: %s", path, error.strerror)
            else:
                log.info("%s: no hook has this URL any longer: removed", path)

    def _open_state_dir(self) -> StateDir:
        """Return the folder; open it and read its hooks first if that was not possible yet.

        Until now another gafferd may have used it, or there was no hook.
        """
        self._check_open()
        if self._state_dir is not None:
            return self._state_dir
        state_dir = open_state_dir(self.settings.state)
        try:
            stored = {hook.id: hook for hook in read_hooks(state_dir.hooks)}
            self.on_change({**stored, **self.fixed}, state_dir)
        except GafferError:
            state_dir.close()
            raise
        self._state_dir, self.stored = state_dir, stored
        return state_dir

    def load_stored(self) -> dict[str, Hook]:
        """Return the stored hooks, those of an earlier gafferd too.

        Raises:
            GafferError: the folder or a file in it cannot be used.
        """
        self._open_state_dir()
        return self.stored

    def refresh(self) -> None:
        """Apply what a reload has changed in the configuration, once it cannot be rolled back."""
        if self._kernel.reloading or self._kernel.config is self._config:
            return
        self._config = self._kernel.config
        state, before = self.settings.state, self.fixed
        self.settings = read_settings(self._config)
        if self._state_dir is not None and self.settings.state != state:
            log.warning("[webhooks] state: the change applies at the next start of gafferd")
            self.settings = replace(self.settings, state=state)
        self.fixed = self._get_fixed()
        try:
            if self._state_dir is not None:
                self.on_change(self.get_all(), self._state_dir)
            elif self.fixed:
                self._open_state_dir()
        except GafferError as error:
            self.fixed = before
            log.error("%s: the hooks stay as they were", error)

    async def replace_stored(self, hooks: dict[str, Hook]) -> None:
        """Replace the stored hooks.

        Raises:
            StorageError: they cannot be written. Nothing has changed.
            NotFound: the plugin closed during the write; they are there when it opens again.

        If cancelled, it may or may not have happened.
        """
        state_dir = self._open_state_dir()
        await trio.to_thread.run_sync(write_hooks, state_dir.hooks, list(hooks.values()))
        self._check_open()
        self.on_change({**hooks, **self.fixed}, state_dir)
        self.stored = hooks

    async def remove_target(self, key: TargetKey) -> None:
        """Remove the hooks of a URL that is gone, those of the configuration until a reload."""
        log.warning("webhook %s: is gone (410): its hooks are removed", parse_url(key[0]).origin)
        stored, self._program_hooks, self.fixed = (
            {hook_id: hook for hook_id, hook in hooks.items() if hook.key != key}
            for hooks in (self.stored, self._program_hooks, self.fixed)
        )
        try:
            await self.replace_stored(stored)
        except NotFound:
            return  # Closed during the write.
        except GafferError as error:
            log.error("%s: after a restart, they will be there again", error)
            self.stored = stored
            self.on_change(self.get_all(), self._open_state_dir())

    def _check_open(self) -> None:
        if self._closed:
            raise NotFound("service", "webhooks")

    def close(self) -> None:
        """Release the folder. Nothing can be registered any longer."""
        self._closed = True
        if self._state_dir is not None:
            self._state_dir.close()
