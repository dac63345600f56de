"""Which files of a configuration other users could have written, and what to do about it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from gaffer_kernel.errors import ConfigError
from gaffer_kernel.path_security import PathGuard

log = logging.getLogger(__name__)

KEY = "insecure_config"


class _Untrusted(Exception):
    """Another user could have written a file; says which part of its path, and the remedy."""


class Trust:
    """Checks each file of a configuration before it is read.

    What root runs must not be written by others: that is an error. For an ordinary user it is a
    warning, once for each reason.

    Args:
        insecure: check nothing, as `--insecure-config` says.
    """

    def __init__(self, *, insecure: bool = False) -> None:
        self.insecure = insecure
        self._guard = PathGuard(_Untrusted)
        self._warned: set[str] = set()
        self._exempt: set[str] = set()

    def exempt(self, file: Path | str) -> None:
        """Do not check what a file names: it is in order, and says `insecure_config`."""
        self._exempt.add(str(file))

    def is_exempt(self, file: Path | str) -> bool:
        """Whether what a file names is not checked."""
        return self.insecure or str(file) in self._exempt

    def check(self, path: Path) -> bool:
        """Check a file or folder.

        Returns:
            Whether nobody else could have written it.

        Raises:
            ConfigError: somebody else could, and we are root; or there is no such file.
        """
        try:
            self._guard.check(path)
        except ValueError:  # a NUL in the path: reading it fails, too
            return False
        except OSError as error:
            # Behind /proc/self/fd there are pipes without a path: who started gafferd gave them.
            # Anything else could appear between this check and the reading.
            if not os.path.realpath(path).startswith("/proc/"):
                raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
        except _Untrusted as error:
            self._report(path, str(error))
            return False
        return True

    def _report(self, path: Path, reason: str) -> None:
        if os.geteuid() == 0:
            raise ConfigError(f"{reason}, or start gafferd with --insecure-config", file=path)
        if reason not in self._warned:
            self._warned.add(reason)
            log.warning("%s: %s", path, reason)
