"""Trust: refuses configuration files that other users can write, or warns of them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from gaffer_kernel.errors import ConfigError
from gaffer_kernel.path_security import PathGuard

log = logging.getLogger(__name__)

KEY = "insecure_config"


class _UntrustedError(Exception):
    """Another user can write a file; names the part of its path, and the remedy."""


class Trust:
    """Checks each file of a configuration before it is read.

    A file that other users can write is an error for root. For other users it is a warning, once
    for each reason.

    Args:
        insecure: check nothing, as with `--insecure-config`.
    """

    def __init__(self, *, insecure: bool = False) -> None:
        self.insecure = insecure
        self._guard = PathGuard(_UntrustedError)
        self._warned: set[str] = set()
        self._exempt: set[str] = set()

    def exempt(self, file: Path | str) -> None:
        """Do not check the files named in a file, which was checked and sets `insecure_config`."""
        self._exempt.add(str(file))

    def is_exempt(self, file: Path | str) -> bool:
        """Whether the files that a file names are not checked."""
        return self.insecure or str(file) in self._exempt

    def check(self, path: Path) -> bool:
        """Check a file or folder.

        Returns:
            Whether no other user can write it.

        Raises:
            ConfigError: another user can write it and we are root, or there is no such file.
        """
        try:
            self._guard.check(path)
        except ValueError:  # a NUL in the path: reading it fails, too
            return False
        except OSError as error:
            # /proc/self/fd leads to pipes without a path, inherited from the parent of gafferd.
            # Any other missing file could be created between this check and the read.
            if not os.path.realpath(path).startswith("/proc/"):
                raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
        except _UntrustedError as error:
            self._report(path, str(error))
            return False
        return True

    def _report(self, path: Path, reason: str) -> None:
        if os.geteuid() == 0:
            raise ConfigError(f"{reason}, or start gafferd with --insecure-config", file=path)
        if reason not in self._warned:
            self._warned.add(reason)
            log.warning("%s: %s", path, reason)
