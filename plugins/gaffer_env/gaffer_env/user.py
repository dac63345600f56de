"""The variables of the user that a process runs as."""

from __future__ import annotations

import os
import pwd

from gaffer_kernel import SpawnError

USER_VARIABLES = ("HOME", "USER", "LOGNAME", "SHELL")


def get_user_env(uid: int | str | None) -> dict[str, str]:
    """Return HOME, USER, LOGNAME and SHELL of a user.

    Args:
        uid: a name or number; None for the user of gafferd.

    Raises:
        SpawnError: `bad_user`: there is no such user.
    """
    try:
        if isinstance(uid, str):
            entry = pwd.getpwnam(uid)
        else:
            entry = pwd.getpwuid(os.geteuid() if uid is None else uid)
    except (KeyError, OverflowError, ValueError):
        user = os.geteuid() if uid is None else uid
        raise SpawnError("bad_user", f"user_env: user {user} has no entry of its own") from None
    values = (entry.pw_dir, entry.pw_name, entry.pw_name, entry.pw_shell)
    return dict(zip(USER_VARIABLES, values, strict=True))
