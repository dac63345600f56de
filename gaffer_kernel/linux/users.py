"""Users and groups, looked up for a process that runs as another user."""

from __future__ import annotations

import grp
import os
import pwd

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.system import User


def find_user(uid: int | str | None, gid: int | str | None) -> User | None:
    """Return the user a process with these settings runs as; None if neither is set.

    A user brings their own group and all their supplementary groups: setting the user alone would
    leave the process in the groups of gafferd, which may be root's.

    Raises:
        SpawnError: `bad_user` or `bad_group`: unknown, or a bare number that needs an explicit gid.
    """
    if uid is None and gid is None:
        return None
    if uid is None:
        return User(os.getuid(), _group(gid), (), {})
    entry = _entry(uid)
    if entry is None:
        if gid is None:
            raise SpawnError("bad_user", f"user {uid} has no entry of its own: set gid as well")
        return User(int(uid), _group(gid), (), {}, int(uid) != os.geteuid())
    group = entry.pw_gid if gid is None else _group(gid)
    groups = tuple(os.getgrouplist(entry.pw_name, group))
    environ = {
        "HOME": entry.pw_dir,
        "USER": entry.pw_name,
        "LOGNAME": entry.pw_name,
        "SHELL": entry.pw_shell,
    }
    return User(entry.pw_uid, group, groups, environ, entry.pw_uid != os.geteuid())


def _entry(uid: int | str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid) if isinstance(uid, int) else pwd.getpwnam(uid)
    except KeyError:
        if isinstance(uid, int):
            return None
        raise SpawnError("bad_user", f"no user is called {uid!r}") from None
    except (OverflowError, ValueError):
        raise SpawnError("bad_user", f"{uid} is not a user number") from None


def _group(gid: int | str | None) -> int:
    if isinstance(gid, str):
        try:
            return grp.getgrnam(gid).gr_gid
        except KeyError:
            raise SpawnError("bad_group", f"no group is called {gid!r}") from None
    return os.getgid() if gid is None else gid
