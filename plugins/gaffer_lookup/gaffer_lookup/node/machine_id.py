"""The machine as the owner of a registration: the same words after each start."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

MACHINE_ID_FILE = Path("/etc/machine-id")


def get_machine_id() -> str:
    """Return the machine as an owner, for a registration that no caller stands behind.

    A gafferd that was killed gets its name back at once, and no other machine can take it.
    """
    try:
        known = MACHINE_ID_FILE.read_text().strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    # Hashed, because machine-id(5) asks not to publish the number itself.
    words = f"gaffer lookup {known or socket.gethostname()}"
    return f"machine {hashlib.sha256(words.encode()).hexdigest()[:16]}"
