"""The path of the tokens file, for gafferd and for the command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "GAFFER_AUTH_FILE"
DEFAULT = "~/.gaffer/auth.json"


def expand_path(name: str) -> Path:
    """Replace `~` in a path by the home folder."""
    return Path(os.path.expanduser(name))


def get_default_file(environ: Mapping[str, str]) -> Path:
    """Return the file that is used if no option or setting names one."""
    return expand_path(environ.get(VARIABLE) or DEFAULT)
