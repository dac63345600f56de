"""Where the file of tokens is, for gafferd and for the command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "GAFFER_AUTH_FILE"
DEFAULT = "~/.gaffer/auth.json"


def expanded(name: str) -> Path:
    """The path that a person wrote; `~` is his home."""
    return Path(os.path.expanduser(name))


def usual_file(environ: Mapping[str, str]) -> Path:
    """The file that counts when nobody names another."""
    return expanded(environ.get(VARIABLE) or DEFAULT)
