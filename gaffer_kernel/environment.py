"""The variables that a process inherits from gafferd, and the secrets that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaffer_kernel.system import User

PRIVATE = frozenset(
    {
        "GAFFER_TOKEN",
        "GAFFER_AUTH_FILE",
        "GAFFER_ETCD_PASSWORD_FILE",
        "CREDENTIALS_DIRECTORY",
    }
)
"""Tokens of gafferd and paths of its secrets: no job inherits these."""

_PLAIN = frozenset({"PATH", "LANG", "TZ"})
_LOCALE = "LC_"


def inherited(environ: Mapping[str, str], os_env: bool | None, user: User | None) -> dict[str, str]:
    """Return the variables that a process inherits from gafferd, and those of its own user.

    Args:
        environ: the environment of gafferd.
        os_env: whether the job inherits it. None if the job does not set it: then a process of
            another user gets only PATH, LANG, LC_* and TZ, because other variables may hold secrets
            of gafferd's user or name files that the other user cannot read.
        user: the user that the process runs as, if the job sets one.
    """
    if os_env is False:
        variables = {}
    elif os_env is None and user is not None and user.is_other:
        variables = {key: text for key, text in environ.items() if _is_plain(key)}
    else:
        variables = {key: text for key, text in environ.items() if key not in PRIVATE}
    return variables | dict(user.environ if user is not None else {})


def _is_plain(name: str) -> bool:
    return name in _PLAIN or name.startswith(_LOCALE)
