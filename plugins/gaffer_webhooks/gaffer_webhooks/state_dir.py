"""The folder of messages and hooks: accessible to its owner only, used by one gafferd only."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from pathlib import Path

from gaffer_kernel import GafferError, StorageError

LOCK = "lock"


class StateDir:
    """A folder that is locked while it is open.

    Args:
        path: the folder.
        lock: the descriptor that holds the lock.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @property
    def hooks(self) -> Path:
        """The file of the hooks that were registered at run time."""
        return self.path / "hooks.json"

    def get_journal(self, url: str, *, trusted: bool) -> Path:
        """Return the file of the messages for a URL."""
        name = hashlib.sha256(f"{trusted} {url}".encode()).hexdigest()[:32]
        return self.path / f"{name}.queue"

    def list_unused_journals(self, used: set[Path]) -> list[Path]:
        """Return the files of messages that are not among the used ones."""
        return sorted(path for path in self.path.glob("*.queue") if path not in used)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)


class StateDirInUseError(GafferError):
    """Another gafferd uses the folder: give one of them its own."""


def open_state_dir(path: Path) -> StateDir:
    """Open and lock the folder; create it if it is missing, and remove what a crash left.

    Raises:
        StateDirInUseError: another gafferd uses it.
        StorageError: it cannot be created or written.
        GafferError: it must not be used: other users can read it, for example.
    """
    try:
        _create(path)
        _check(path)
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StorageError(f"webhooks: {path}: cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for unfinished in path.glob("*.new"):
            unfinished.unlink(missing_ok=True)
    except BlockingIOError:
        os.close(lock)
        reason = "is used by another gafferd: give this one its own with [webhooks] state"
        raise StateDirInUseError(f"webhooks: {path} {reason}") from None
    except OSError as error:
        os.close(lock)
        raise StorageError(f"webhooks: {path}: cannot be used: {error.strerror}") from None
    return StateDir(path, lock)


def _create(path: Path) -> None:
    if not path.is_dir():
        _create(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _check(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise GafferError(f"webhooks: {path} is not a folder")
    if status.st_uid != os.geteuid():
        raise GafferError(f"webhooks: {path} belongs to user {status.st_uid}")
    if status.st_mode & 0o077:
        raise GafferError(f"webhooks: {path} is open to others: chmod 700 {path}")
