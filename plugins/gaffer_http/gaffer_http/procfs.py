"""Read /proc: which files a process has open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def holds_socket(process: Path, inode: int) -> bool:
    """Whether a process has a socket open; False when we may not look into it.

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
        # It has exited, or belongs to another user.
        pass
    return False
