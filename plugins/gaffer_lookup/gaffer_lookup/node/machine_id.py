"""On which machine this is, in words that are the same each time."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

ID = Path("/etc/machine-id")


def machine() -> str:
    """The machine, as the owner of what is registered without anybody who asks who it is.

    A gafferd that was killed thus has its name again at once, and no other machine has it.
    """
    try:
        known = ID.read_text().strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    # The number itself is nobody else's business.
    words = f"gaffer lookup {known or socket.gethostname()}"
    return f"machine {hashlib.sha256(words.encode()).hexdigest()[:16]}"
