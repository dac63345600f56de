"""Reading /proc: the files that a process has open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def holds_socket(process: Path, inode: int) -> bool:
    """Return whether a process has a socket open; False if we may not read its files.

    Args:
        process: its directory in /proc.
        inode: of the socket.
    """
    link = f"socket:[{inode}]"
    try:
        with os.scandir(process / "fd") as entries:
            for entry in entries:
                with suppress(OSError):
                    if os.readlink(entry.path) == link:
                        return True
    except OSError:
        # The process has exited (ENOENT), or belongs to another user (EACCES).
        pass
    return False
