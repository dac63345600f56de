"""The check that code runs in trio, with an error that names the cause if it does not."""

from __future__ import annotations

import sys
from contextlib import suppress

import trio


def require_trio(name: str) -> None:
    """Refuse to run outside trio; without this, trio fails with an error that does not say why.

    Args:
        name: what needs trio.

    Raises:
        RuntimeError: the caller is not a task of trio, but for instance one of asyncio.
    """
    if not trio.lowlevel.in_trio_task():
        caller = "a task of asyncio called it" if _is_asyncio() else "no task of trio called it"
        raise RuntimeError(
            f"{name} works in trio only, and {caller}: run it with trio.run, in a thread of its own"
            " if need be; docs/embedding.md shows how"
        )


def _is_asyncio() -> bool:
    # Not imported here: a program without asyncio should not pay for it.
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            return True
    return False
