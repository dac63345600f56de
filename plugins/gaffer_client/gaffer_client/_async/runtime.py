"""The check that no client for trio is used in asyncio, with an error that says so."""

from __future__ import annotations

import sys


def refuse_asyncio() -> None:
    """Refuse to work in asyncio; without this, feeds and channels fail there without a reason.

    Raises:
        RuntimeError: the caller is a task of asyncio.
    """
    # Not imported here: `import gaffer_client` and a program without asyncio should not pay for it.
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    if asyncio is None or (trio is not None and trio.lowlevel.in_trio_task()):
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "AsyncServer and AsyncLookup work in trio only, and a task of asyncio called them: use"
        " Server or Lookup there, in a thread: await asyncio.to_thread(server.jobs)"
    )
