"""The folder in which messages and hooks are kept: for its owner alone, and for one gafferd."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from pathlib import Path

from gaffer_kernel import GafferError

LOCK = "lock"


class Folder:
    """A folder that is locked as long as it is open.

    Args:
        path: which.
        lock: the descriptor that holds the lock.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @property
    def hooks(self) -> Path:
        """The file of the hooks that were registered while gafferd ran."""
        return self.path / "hooks.json"

    def journal(self, url: str, *, trusted: bool) -> Path:
        """The file of the messages for a URL."""
        name = hashlib.sha256(f"{trusted} {url}".encode()).hexdigest()[:32]
        return self.path / f"{name}.queue"

    def others(self, known: set[Path]) -> list[Path]:
        """Files of URLs that no hook has any more."""
        return sorted(path for path in self.path.glob("*.queue") if path not in known)

    def close(self) -> None:
        """Let another gafferd have it."""
        os.close(self._lock)


class InUse(GafferError):
    """Another gafferd has the folder: give one of them its own."""


def open_folder(path: Path) -> Folder:
    """Open a folder, which is made if there is none, and clear away what a crash has left.

    Raises:
        InUse: another gafferd has it.
        GafferError: it cannot be used.
    """
    try:
        _make(path)
        _check(path)
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise GafferError(f"webhooks: {path}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in path.glob("*.new"):
            left.unlink(missing_ok=True)
    except BlockingIOError:
        os.close(lock)
        reason = "is used by another gafferd: give this one its own with [webhooks] state"
        raise InUse(f"webhooks: {path} {reason}") from None
    except OSError as error:
        os.close(lock)
        raise GafferError(f"webhooks: {path}: {error.strerror}") from None
    return Folder(path, lock)


def _make(path: Path) -> None:
    if not path.is_dir():
        _make(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _check(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise GafferError(f"webhooks: {path} is no folder")
    if found.st_uid != os.geteuid():
        raise GafferError(f"webhooks: {path} belongs to user {found.st_uid}")
    if found.st_mode & 0o077:
        raise GafferError(f"webhooks: {path} is open to others: chmod 700 {path}")
