"""Checkpoints for code that holds up the whole program between two awaits."""

from __future__ import annotations

import trio

STEPS = 8
"""Steps that other tasks get, if they need them, after a piece of work that held them up."""


async def let_others_run() -> None:
    """Give the runnable tasks several steps.

    One checkpoint gives each task one step. An HTTP response takes about twenty steps, so it would
    have to wait for twenty of the pieces of work between which this is called.
    """
    for _ in range(STEPS):
        await trio.lowlevel.checkpoint()
        if not trio.lowlevel.current_statistics().tasks_runnable:
            return
